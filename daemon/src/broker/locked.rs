//! `claviger lock`: nothing is lent, and no secret is in memory, until somebody unlocks. A restart does not unlock.

use super::Broker;
use crate::host::files;
use claviger::reason::{Problem, Reason};
use std::sync::atomic::Ordering::SeqCst;

impl Broker {
    /// Whether nothing is lent.
    pub fn is_locked(&self) -> bool {
        self.locked.load(SeqCst)
    }

    /// Lends nothing from now on, and drops every secret. Returns how many cache entries had one.
    ///
    /// # Errors
    /// If it cannot be noted for the next start; secrets are dropped and nothing is lent all the same.
    pub fn lock_up(&self) -> Result<usize, Problem> {
        self.locked.store(true, SeqCst);
        let dropped = self.drop_secrets();
        self.shown.touch();
        tracing::info!(dropped, "locked");
        files::write_private(&self.lock_mark, b"")?;
        Ok(dropped)
    }

    /// Lends again. Returns whether it had been locked.
    ///
    /// # Errors
    /// If the note for the next start cannot be removed; nothing is lent then.
    pub fn unlock(&self) -> Result<bool, Problem> {
        files::remove_private(&self.lock_mark)?;
        let was_locked = self.locked.swap(false, SeqCst);
        if was_locked {
            tracing::info!("unlocked");
            self.accounts.announce();
            self.shown.touch();
        }
        Ok(was_locked)
    }

    /// Forgets every secret: cache entries, outcomes of walks, contents of settings files.
    pub fn drop_secrets(&self) -> usize {
        let entries = std::mem::take(&mut *self.lock());
        let dropped =
            entries.values().filter(|entry| entry.secret.is_some()).count() + self.inherited.clear();
        entries.values().for_each(super::Entry::bump);
        drop(entries);
        self.recall.clear();
        self.settings.forget();
        // Whoever watches looks again, and is told.
        self.accounts.announce();
        dropped
    }

    /// Forgets the secrets of an account but for those of the login that is on the list.
    pub fn drop_account(&self, name: &str) {
        self.inherited.drop_account(name);
        let index = self.accounts.current();
        let listed = index.find(name).map(|account| account.login.as_str());
        self.lock().retain(|_, entry| {
            let account = entry.provider.account().filter(|account| account.name == name);
            let stays = account.is_none_or(|account| Some(account.login.as_str()) == listed);
            if !stays {
                entry.bump();
            }
            stays
        });
    }

    /// The problem of a session that asks meanwhile.
    ///
    /// # Errors
    /// `locked`.
    pub fn refuse_while_locked(&self) -> Result<(), Problem> {
        match self.is_locked() {
            false => Ok(()),
            true => Err(Problem::new(Reason::Locked, "claviger is locked: nothing is lent")
                .hint("`claviger unlock` ends that")),
        }
    }
}
