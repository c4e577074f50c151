//! When the decisions of other daemons with the same state were last looked at.

use crate::{live::lock, pauses::RECHECK_AFTER};
use std::sync::Mutex;
use tokio::time::Instant;

/// Time and kind of the last look.
#[derive(Debug)]
pub(super) struct Looks {
    /// Whether the files may hang.
    remote: bool,
    last: Mutex<Option<Instant>>,
}

impl Looks {
    /// Looks at the files of the state directory, which may be `remote`.
    pub(super) fn new(remote: bool) -> Self {
        Self { remote, last: Mutex::default() }
    }

    /// Whether the files may hang.
    pub(super) fn may_hang(&self) -> bool {
        self.remote
    }

    /// Whether another look is due, which then counts as made.
    pub(super) fn are_due(&self) -> bool {
        let (now, mut last) = (Instant::now(), lock(&self.last));
        let is_due = last.is_none_or(|last| now.duration_since(last) > RECHECK_AFTER);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}
