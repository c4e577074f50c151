//! Whether anything is lent at all. A restart does not unlock: a file says so to the next start.

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
    /// Locked, though no file could say so: a missing mark means nothing then.
    unmarked: bool,
    /// Counts what this daemon did: a look at the file from before that is outdated.
    deeds: u64,
}

impl Lockdown {
    /// As the last daemon left it in the directory `state`.
    pub(super) fn of(state: &Path) -> Self {
        let mark = state.join("locked");
        let locked = !files::stamp(&mark).is_absent();
        Self { state: Mutex::new(State { locked, unmarked: false, deeds: 0 }), mark }
    }

    /// Whether nothing is lent.
    pub(super) fn is_locked(&self) -> bool {
        lock(&self.state).locked
    }

    /// The last daemon was locked, or not. Its mark may be missing: the disk was full.
    pub(super) fn inherit(&self, locked: bool) {
        let mut state = lock(&self.state);
        state.unmarked |= locked && !state.locked;
        state.locked |= locked;
    }

    /// Nothing is lent from now on.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        *state = State { locked: true, unmarked: true, deeds: state.deeds + 1 };
    }

    /// Notes that for the next start, and for other daemons with the same state.
    pub(super) fn mark(&self) -> Result<(), Problem> {
        files::write_private(&self.mark, b"")?;
        let mut state = lock(&self.state);
        (state.unmarked, state.deeds) = (false, state.deeds + 1);
        Ok(())
    }

    /// Lends again. Returns whether it had been locked.
    pub(super) fn open(&self) -> Result<bool, Problem> {
        // Where nothing could be noted, nothing has to be taken back.
        if !files::stamp(&self.mark).is_absent() {
            files::remove_private(&self.mark)?;
        }
        let mut state = lock(&self.state);
        let was_locked = state.locked;
        *state = State { locked: false, unmarked: false, deeds: state.deeds + 1 };
        Ok(was_locked)
    }

    /// The file that says so, and what this daemon has done so far.
    pub(super) fn mark_file(&self) -> (PathBuf, u64) {
        (self.mark.clone(), lock(&self.state).deeds)
    }

    /// Takes over that the file was there, or not, when this daemon had `seen` so many deeds of its own. Answers whether it is
    /// locked now, if that is new.
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
