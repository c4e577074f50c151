//! The audit log: who asked for what, and what the answer was. One JSON object a line; never a secret.
//!
//! Decisions (trust, accounts, locks, shares) have a file of their own, which no number of fetches can roll away. Equal
//! fetches are one line, and another one that counts them.

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

/// File of what was lent.
const LENDS: &str = "audit.jsonl";
/// File of what was decided.
const DECISIONS: &str = "decisions.jsonl";

/// Both files.
#[derive(Debug)]
pub struct Audit {
    lends: Arc<Log>,
    decisions: Arc<Log>,
}

impl Audit {
    /// Appends to files in `directory`, as long as the runtime lives: parts of `part` bytes, and `parts` older ones of each.
    pub fn start(directory: &Path, part: u64, parts: usize, clock: &Clock) -> Arc<Self> {
        let log = |name| Log::start(AuditFile::new(&directory.join(name), part, parts), clock.clone());
        Arc::new(Self { lends: log(LENDS), decisions: log(DECISIONS) })
    }

    /// Notes a line. Never waits for the disk.
    pub fn note(&self, line: Line<'_>) {
        if line.is_decision() { self.decisions.note(line) } else { self.lends.note(line) }
    }

    /// Notes a call that was turned away: one line a second at most, or a stranger could push everything else out of the
    /// log.
    pub fn rejected(&self, peer: &Peer, reason: &'static str) {
        self.lends.rejected(peer, reason);
    }

    /// Writes what has been collected, and gives up on a disk that does not answer in a second.
    pub async fn flush(&self) {
        tokio::join!(self.lends.flush(), self.decisions.flush());
    }

    /// The state, for people. They lie in one directory, so what is wrong with one is mostly wrong with both.
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
