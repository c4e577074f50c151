//! `claviger lock`: the daemon lends nothing and holds no secret in memory until `claviger unlock`.

use super::Broker;
use claviger::reason::Problem;

impl Broker {
    /// Whether the daemon is locked.
    pub fn is_locked(&self) -> bool {
        self.cache.lockdown().is_locked()
    }

    /// The problem of a session that asks while the daemon is locked.
    ///
    /// # Errors
    /// `locked`.
    pub fn refuse_while_locked(&self) -> Result<(), Problem> {
        self.cache.lockdown().refuse()
    }

    /// Locks, and drops every secret. Returns the number of cache entries that had one.
    ///
    /// # Errors
    /// If it cannot be recorded for the next start; secrets are dropped and the daemon is locked in any case.
    pub fn lock_up(&self) -> Result<usize, Problem> {
        self.cache.lockdown().close();
        let dropped = self.drop_secrets();
        self.shown.touch();
        tracing::info!(dropped, "locked");
        self.cache.lockdown().mark()?;
        Ok(dropped)
    }

    /// Unlocks. Returns whether it was locked.
    ///
    /// # Errors
    /// If the record for the next start cannot be removed; the daemon stays locked then.
    pub fn unlock(&self) -> Result<bool, Problem> {
        let was_locked = self.cache.lockdown().open()?;
        if was_locked {
            tracing::info!("unlocked");
            self.resolver.accounts.announce();
            self.shown.touch();
        }
        Ok(was_locked)
    }

    /// Follows another daemon with the same state: `is_marked` differs from this daemon's own state.
    pub(super) fn follow_mark(&self, is_marked: bool, seen: u64) {
        match self.cache.lockdown().follow(is_marked, seen) {
            None => {}
            Some(true) => {
                let dropped = self.drop_secrets();
                self.shown.touch();
                tracing::info!(dropped, "locked by another daemon with the same state");
            }
            Some(false) => {
                self.resolver.accounts.announce();
                self.shown.touch();
                tracing::info!("unlocked by another daemon with the same state");
            }
        }
    }

    /// Drops every secret: cache entries, results of resolution, contents of settings files.
    pub fn drop_secrets(&self) -> usize {
        let dropped = self.cache.clear();
        self.resolver.forget();
        // Streams check again, and report it.
        self.resolver.accounts.announce();
        dropped
    }

    /// Drops the secrets of an account, except those of the listed login.
    pub fn drop_account(&self, name: &str) {
        let index = self.resolver.accounts.current();
        self.cache.drop_account(name, index.find(name).map(|account| account.login.as_str()));
    }
}
