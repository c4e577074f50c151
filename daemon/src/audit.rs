//! The audit log: who asked for what, and what the answer was. One JSON object a line; never a secret.

use crate::{
    broker::loan::{Loan, LoanMaterial},
    host::{clock::Clock, system::AuditFile},
    lock::lock,
    peer::Peer,
};
use claviger::{reason::Problem, session::SessionContext};
use serde::Serialize;
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, UNIX_EPOCH},
};
use tokio::{sync::Notify, task::spawn_blocking, time::sleep};

/// How long lines are collected before they are written together. Longer than a burst of sessions, and about what a
/// crash may cost.
const COLLECT: Duration = Duration::from_millis(50);
/// Text that may wait for the disk, in bytes, before further lines are dropped (and counted).
const MAX_PENDING: usize = 1024 * 1024;

/// Collects lines and writes them beside the requests, so that a slow disk never delays a credential.
#[derive(Debug)]
pub struct Audit {
    pending: Mutex<Pending>,
    file: Mutex<AuditFile>,
    wake: Notify,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Pending {
    text: Vec<u8>,
    dropped: u64,
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since 1970.
    time: f64,
    event: &'static str,
    pid: Option<u32>,
    uid: Option<u32>,
    program: &'a str,
    cwd: &'a str,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    decision: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_before: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Audit {
    /// Appends to the file at `path`, as long as the runtime lives.
    pub fn start(path: &Path, clock: Clock) -> Arc<Self> {
        let file = Mutex::new(AuditFile::new(path));
        let audit = Arc::new(Self { pending: Mutex::default(), file, wake: Notify::new(), clock });
        let writer = audit.clone();
        tokio::spawn(async move {
            loop {
                writer.wake.notified().await;
                sleep(COLLECT).await;
                writer.flush().await;
            }
        });
        audit
    }

    /// Writes what has been collected.
    pub async fn flush(self: &Arc<Self>) {
        let audit = self.clone();
        // It fails only if writing panics, and then there is nowhere to say so.
        drop(spawn_blocking(move || audit.write_pending()).await);
    }

    fn write_pending(&self) {
        let mut file = lock(&self.file);
        let text = std::mem::take(&mut self.pending().text);
        if !text.is_empty() {
            file.append(&text);
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }

    /// Notes that a credential was lent, or why not.
    pub fn lent(&self, peer: &Peer, session: &SessionContext, outcome: &Result<Loan, Problem>) {
        match outcome {
            Ok(loan) => self.loan("get", peer, session, loan),
            Err(problem) => self.note("get", peer, session, problem.reason.as_str()),
        }
    }

    /// Notes that a watcher was sent a credential.
    pub fn issued(&self, peer: &Peer, session: &SessionContext, loan: &Loan) {
        self.loan("watch", peer, session, loan);
    }

    fn loan(&self, event: &'static str, peer: &Peer, session: &SessionContext, loan: &Loan) {
        let (key, generation, decision) = match &loan.material {
            LoanMaterial::Cached { key, issue, stale, .. } => {
                (Some(key.to_string()), Some(issue.generation), if *stale { "lent-stale" } else { "lent" })
            }
            LoanMaterial::OwnVariable(_) => (None, None, "own-variable"),
            LoanMaterial::Fixed => (None, None, "lent"),
        };
        let layer = loan.winner.bound.at.as_ref().map(|at| at.layer.as_str());
        self.write(
            event,
            peer,
            session,
            Line { source: Some(loan.winner.source), layer, key, generation, ..Line::of(decision) },
        );
    }

    /// Notes anything else that was decided for a session.
    pub fn note(&self, event: &'static str, peer: &Peer, session: &SessionContext, decision: &str) {
        self.write(event, peer, session, Line::of(decision));
    }

    fn write(&self, event: &'static str, peer: &Peer, session: &SessionContext, line: Line<'_>) {
        let mut pending = self.pending();
        if pending.text.len() > MAX_PENDING {
            pending.dropped += 1;
            return;
        }
        let line = Line {
            time: self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            event,
            pid: peer.pid,
            uid: peer.uid,
            program: &peer.program,
            cwd: session.cwd.to_str().unwrap_or_default(),
            mode: session.mode.name(),
            dropped_before: std::mem::take(&mut pending.dropped),
            ..line
        };
        if pending.text.is_empty() {
            self.wake.notify_one();
        }
        // Writing to memory cannot fail, nor can a struct of texts and numbers.
        drop(serde_json::to_writer(&mut pending.text, &line));
        pending.text.push(b'\n');
    }
}

impl Line<'_> {
    fn of(decision: &str) -> Line<'_> {
        Line {
            time: 0.0,
            event: "",
            pid: None,
            uid: None,
            program: "",
            cwd: "",
            mode: "",
            source: None,
            layer: None,
            key: None,
            generation: None,
            decision,
            dropped_before: 0,
        }
    }
}
