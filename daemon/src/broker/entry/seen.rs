//! The visible state of an entry, without its secret.

use super::{Entry, HumanAction, Tally};
use crate::{
    broker::{next::Interest, slot::State},
    demand::Demand,
    sources::{CredentialProvider, Facts},
};
use claviger::{
    reason::{Location, Problem, Reason},
    session::SessionContext,
};
use std::{sync::Arc, time::SystemTime};

impl Entry {
    /// The source's id.
    pub fn source(&self) -> &'static str {
        self.lead.source
    }

    /// Where the source is configured.
    pub fn at(&self) -> Option<&Location> {
        self.lead.at.as_ref()
    }

    /// The most recent binding.
    pub fn provider(&self) -> &Arc<dyn CredentialProvider> {
        &self.lead.provider
    }

    /// The session that asked last, if it still resolves to this entry.
    pub fn session(&self) -> Option<&Arc<SessionContext>> {
        self.lead.session.as_ref()
    }

    /// The profile of AWS that this session has named.
    pub fn profile(&self) -> Option<&str> {
        let session = self.session().filter(|_| self.source().starts_with("aws-"))?;
        ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().find_map(|name| session.variable(name))
    }

    /// When it was last asked for.
    pub fn last_used(&self) -> SystemTime {
        self.lead.last_used
    }

    /// Whether it was lent to a session since its last refresh ahead of time.
    pub fn is_used(&self) -> bool {
        self.lead.is_used
    }

    /// The demand for refreshing ahead of time.
    pub fn interest(&self) -> Interest {
        match self.watchers() {
            1.. => Interest::Followed,
            0 if self.is_used() => Interest::Used,
            0 => Interest::None,
        }
    }

    /// Dates, failures, generations.
    pub fn state(&self) -> &State {
        self.stock.state()
    }

    /// Details found by the last refresh, successful or not.
    pub fn facts(&self) -> &Facts {
        self.stock.facts()
    }

    /// The current generation; 0 if there never was one.
    pub fn generation(&self) -> u64 {
        self.state().current.map_or(0, |issue| issue.generation)
    }

    /// The problem of the last refresh, if it failed, with the time left until the next attempt.
    pub fn failure(&self, now: SystemTime) -> Option<Problem> {
        self.state().failure.is_some().then(|| self.rejection(now))
    }

    /// The problem of the last refresh, with the time left until the next attempt.
    pub fn rejection(&self, now: SystemTime) -> Problem {
        self.stock.rejection(now, Demand::Session)
    }

    /// The same, with the remedy for the directory of the session that asked last.
    pub fn problem(&self, now: SystemTime) -> Problem {
        let directory = self.session().map(|session| session.cwd.to_string_lossy()).unwrap_or_default();
        self.rejection(now).for_session(&directory)
    }

    /// Whether a refresh is in progress.
    pub fn is_refreshing(&self) -> bool {
        self.flight.is_some()
    }

    /// Its usage.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Open watch streams.
    pub fn watchers(&self) -> u32 {
        self.audience.watchers()
    }

    /// Number of sessions that use it.
    pub fn sessions(&self, now: SystemTime) -> usize {
        self.audience.sessions(now)
    }

    /// Whether a session in a terminal follows it or waits for it.
    pub fn is_attended(&self) -> bool {
        self.audience.is_attended()
    }

    /// Whether a terminal shows its state, or has shown it, to a person.
    pub fn is_told(&self) -> bool {
        self.audience.is_told()
    }

    /// The action of a person that would fix the last failed refresh.
    pub fn human_action(&self) -> Option<HumanAction> {
        let failure = self.state().failure.as_ref()?;
        let can_sign_in = self.provider().sign_in().is_some();
        match failure.problem.reason {
            Reason::KeyringLocked => Some(HumanAction::Unlock),
            Reason::LoginRequired => Some(HumanAction::SignIn),
            _ if failure.asleep => Some(HumanAction::SignIn),
            Reason::CommandFailed | Reason::Cancelled | Reason::SourceTimeout if can_sign_in => {
                Some(HumanAction::SignInAfterAll)
            }
            _ => None,
        }
    }
}
