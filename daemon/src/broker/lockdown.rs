//! Whether the daemon is locked. A restart does not unlock it: a file records the lock for the next start.

use crate::{host::files, live::lock};
use claviger::reason::{Problem, Reason};
use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

/// The state of `claviger lock`.
#[derive(Debug)]
pub(super) struct Lockdown {
    state: Mutex<State>,
    mark: PathBuf,
}

#[derive(Clone, Copy, Debug)]
struct State {
    locked: bool,
    /// Locked, though no file could record it: a missing file means nothing then.
    unmarked: bool,
    /// Counts changes by this daemon: an earlier look at the file is outdated.
    deeds: u64,
}

impl Lockdown {
    /// State left by the last daemon in the directory `state`.
    pub(super) fn of(state: &Path) -> Self {
        let mark = state.join("locked");
        let locked = !files::stamp(&mark).is_absent();
        Self { state: Mutex::new(State { locked, unmarked: false, deeds: 0 }), mark }
    }

    /// Whether the daemon is locked.
    pub(super) fn is_locked(&self) -> bool {
        lock(&self.state).locked
    }

    /// Takes over whether the last daemon was locked. Its file may be missing, if the disk was full.
    pub(super) fn inherit(&self, locked: bool) {
        let mut state = lock(&self.state);
        state.unmarked |= locked && !state.locked;
        state.locked |= locked;
    }

    /// Locks.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        *state = State { locked: true, unmarked: true, deeds: state.deeds + 1 };
    }

    /// Records that for the next start, and for other daemons with the same state.
    pub(super) fn mark(&self) -> Result<(), Problem> {
        files::write_private(&self.mark, b"")?;
        let mut state = lock(&self.state);
        (state.unmarked, state.deeds) = (false, state.deeds + 1);
        Ok(())
    }

    /// Unlocks. Returns whether it was locked.
    pub(super) fn open(&self) -> Result<bool, Problem> {
        // If nothing could be recorded, there is nothing to remove.
        if !files::stamp(&self.mark).is_absent() {
            files::remove_private(&self.mark)?;
        }
        let mut state = lock(&self.state);
        let was_locked = state.locked;
        *state = State { locked: false, unmarked: false, deeds: state.deeds + 1 };
        Ok(was_locked)
    }

    /// The file of the lock, and the number of changes by this daemon.
    pub(super) fn mark_file(&self) -> (PathBuf, u64) {
        (self.mark.clone(), lock(&self.state).deeds)
    }

    /// Takes over whether the file existed when this daemon had made `seen` changes. Returns whether it is locked now,
    /// if that is new.
    pub(super) fn follow(&self, is_marked: bool, seen: u64) -> Option<bool> {
        let mut state = lock(&self.state);
        if state.deeds != seen || state.locked == is_marked || state.unmarked {
            return None;
        }
        state.locked = is_marked;
        Some(is_marked)
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

    #[test]
    fn what_another_daemon_does_counts_unless_it_was_seen_before_a_deed_of_our_own() {
        let state = tempfile::tempdir().expect("a directory");
        let (one, other) = (Lockdown::of(state.path()), Lockdown::of(state.path()));
        let look = |at: &Lockdown| at.follow(state.path().join("locked").exists(), at.mark_file().1);
        one.close();
        assert_eq!((look(&one), look(&other)), (None, None), "not marked yet");
        one.mark().expect("a file");
        assert_eq!((look(&one), look(&other)), (None, Some(true)));
        assert!(other.refuse().is_err());
        let outdated = one.mark_file().1;
        assert_eq!(other.open(), Ok(true));
        assert_eq!((look(&one), look(&other)), (Some(false), None));
        one.close();
        one.mark().expect("a file");
        assert_eq!(one.follow(false, outdated), None, "a look from before");
        assert!(one.is_locked());
        one.close();
        std::fs::remove_file(state.path().join("locked")).expect("removed");
        assert_eq!(look(&one), None, "the disk took no mark");
        assert!(one.is_locked());
    }
}
