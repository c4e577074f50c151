//! The audit log: each request and its answer. One JSON object per line; never a secret.
//!
//! Decisions (trust, accounts, locks, shares) have their own file, so that many fetches cannot rotate them away. Equal
//! fetches are one line, and a second line with their number.

mod json;
mod line;
mod log;
mod queue;
mod repeats;

pub use line::Line;
pub use queue::State;

use crate::{
    host::{audit_file::AuditFile, clock::Clock},
    peer::Peer,
};
use log::Log;
use std::{path::Path, sync::Arc};

/// File of loans.
const LENDS: &str = "audit.jsonl";
/// File of decisions.
const DECISIONS: &str = "decisions.jsonl";

/// Both files.
#[derive(Debug)]
pub struct Audit {
    lends: Arc<Log>,
    decisions: Arc<Log>,
}

impl Audit {
    /// Appends to files in `directory` until the runtime ends: parts of `part` bytes each, with `parts` older ones.
    pub fn start(directory: &Path, part: u64, parts: usize, clock: &Clock) -> Arc<Self> {
        let log = |name| Log::start(AuditFile::new(&directory.join(name), part, parts), clock.clone());
        Arc::new(Self { lends: log(LENDS), decisions: log(DECISIONS) })
    }

    /// Adds a line. Never waits for the disk.
    pub fn note(&self, line: Line<'_>) {
        if line.is_decision() { self.decisions.note(line) } else { self.lends.note(line) }
    }

    /// Adds a line about a refused call: at most one per second, or a foreign process could push everything else out of
    /// the log.
    pub fn rejected(&self, peer: &Peer, reason: &'static str) {
        self.lends.rejected(peer, reason);
    }

    /// Writes all waiting lines, but waits at most a second for the disk.
    pub async fn flush(&self) {
        tokio::join!(self.lends.flush(), self.decisions.flush());
    }

    /// The state, for people. Both files are in one directory, so a problem of one usually affects both.
    pub fn state(&self) -> State {
        let (lends, decisions) = (self.lends.state(), self.decisions.state());
        let lost = match (lends.lost, decisions.lost) {
            (Some((some, one)), Some((more, other))) => Some((some + more, one.min(other))),
            (some, more) => some.or(more),
        };
        State {
            lost,
            waiting: lends.waiting + decisions.waiting,
            trouble: lends.trouble.or(decisions.trouble),
            ..lends
        }
    }
}
