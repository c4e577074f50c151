//! A snapshot with the facts it depends on: proves later, without reading a file, that it is still valid.

use super::Snapshot;
use crate::{
    host::files::{self, Identity, Stamp},
    live::lock,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// A snapshot and the facts it depends on.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) snapshot: Arc<Snapshot>,
    /// Whether a path is on a filesystem that may hang.
    pub(super) remote: bool,
    checks: Vec<Check>,
    settled: bool,
    /// Time of the last successful checks.
    held_at: Mutex<Option<Instant>>,
}

/// A path and its expected fact.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) path: PathBuf,
    pub(super) expected: Expected,
}

/// The fact about a path.
#[derive(Debug, PartialEq)]
pub(super) enum Expected {
    /// Its canonical target.
    Place(Option<Identity>),
    /// A directory that is not a symlink.
    Canonical(Identity),
    /// Owner of the entry itself; its other properties do not matter.
    Mark(Option<u32>),
    /// The stamp of the target file or directory.
    Stamp(Stamp),
}

/// The path being checked, to be named if the check takes too long.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<PathBuf>);

// === impl Progress ===

impl Progress {
    pub(super) fn note(&self, path: &Path) {
        path.clone_into(&mut lock(&self.0));
    }

    pub(super) fn path(&self) -> PathBuf {
        lock(&self.0).clone()
    }
}

// === impl Check ===

impl Check {
    fn holds(&self) -> bool {
        match &self.expected {
            Expected::Place(expected) => files::identity(&self.path) == *expected,
            Expected::Canonical(expected) => files::identity_of_entry(&self.path) == Some(*expected),
            Expected::Mark(expected) => {
                files::identity_of_entry(&self.path).map(|found| found.owner) == *expected
            }
            Expected::Stamp(expected) => files::stamp(&self.path) == *expected,
        }
    }
}

// === impl Loaded ===

impl Loaded {
    /// `settled`: whether equal stamps prove that nothing has changed.
    pub(super) fn new(snapshot: Snapshot, remote: bool, checks: Vec<Check>, settled: bool) -> Self {
        Self { snapshot: Arc::new(snapshot), remote, checks, settled, held_at: Mutex::default() }
    }

    /// Whether nothing relevant has changed.
    pub(super) fn holds(&self) -> bool {
        self.settled && self.checks.iter().all(Check::holds)
    }

    /// Whether nothing relevant has changed, or had less than `recheck_after` ago.
    pub(super) fn holds_for(&self, recheck_after: Duration) -> bool {
        let mut held_at = lock(&self.held_at);
        let now = Instant::now();
        if held_at.is_some_and(|then| now.duration_since(then) < recheck_after) {
            return true;
        }
        let holds = self.holds();
        *held_at = holds.then_some(now);
        holds
    }

    /// Whether equal stamps are such a proof.
    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The same as [`Loaded::holds`], for a filesystem that may hang.
    pub(super) fn holds_slowly(&self, progress: &Progress) -> bool {
        let holds = |check: &Check| {
            progress.note(&check.path);
            check.holds()
        };
        self.settled && self.checks.iter().all(holds)
    }

    /// Every path whose change could matter.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.checks.iter().map(|check| check.path.as_path())
    }
}
