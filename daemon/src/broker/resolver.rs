//! Resolves a session: its settings, the decision about its workspace, and the resolution itself, new or remembered.

use super::recall::{Inputs, Recall, TerminalLook};
use crate::{
    accounts::Accounts,
    config::Limits,
    cookie::Cookie,
    host::files::DEADLINE,
    live::Live,
    resolve::{self, Given, Winner},
    settings::{self, Scope, Settings, Snapshot, store::SettingsStore},
    sources::Environment,
    terminal::{self, Terminal},
    trust::TrustStore,
};
use claviger::{
    proto::v1,
    reason::{Problem, Reason},
    session::{SessionContext, SessionMode},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::Instant;

/// Inputs of a resolution besides the session.
#[derive(Debug)]
pub struct Resolver {
    /// The settings files.
    pub settings: Arc<SettingsStore>,
    /// The trust decisions.
    pub trust: Arc<TrustStore>,
    /// The list of accounts.
    pub accounts: Arc<Accounts>,
    limits: Live<Limits>,
    recall: Recall,
    /// The list of passed variables, which near callers read.
    cookie: Arc<Cookie>,
}

impl Resolver {
    pub(super) fn new(
        settings: Arc<SettingsStore>,
        trust: Arc<TrustStore>,
        accounts: Arc<Accounts>,
        (cookie, limits): (Arc<Cookie>, Limits),
    ) -> Self {
        Self { settings, trust, accounts, limits: Live::new(limits), recall: Recall::default(), cookie }
    }

    /// The remembered session of `message`, if it was the most recent one in its directory.
    pub fn known(&self, message: &v1::SessionContext) -> Option<Arc<SessionContext>> {
        self.recall.session(message)
    }

    /// The source that provides a session's credential. Runs nothing.
    pub(super) async fn winner(&self, session: &Arc<SessionContext>) -> Result<Arc<Winner>, Problem> {
        let trust = *self.trust.changes().borrow();
        let snapshot = self.settings.snapshot(session).await?;
        self.must_be_current(session, &snapshot)?;
        let (limits, accounts) = (self.limits(), self.accounts.current());
        let recalled = self.recall.seen(session, &snapshot, trust);
        let mut settings = None;
        let seen = match recalled {
            Some(seen) => seen,
            None => {
                let judged = self.judged(session, snapshot.clone())?;
                let terminal = Box::pin(self.terminal(session, &judged)).await?;
                settings = Some(judged);
                TerminalLook { terminal: Arc::new(terminal), at: Instant::now() }
            }
        };
        let inputs = Inputs { session: session.clone(), snapshot, trust, accounts, seen, limits };
        if let Some(winner) = self.recall.get(&inputs) {
            return Ok(winner);
        }
        let settings = settings.map_or_else(|| self.judged(session, inputs.snapshot.clone()), Ok)?;
        let (accounts, terminal, limits) = (&*inputs.accounts, &*inputs.seen.terminal, &limits);
        let given = Given { session, settings: &settings, accounts, terminal, limits };
        let winner = Arc::new(resolve::resolve(&given).winner?);
        self.recall.put(inputs, winner.clone());
        Ok(winner)
    }

    /// Accepts a session that was described by the current list of passed variables. Before another is refused, the
    /// list is written for near callers.
    ///
    /// # Errors
    /// `stale-session`, or the reason why the list cannot be written.
    pub fn must_be_current(&self, session: &SessionContext, snapshot: &Snapshot) -> Result<(), Problem> {
        let passed = snapshot.passed();
        match &session.passed {
            Some(sent) if sent != passed && !session.settled => {
                self.cookie.publish(passed)?;
                let message = "the session was described before pass_environment was changed";
                Err(Problem::new(Reason::StaleSession, message)
                    .hint("describe it again: the file beside the socket names its variables"))
            }
            _ => Ok(()),
        }
    }

    /// Settings of a session, with the decision about its workspace.
    pub(super) async fn settings_of(&self, session: &SessionContext) -> Result<Settings, Problem> {
        let snapshot = self.settings.snapshot(session).await?;
        self.judged(session, snapshot)
    }

    /// Facts about a session's terminal for the commands of its settings.
    ///
    /// # Errors
    /// `source-timeout` if a filesystem hangs.
    pub async fn terminal(&self, session: &SessionContext, settings: &Settings) -> Result<Terminal, Problem> {
        let question = resolve::question(session, settings);
        let look = tokio::task::spawn_blocking(move || terminal::look(&question));
        match tokio::time::timeout(DEADLINE, look).await {
            Ok(Ok(terminal)) => Ok(terminal),
            Ok(Err(_)) => Err(Problem::new(Reason::Bug, "looking for programs failed")),
            Err(_) => Err(Problem::new(Reason::SourceTimeout, "a filesystem does not answer")
                .hint("check the mounts of the directories in PATH")),
        }
    }

    /// The environment of commands outside the settings, such as the programs of an account.
    ///
    /// # Errors
    /// As [`Resolver::terminal`].
    pub async fn other_environment(
        &self,
        session: &SessionContext,
        settings: &Settings,
    ) -> Result<BTreeMap<String, String>, Problem> {
        let terminal = self.terminal(session, settings).await?;
        Ok(Environment::of(session, settings, &terminal, terminal.other()).whole())
    }

    fn judged(&self, session: &SessionContext, snapshot: Arc<Snapshot>) -> Result<Settings, Problem> {
        // A managed session ignores passed settings, even broken ones.
        let explicit = match session.mode {
            SessionMode::Managed => None,
            _ => settings::store::explicit(session)?,
        };
        let decision = self.trust.decision(snapshot.subject.as_ref());
        Ok(Settings { snapshot, explicit, decision, scope: Scope::of(session.mode) })
    }

    /// The current limits.
    pub(super) fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Replaces the limits. Returns the previous ones.
    pub(super) fn tune(&self, limits: Limits) -> Limits {
        self.limits.set(limits)
    }

    /// Drops results of resolution and contents of settings files: both can be secret.
    pub(super) fn forget(&self) {
        self.recall.clear();
        self.settings.forget();
    }
}
