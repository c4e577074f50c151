//! `claviger lock`: nothing is lent, and no secret is in memory, until `claviger unlock`.

use super::Broker;
use claviger::reason::Problem;

impl Broker {
    /// Whether nothing is lent.
    pub fn is_locked(&self) -> bool {
        self.cache.lockdown().is_locked()
    }

    /// The problem of a session that asks while nothing is lent.
    ///
    /// # Errors
    /// `locked`.
    pub fn refuse_while_locked(&self) -> Result<(), Problem> {
        self.cache.lockdown().refuse()
    }

    /// Lends nothing from now on, and drops every secret. Returns how many cache entries had one.
    ///
    /// # Errors
    /// If it cannot be noted for the next start; secrets are dropped and nothing is lent all the same.
    pub fn lock_up(&self) -> Result<usize, Problem> {
        self.cache.lockdown().close();
        let dropped = self.drop_secrets();
        self.shown.touch();
        tracing::info!(dropped, "locked");
        self.cache.lockdown().mark()?;
        Ok(dropped)
    }

    /// Lends again. Returns whether it had been locked.
    ///
    /// # Errors
    /// If the note for the next start cannot be removed; nothing is lent then.
    pub fn unlock(&self) -> Result<bool, Problem> {
        let was_locked = self.cache.lockdown().open()?;
        if was_locked {
            tracing::info!("unlocked");
            self.resolver.accounts.announce();
            self.shown.touch();
        }
        Ok(was_locked)
    }

    /// Another daemon with the same state has locked, or unlocked, if the mark `is_marked` though this one saw it otherwise.
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

    /// Forgets every secret: cache entries, outcomes of walks, contents of settings files.
    pub fn drop_secrets(&self) -> usize {
        let dropped = self.cache.clear();
        self.resolver.forget();
        // Streams look again, and are told.
        self.resolver.accounts.announce();
        dropped
    }

    /// Forgets the secrets of an account but for those of the login that is on the list.
    pub fn drop_account(&self, name: &str) {
        let index = self.resolver.accounts.current();
        self.cache.drop_account(name, index.find(name).map(|account| account.login.as_str()));
    }
}
