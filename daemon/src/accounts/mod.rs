//! Accounts of the local store: the list of them, and the choice for a session. It never holds a secret.
//!
//! `fetch` children keep the secrets (`fetch/store`); this is the list of accounts, a file that the daemon writes. It
//! contains an account even while its keyring answers "no such item".

mod child;
mod choice;
mod client_secret;
mod index;
pub mod login;
pub mod logout;
pub mod registration;

pub use child::{DEADLINE, LOGIN_SLACK, Store, network};
pub use choice::{Choice, Wish};
pub use claviger_child::account::{Kind, Storage, check_name};
pub use index::{Account, Index, unknown};

use crate::{
    host::files::{self, Stamp},
    live::lock,
};
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use index::{MAX_FILE, decode, encode};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, task::spawn_blocking};

/// How long to wait for another daemon that is writing the list.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The list of accounts: in memory for every look-up, on disk before a change takes effect.
#[derive(Debug)]
pub struct Accounts {
    path: PathBuf,
    index: Mutex<Arc<Index>>,
    /// Stamp of the file before it was read, if an equal stamp proves later that it has not changed.
    stamp: Mutex<Option<Stamp>>,
    changes: watch::Sender<u64>,
}

impl Accounts {
    /// Opens the list; a missing file is an empty list. An unusable file stays as it is, and every look-up returns the
    /// reason.
    pub fn open(path: PathBuf) -> Self {
        let index = load(&path).unwrap_or_else(|problem| {
            tracing::error!(%problem, "the list of accounts is unusable");
            Index { fault: Some(problem), ..Index::default() }
        });
        let (index, stamp) = (Mutex::new(Arc::new(index)), Mutex::default());
        Self { path, index, stamp, changes: watch::Sender::new(0) }
    }

    /// The list.
    pub fn current(&self) -> Arc<Index> {
        lock(&self.index).clone()
    }

    /// Counts changes of the list.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Reads the file again if it has changed: a person may have fixed it, or another machine written it.
    pub fn look_again(&self) {
        let now = files::stamp(&self.path);
        if lock(&self.stamp).as_ref() == Some(&now) {
            return;
        }
        let before = self.current();
        let found =
            load(&self.path).unwrap_or_else(|problem| Index { fault: Some(problem), ..Index::default() });
        *lock(&self.stamp) = Some(now).filter(Stamp::settled);
        {
            let mut index = lock(&self.index);
            // A change by another process in the meantime is newer than what was read here.
            if !Arc::ptr_eq(&index, &before) || *before == found {
                return;
            }
            *index = Arc::new(found);
        }
        self.announce();
    }

    /// Changes the list, on disk first. The file is read again under a lock, so that changes of other daemons are kept.
    /// It runs on a thread of its own, since the lock may be held, and to the end, even if its caller is gone.
    ///
    /// # Errors
    /// `settings-invalid` if the file is not usable, `source-unavailable` if it cannot be written, or the problem of
    /// the change.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Index) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let accounts = self.clone();
        let changed = spawn_blocking(move || accounts.change_now(change)).await;
        changed
            .unwrap_or_else(|_| Err(Problem::new(Reason::Bug, "a change of the list of accounts panicked")))
    }

    fn change_now<T>(&self, change: impl FnOnce(&mut Index) -> Result<T, Problem>) -> Result<T, Problem> {
        let _lock = files::FileLock::take(&self.path.with_extension("lock"), LOCK_WAIT)?;
        let mut index = load(&self.path)?;
        let done = change(&mut index)?;
        files::write_private(&self.path, &encode(&index)?)?;
        *lock(&self.index) = Arc::new(index);
        self.announce();
        Ok(done)
    }

    /// Checks that the list can be changed, before a secret is saved that it could not name afterwards.
    ///
    /// # Errors
    /// As [`Accounts::change`].
    pub async fn make_sure(self: &Arc<Self>) -> Result<(), Problem> {
        self.change(|_| Ok(())).await
    }

    /// Records why a new login is needed; `None` clears it. It is only for display: the account's own record decides.
    pub async fn note_trouble(self: &Arc<Self>, name: &str, login: &str, why: Option<&str>) {
        let is_new = |index: &Index| {
            index
                .find(name)
                .is_some_and(|known| known.login == login && known.login_required.as_deref() != why)
        };
        if !is_new(&self.current()) {
            return;
        }
        let (login, why) = (login.to_owned(), why.map(str::to_owned));
        let noted = self.change(move |index| {
            if let Some(account) = index.accounts.iter_mut().find(|account| account.login == login) {
                account.login_required = why;
            }
            Ok(())
        });
        if let Err(problem) = noted.await {
            tracing::warn!(%problem, account = name, "the list of accounts was not updated");
        }
    }

    /// Makes every follower of the list look again.
    pub fn announce(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

fn load(path: &std::path::Path) -> Result<Index, Problem> {
    match files::read_private(path, MAX_FILE)? {
        Some(bytes) => decode(path, &bytes),
        None => Ok(Index::default()),
    }
}

/// The remedy for a missing secret of an account.
pub fn anew(name: &str, kind: Kind) -> Remedy {
    match kind {
        Kind::Oauth => Remedy::login(Some(name)),
        Kind::ApiKey => Remedy::keep_key(Some(name)),
        Kind::Token => Remedy::keep_token(name),
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, Index, LOCK_WAIT, Problem, files::FileLock};
    use std::sync::Arc;

    fn use_work(index: &mut Index) -> Result<(), Problem> {
        index.in_use.insert("https://a".into(), "work".into());
        Ok(())
    }

    /// On the one thread of a runtime: a change that blocked it would never see the lock given back.
    #[tokio::test]
    async fn waiting_for_another_daemon_delays_no_session() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("accounts.json");
        let accounts = Arc::new(Accounts::open(path.clone()));
        let theirs = FileLock::take(&path.with_extension("lock"), LOCK_WAIT).expect("a lock");
        let changing = tokio::spawn({
            let accounts = accounts.clone();
            async move { accounts.change(use_work).await }
        });
        tokio::task::yield_now().await;
        assert!(accounts.current().in_use.is_empty());
        drop(theirs);
        assert_eq!(changing.await.expect("a task"), Ok(()));
        assert_eq!(accounts.current().in_use["https://a"], "work");
    }

    #[tokio::test]
    async fn a_change_is_made_though_its_caller_left() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("accounts.json");
        let accounts = Arc::new(Accounts::open(path.clone()));
        let mut changes = accounts.changes();
        let theirs = FileLock::take(&path.with_extension("lock"), LOCK_WAIT).expect("a lock");
        let changing = tokio::spawn({
            let accounts = accounts.clone();
            async move { accounts.change(use_work).await }
        });
        tokio::task::yield_now().await;
        changing.abort();
        assert!(changing.await.is_err_and(|error| error.is_cancelled()));
        drop(theirs);
        changes.changed().await.expect("a list");
        assert_eq!(Accounts::open(path).current().in_use["https://a"], "work");
    }
}
