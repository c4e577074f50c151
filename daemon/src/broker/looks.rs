//! When what other daemons with the same state have decided was looked at.

use crate::{live::lock, pauses::RECHECK_AFTER};
use std::sync::Mutex;
use tokio::time::Instant;

/// When the files were looked at, and how.
#[derive(Debug)]
pub(super) struct Looks {
    /// Whether they may hang.
    remote: bool,
    last: Mutex<Option<Instant>>,
}

impl Looks {
    /// At the files of the state directory, which may be `remote`.
    pub(super) fn new(remote: bool) -> Self {
        Self { remote, last: Mutex::default() }
    }

    /// Whether the files may hang.
    pub(super) fn may_hang(&self) -> bool {
        self.remote
    }

    /// Whether it is time for another one, which is then taken for made.
    pub(super) fn are_due(&self) -> bool {
        let (now, mut last) = (Instant::now(), lock(&self.last));
        let is_due = last.is_none_or(|last| now.duration_since(last) > RECHECK_AFTER);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}
