//! Accounts of the local store: which there are, and which one a session uses. No secret is ever in here.
//!
//! The secrets are kept by `fetch` children ([`crate::fetch::store`]); this is the list of them, a file that the daemon
//! writes. It says that an account exists even while its keyring answers "no such item".

mod child;
mod index;
pub mod login;
pub mod logout;
pub mod registration;

pub use child::{Child, DEADLINE, LOGIN_DEADLINE, Reply, Store, network};
pub use index::{Account, Choice, Index, Kind, Place, Wish, check_name};

use crate::{host::files, lock::lock};
use claviger::reason::{Problem, Reason};
use index::{MAX_FILE, decode, encode};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

/// How long to wait for another daemon that writes the list.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The list of accounts: in memory for every look-up, on disk before a change counts.
#[derive(Debug)]
pub struct Accounts {
    path: PathBuf,
    index: Mutex<Arc<Index>>,
    changes: watch::Sender<u64>,
}

impl Accounts {
    /// Opens the list; a file that does not exist is an empty list. One that cannot be used is left as it is, and every
    /// look-up says why.
    pub fn open(path: PathBuf) -> Self {
        let index = load(&path).unwrap_or_else(|problem| {
            tracing::error!(%problem, "the list of accounts is unusable");
            Index { fault: Some(problem), ..Index::default() }
        });
        Self { path, index: Mutex::new(Arc::new(index)), changes: watch::Sender::new(0) }
    }

    /// The list.
    pub fn current(&self) -> Arc<Index> {
        lock(&self.index).clone()
    }

    /// Counts changes of the list.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Reads the file again: somebody may have mended it, or another daemon changed it.
    pub fn look_again(&self) {
        let found =
            load(&self.path).unwrap_or_else(|problem| Index { fault: Some(problem), ..Index::default() });
        if *self.current() != found {
            self.replace(found);
        }
    }

    /// Changes the list, on disk first. The file is read again under a lock, so that nothing is lost that another daemon
    /// wrote.
    ///
    /// # Errors
    /// `settings-invalid` if the file is not usable, `source-unavailable` if it cannot be written, or the change's own.
    pub async fn change<T>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let _lock = files::FileLock::wait(&self.path.with_extension("lock"), LOCK_WAIT).await?;
        let mut index = load(&self.path)?;
        let done = change(&mut index)?;
        files::write_private(&self.path, &encode(&index)?)?;
        self.replace(index);
        Ok(done)
    }

    /// Makes sure that the list can be changed, before a secret is kept that it could not name afterwards.
    ///
    /// # Errors
    /// As [`Accounts::change`].
    pub async fn make_sure(&self) -> Result<(), Problem> {
        self.change(|_| Ok(())).await
    }

    /// Notes, or with `None` takes back, why somebody has to log in again. It is for the list only: what decides is in the
    /// account's own record.
    pub async fn note_trouble(&self, name: &str, login: &str, why: Option<&str>) {
        let is_new = |index: &Index| {
            index
                .find(name)
                .is_some_and(|known| known.login == login && known.login_required.as_deref() != why)
        };
        if !is_new(&self.current()) {
            return;
        }
        let noted = self.change(|index| {
            if let Some(account) = index.accounts.iter_mut().find(|account| account.login == login) {
                account.login_required = why.map(str::to_owned);
            }
            Ok(())
        });
        let noted = noted.await;
        if let Err(problem) = noted {
            tracing::warn!(%problem, account = name, "the list of accounts was not updated");
        }
    }

    /// Makes everybody who follows the list look again.
    pub fn announce(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    fn replace(&self, index: Index) {
        *lock(&self.index) = Arc::new(index);
        self.announce();
    }
}

fn load(path: &std::path::Path) -> Result<Index, Problem> {
    match files::read_private(path, MAX_FILE)? {
        Some(bytes) => decode(path, &bytes),
        None => Ok(Index::default()),
    }
}

/// The problem of an account that does not exist.
pub fn unknown(name: &str) -> Problem {
    Problem::new(Reason::LoginRequired, format!("there is no account {name}"))
        .hint(format!("`claviger accounts` lists those there are; `claviger login {name}` adds it"))
}
