//! Whether anything is lent at all. A restart does not unlock: a file says so to the next start.

use crate::host::files;
use claviger::reason::{Problem, Reason};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

/// The state of `claviger lock`.
#[derive(Debug)]
pub(super) struct Lockdown {
    locked: AtomicBool,
    mark: PathBuf,
}

impl Lockdown {
    /// As the last daemon left it in the directory `state`.
    pub(super) fn of(state: &Path) -> Self {
        let mark = state.join("locked");
        Self { locked: AtomicBool::new(!files::stamp(&mark).is_absent()), mark }
    }

    /// Whether nothing is lent.
    pub(super) fn is_locked(&self) -> bool {
        self.locked.load(SeqCst)
    }

    /// The last daemon was locked, or not. Its mark may be missing: the disk was full.
    pub(super) fn inherit(&self, locked: bool) {
        self.locked.fetch_or(locked, SeqCst);
    }

    /// Nothing is lent from now on.
    pub(super) fn close(&self) {
        self.locked.store(true, SeqCst);
    }

    /// Notes that for the next start.
    pub(super) fn mark(&self) -> Result<(), Problem> {
        files::write_private(&self.mark, b"")
    }

    /// Lends again. Returns whether it had been locked.
    pub(super) fn open(&self) -> Result<bool, Problem> {
        files::remove_private(&self.mark)?;
        Ok(self.locked.swap(false, SeqCst))
    }

    /// The problem of a session that asks meanwhile.
    pub(super) fn refuse(&self) -> Result<(), Problem> {
        match self.is_locked() {
            false => Ok(()),
            true => Err(Problem::new(Reason::Locked, "claviger is locked: nothing is lent")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lockdown;

    #[test]
    fn a_restart_does_not_unlock() {
        let state = tempfile::tempdir().expect("a directory");
        let lockdown = Lockdown::of(state.path());
        lockdown.close();
        assert!(lockdown.refuse().is_err() && !Lockdown::of(state.path()).is_locked());
        lockdown.mark().expect("a file");
        assert!(Lockdown::of(state.path()).is_locked());
        assert_eq!(lockdown.open(), Ok(true));
        assert!(!Lockdown::of(state.path()).is_locked() && lockdown.refuse().is_ok());
    }
}
