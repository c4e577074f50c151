//! Remembers the resolution of recent sessions, so that an unchanged session costs a comparison instead of a
//! resolution.
//!
//! A resolution is a pure function of the session, the snapshot of its settings files, the trust decisions, the list of
//! accounts and the limits. Its result is reused only while all of them are identical.

use crate::{
    accounts::Index, config::Limits, live::lock, resolve::Winner, settings::Snapshot, terminal::Terminal,
};
use claviger::{proto::v1, session::SessionContext};
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// Working directories that are remembered, each with its most recent session.
const MOST: usize = 256;

/// Largest explicit settings that are remembered, in bytes. They can be 2 MiB a session and may hold a key; a session
/// with more than this is resolved each time.
const MOST_EXPLICIT: usize = 16 * 1024;

/// Largest settings files that are remembered, in bytes, for the same reason.
const MOST_SETTINGS: usize = 64 * 1024;

/// How long a look at programs and surroundings counts. Only directories that others cannot write are searched, so
/// others cannot plant a program meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Recall(Mutex<HashMap<OsString, Remembered>>);

#[derive(Debug)]
struct Remembered {
    inputs: Inputs,
    winner: Arc<Winner>,
}

/// Inputs of a resolution.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    pub(super) session: Arc<SessionContext>,
    pub(super) snapshot: Arc<Snapshot>,
    /// Counts changes of trust decisions.
    pub(super) trust: u64,
    pub(super) accounts: Arc<Index>,
    /// Facts about the session's terminal for commands.
    pub(super) seen: TerminalLook,
    /// A reload changes them.
    pub(super) limits: Limits,
}

/// Facts about a terminal, and when they were found.
#[derive(Clone, Debug)]
pub(super) struct TerminalLook {
    pub(super) terminal: Arc<Terminal>,
    pub(super) at: Instant,
}

impl Inputs {
    fn are(&self, other: &Self) -> bool {
        self.trust == other.trust
            && self.limits == other.limits
            && Arc::ptr_eq(&self.accounts, &other.accounts)
            && Arc::ptr_eq(&self.snapshot, &other.snapshot)
            && (Arc::ptr_eq(&self.seen.terminal, &other.seen.terminal)
                || self.seen.terminal == other.seen.terminal)
            && (Arc::ptr_eq(&self.session, &other.session) || self.session == other.session)
    }
}

impl Recall {
    pub(super) fn get(&self, inputs: &Inputs) -> Option<Arc<Winner>> {
        let mut memory = lock(&self.0);
        let remembered = memory.get_mut(inputs.session.cwd.as_os_str())?;
        remembered.inputs.are(inputs).then(|| {
            // The later look replaces the earlier.
            remembered.inputs.seen = inputs.seen.clone();
            remembered.winner.clone()
        })
    }

    /// Recent facts about the terminal of `session`, for the commands of `snapshot`.
    pub(super) fn seen(
        &self,
        session: &Arc<SessionContext>,
        snapshot: &Arc<Snapshot>,
        trust: u64,
    ) -> Option<TerminalLook> {
        let memory = lock(&self.0);
        let Inputs { session: known, snapshot: of, trust: decided, seen, .. } =
            &memory.get(session.cwd.as_os_str())?.inputs;
        let is_same = *decided == trust
            && Arc::ptr_eq(of, snapshot)
            && (Arc::ptr_eq(known, session) || known == session)
            // A symlink that is changed means another identity at once.
            && seen.terminal.leads.is_empty()
            && seen.at.elapsed() < LOOK_AGAIN;
        is_same.then(|| seen.clone())
    }

    /// The remembered session of `message`: sessions with equal messages share one.
    pub(super) fn session(&self, message: &v1::SessionContext) -> Option<Arc<SessionContext>> {
        let memory = lock(&self.0);
        let session = &memory.get(OsStr::new(&message.working_directory))?.inputs.session;
        session.is_said_by(message).then(|| session.clone())
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(super) fn put(&self, inputs: Inputs, winner: Arc<Winner>) {
        // Secrets are not kept longer than needed.
        if !inputs.session.lent.is_empty() {
            return;
        }
        let explicit = inputs.session.explicit.as_ref();
        if explicit.is_some_and(|explicit| explicit.content.len() > MOST_EXPLICIT) {
            return;
        }
        if inputs.snapshot.size() > MOST_SETTINGS {
            return;
        }
        let mut memory = lock(&self.0);
        // It is full if hundreds of workspaces are in use; clearing it costs each of them one resolution.
        if memory.len() >= MOST {
            memory.clear();
        }
        memory.insert(inputs.session.cwd.clone().into_os_string(), Remembered { inputs, winner });
    }
}

#[cfg(test)]
mod tests {
    use super::{Inputs, MOST_EXPLICIT, Recall, TerminalLook};
    use crate::{
        accounts::Index,
        config::Limits,
        resolve::{self, Given},
        settings::{Decision, Directories, Scope, Settings, Snapshot, Workspace},
        terminal::Terminal,
    };
    use claviger::session::{SessionContext, explicit};
    use std::{path::PathBuf, sync::Arc};
    use tokio::time::Instant;

    fn is_remembered(size: usize) -> bool {
        let environment = [("ANTHROPIC_API_KEY".into(), "k".into())];
        let mut session = SessionContext::new(PathBuf::from("/w"), environment).expect("valid");
        session.explicit = explicit("x".into(), vec![b' '; size]).expect("small enough");
        let workspace = Workspace { root: "/w".into(), device: 1, inode: 2 };
        let snapshot = Arc::new(Snapshot {
            workspace,
            files: Vec::new(),
            subject: None,
            directories: Directories::default(),
        });
        let settings = Settings {
            snapshot: snapshot.clone(),
            explicit: None,
            decision: Decision::Undecided,
            scope: Scope::All,
        };
        let accounts = Arc::new(Index::default());
        let (limits, terminal) = (Limits::default(), Arc::new(Terminal::default()));
        let given = Given {
            session: &session,
            settings: &settings,
            accounts: &accounts,
            terminal: &terminal,
            limits: &limits,
        };
        let winner = resolve::resolve(&given).winner.expect("its own key");
        let seen = TerminalLook { terminal, at: Instant::now() };
        let inputs = Inputs { session: Arc::new(session), snapshot, trust: 0, accounts, seen, limits };
        let recall = Recall::default();
        recall.put(inputs.clone(), Arc::new(winner));
        recall.get(&inputs).is_some()
    }

    #[test]
    fn large_explicit_settings_are_not_kept() {
        assert!(is_remembered(0) && is_remembered(MOST_EXPLICIT));
        assert!(!is_remembered(MOST_EXPLICIT + 1));
    }
}
