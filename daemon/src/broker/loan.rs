//! Loans, and the requirements of a session.

use super::{borrowers::Borrower, hooks::HookCall, slot::Issue, validity::Validity};
use crate::{
    caller::Caller,
    consent::{self, Subject},
    demand::Demand,
    endpoint::{Endpoint, cloud},
    host::{memory::LockedText, process::Asker},
    key::SourceKey,
    resolve::Winner,
    settings::Confirm,
    sources::{CredentialProvider, Facts},
};
use claviger::{
    backend::{BEDROCK_REGION, Backend},
    reason::{Location, Problem, Reason},
    session::SessionContext,
    warning::{Kind, Warning},
};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// A credential on loan.
#[derive(Debug)]
pub struct Loan {
    /// The source, its place, and additional headers.
    pub winner: Arc<Winner>,
    /// Place of the secret.
    pub material: LoanMaterial,
}

// === impl Loan ===

impl Loan {
    fn facts(&self) -> Option<&Facts> {
        match &self.material {
            LoanMaterial::Cached { facts, .. } => Some(facts),
            LoanMaterial::OwnVariable(_) | LoanMaterial::Fixed => None,
        }
    }

    /// Region of the cloud: from the settings, else from the credential's own configuration, else the cloud's default.
    pub fn region(&self) -> Option<&str> {
        let default = (self.winner.backend == Backend::Bedrock).then_some(BEDROCK_REGION);
        let own = self.facts().and_then(|facts| facts.region.as_deref());
        self.winner.target.region.as_deref().or(own).or(default)
    }

    /// Project or resource. A project in the credentials file comes before `ANTHROPIC_VERTEX_PROJECT_ID`, as other
    /// variables do (`spec/behaviour.md` A2, "Vertex project precedence").
    pub fn project(&self) -> Option<&str> {
        let own = self.facts().and_then(|facts| facts.project.as_deref());
        let settings = self.winner.target.project.as_deref();
        if self.winner.target.is_outranked { own.or(settings) } else { settings.or(own) }
    }

    /// Where the credential may be sent.
    pub fn endpoint(&self) -> Cow<'_, Endpoint> {
        let known = Cow::Borrowed(&self.winner.endpoint);
        match self.region() {
            Some(region) if known.follows_region => cloud::bedrock(region).map_or(known, Cow::Owned),
            _ => known,
        }
    }

    /// Warnings that depend on the credential.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        let trimmed = self.facts().is_some_and(|facts| facts.trimmed);
        self.overridden().into_iter().chain(trimmed.then(|| output_trimmed(self.winner.bound.at.as_ref())))
    }

    fn overridden(&self) -> Option<Warning> {
        let (used, wanted) = (self.project()?, self.winner.target.project.as_deref()?);
        (used != wanted).then(|| {
            let text = format!(
                "the credentials file names project {used}, which comes before ANTHROPIC_VERTEX_PROJECT_ID={wanted}"
            );
            Warning::new(Kind::VertexProjectOverridden, text)
        })
    }
}

/// The helper that is configured `at` prints more than its key.
pub fn output_trimmed(at: Option<&Location>) -> Warning {
    let text = "the helper prints white space around its key, which was removed (a Windows line end, blanks, blank \
        lines)";
    Warning::new(Kind::OutputTrimmed, text).about(&[], at)
}

/// Place of a loan's secret.
#[derive(Debug)]
pub enum LoanMaterial {
    /// In the session's own environment.
    OwnVariable(&'static str),
    /// In a settings file; the winner holds it.
    Fixed,
    /// In the cache.
    Cached {
        /// The entry.
        key: SourceKey,
        /// The secret.
        secret: Arc<LockedText>,
        /// Its dates.
        issue: Issue,
        /// Details found with it.
        facts: Arc<Facts>,
        /// Whether its refresh failed or the API rejected it.
        stale: bool,
    },
}

/// A refusal to lend.
#[derive(Debug)]
pub struct Denied {
    /// The typed problem.
    pub problem: Problem,
    /// The source that would have provided the credential, if resolution got that far.
    pub winner: Option<Arc<Winner>>,
}

impl Denied {
    /// A refusal although `winner` provides the credential.
    pub fn of(winner: &Arc<Winner>) -> impl FnOnce(Problem) -> Self {
        |problem| Self { problem, winner: Some(winner.clone()) }
    }

    /// The source, if only a person's confirmation is missing.
    pub fn unconfirmed(&self) -> Option<&Arc<Winner>> {
        self.winner.as_ref().filter(|_| self.problem.reason == Reason::NotConfirmed)
    }
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Self { problem, winner: None }
    }
}

/// A person's confirmation, where the configuration or a share requires one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// None yet.
    #[default]
    Missing,
    /// This loan is confirmed.
    Given(Subject),
    /// A person is asked when the credential is available, before the secret goes to a process.
    Later,
    /// The secret goes to no process, so a missing credential is not fetched for it.
    Looking,
}

/// Terms of a loan.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Minimum remaining validity, where possible.
    pub min_validity: Option<Duration>,
    /// The tool's hook that asks, if it is one.
    pub hook: Option<HookCall>,
    /// The caller's connection: near, foreign or through a share.
    pub caller: Caller,
    /// A person's confirmation.
    pub consent: Consent,
}

// === impl Terms ===

impl Terms {
    /// Checks that the credential of `winner` may be lent; `is_there` tells whether it needs no fetch.
    ///
    /// # Errors
    /// `not-confirmed` if a person has to confirm it first.
    pub(super) fn admit(&self, winner: &Winner, is_there: impl FnOnce() -> bool) -> Result<(), Problem> {
        let is_given = || match &self.consent {
            Consent::Missing => false,
            Consent::Given(subject) => *subject == Subject::of(winner, &self.caller),
            Consent::Later => true,
            Consent::Looking => is_there(),
        };
        match consent::wanted(winner, &self.caller) == Confirm::Never || is_given() {
            true => Ok(()),
            false => Err(Problem::new(Reason::NotConfirmed, "a person has to confirm the loan")),
        }
    }

    /// Required remaining lifetime; a hook's tool caches the credential for `hook_ttl`.
    pub fn validity(&self, hook_ttl: Option<Duration>) -> Validity {
        let cached = hook_ttl.filter(|ttl| self.hook.is_some() && !ttl.is_zero());
        match (self.min_validity, cached) {
            (None, Some(ttl)) => Validity::Outliving(ttl),
            (least, _) => Validity::AtLeast(least.unwrap_or_default()),
        }
    }
}

/// Requirements of a session for a cached credential.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub(super) winner: &'a Winner,
    pub(super) provider: &'a Arc<dyn CredentialProvider>,
    pub(super) session: &'a Arc<SessionContext>,
    pub(super) asker: Asker,
    pub(super) demand: Demand,
}

// === impl Wanted ===

impl Wanted<'_> {
    /// Its demand during a pause: a person's if one waits in the session's terminal, unless a tool runs it.
    pub(super) fn insistence(&self) -> Demand {
        let is_person = self.session.interactive && !self.session.reads_workspace;
        if self.demand == Demand::Session && is_person { Demand::Person } else { self.demand }
    }

    /// Identity of the caller, for counting sessions. Its process still waits for the answer, so its id is not reused.
    pub(super) fn borrower(&self) -> Borrower {
        Borrower::new(self.asker.session.or(self.asker.pid), &self.session.cwd)
    }
}
