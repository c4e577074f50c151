//! Who wins for a session now: its settings, what was decided about its workspace, and the walk, or the memory of it.

use super::recall::{Inputs, Recall};
use crate::{
    accounts::Accounts,
    config::Limits,
    lock::Live,
    resolve::{self, Given, Winner},
    settings::{self, Scope, Settings, Snapshot, store::SettingsStore},
    trust::TrustStore,
};
use claviger::{
    proto::v1,
    reason::Problem,
    session::{SessionContext, SessionMode},
};
use std::sync::Arc;

/// All that a walk is a function of, besides the session.
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
}

impl Resolver {
    pub(super) fn new(
        settings: Arc<SettingsStore>,
        trust: Arc<TrustStore>,
        accounts: Arc<Accounts>,
        limits: Limits,
    ) -> Self {
        Self { settings, trust, accounts, limits: Live::new(limits), recall: Recall::default() }
    }

    /// The session that `message` is about, if it was seen last in its directory.
    pub fn known(&self, message: &v1::SessionContext) -> Option<Arc<SessionContext>> {
        self.recall.session(message)
    }

    /// The source that provides a session's credential. Runs nothing.
    pub(super) async fn winner(&self, session: &Arc<SessionContext>) -> Result<Arc<Winner>, Problem> {
        let trust = *self.trust.changes().borrow();
        let snapshot = self.settings.snapshot(session).await?;
        let (limits, accounts) = (self.limits(), self.accounts.current());
        let inputs = Inputs { session: session.clone(), snapshot, trust, accounts, limits };
        if let Some(winner) = self.recall.get(&inputs) {
            return Ok(winner);
        }
        let settings = self.judged(session, inputs.snapshot.clone())?;
        let (accounts, limits) = (&*inputs.accounts, &limits);
        let given = Given { session, settings: &settings, accounts, limits };
        let winner = Arc::new(resolve::resolve(&given).winner?);
        self.recall.put(inputs, winner.clone());
        Ok(winner)
    }

    /// Settings of a session, with what has been decided about its workspace.
    pub(super) async fn settings_of(&self, session: &SessionContext) -> Result<Settings, Problem> {
        let snapshot = self.settings.snapshot(session).await?;
        self.judged(session, snapshot)
    }

    fn judged(&self, session: &SessionContext, snapshot: Arc<Snapshot>) -> Result<Settings, Problem> {
        // A managed session ignores whatever is passed, be it broken.
        let explicit = match session.mode {
            SessionMode::Managed => None,
            _ => settings::store::explicit(session)?,
        };
        let decision = self.trust.decision(snapshot.subject.as_ref());
        Ok(Settings { snapshot, explicit, decision, scope: Scope::of(session.mode) })
    }

    /// The bounds that hold now.
    pub(super) fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Has other bounds from now on. Returns those before.
    pub(super) fn tune(&self, limits: Limits) -> Limits {
        self.limits.set(limits)
    }

    /// Forgets outcomes of walks and contents of settings files: both can be secret.
    pub(super) fn forget(&self) {
        self.recall.clear();
        self.settings.forget();
    }
}
