//! The audit log: who asked for what, and what the answer was. One JSON object a line; never a secret.

use crate::{
    broker::{Loan, LoanMaterial},
    host::system::AuditFile,
    peer::Peer,
};
use claviger::{reason::Problem, session::SessionContext};
use serde::Serialize;
use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

/// Lines that may wait for the disk before further ones are dropped (and counted).
const BACKLOG: usize = 4096;

/// Writes the audit log on a thread of its own, so that a slow disk never delays a credential.
#[derive(Debug)]
pub struct Audit {
    lines: SyncSender<String>,
    dropped: std::sync::atomic::AtomicU64,
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
    /// Appends to the file at `path`.
    pub fn start(path: PathBuf) -> Self {
        let (lines, receiver) = sync_channel(BACKLOG);
        let started = thread::Builder::new()
            .name("audit".into())
            .stack_size(128 * 1024)
            .spawn(move || write(&path, &receiver));
        if let Err(error) = started {
            tracing::error!(%error, "no audit log is written");
        }
        Self { lines, dropped: 0.into() }
    }

    /// Notes that a credential was lent, or why not.
    pub fn lent(
        &self,
        now: SystemTime,
        peer: &Peer,
        session: &SessionContext,
        outcome: &Result<Loan, Problem>,
    ) {
        match outcome {
            Ok(loan) => self.loan(now, "get", peer, session, loan),
            Err(problem) => self.note(now, "get", peer, session, problem.reason.as_str()),
        }
    }

    /// Notes that a watcher was sent a credential.
    pub fn issued(&self, now: SystemTime, peer: &Peer, session: &SessionContext, loan: &Loan) {
        self.loan(now, "watch", peer, session, loan);
    }

    fn loan(&self, now: SystemTime, event: &'static str, peer: &Peer, session: &SessionContext, loan: &Loan) {
        let (key, generation, decision) = match &loan.material {
            LoanMaterial::Cached { key, issue, stale, .. } => {
                (Some(key.to_string()), Some(issue.generation), if *stale { "lent-stale" } else { "lent" })
            }
            LoanMaterial::OwnVariable(_) => (None, None, "own-variable"),
            LoanMaterial::Fixed(_) => (None, None, "lent"),
        };
        let layer = loan.at.as_ref().map(|at| at.layer.as_str());
        self.write(
            now,
            event,
            peer,
            session,
            Line { source: Some(loan.source), layer, key, generation, ..Line::of(decision) },
        );
    }

    /// Notes anything else that was decided for a session.
    pub fn note(
        &self,
        now: SystemTime,
        event: &'static str,
        peer: &Peer,
        session: &SessionContext,
        decision: &str,
    ) {
        self.write(now, event, peer, session, Line::of(decision));
    }

    fn write(
        &self,
        now: SystemTime,
        event: &'static str,
        peer: &Peer,
        session: &SessionContext,
        line: Line<'_>,
    ) {
        use std::sync::atomic::Ordering::Relaxed;
        let line = Line {
            time: now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            event,
            pid: peer.pid,
            uid: peer.uid,
            program: &peer.program,
            cwd: session.cwd.to_str().unwrap_or_default(),
            mode: session.mode.name(),
            dropped_before: self.dropped.swap(0, Relaxed),
            ..line
        };
        let dropped = line.dropped_before;
        let Ok(text) = serde_json::to_string(&line) else { return };
        if let Err(TrySendError::Full(_)) = self.lines.try_send(text) {
            self.dropped.fetch_add(dropped + 1, Relaxed);
        }
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

/// Writes lines until the sender is gone; whatever waits is written in one go.
fn write(path: &std::path::Path, lines: &Receiver<String>) {
    let mut file = AuditFile::new(path);
    while let Ok(first) = lines.recv() {
        let mut text = first + "\n";
        for line in lines.try_iter().take(256) {
            text.push_str(&line);
            text.push('\n');
        }
        file.append(&text);
    }
}
