//! Events for a follower of a credential.

use crate::{
    credential::Why,
    lease::Lease,
    proto::v1::{self, watch_credential_response::Event},
    reason::{Problem, Reason},
    wire,
};
use std::time::{Duration, SystemTime};

/// A change of a followed credential.
#[derive(Clone, Debug)]
pub enum Change {
    /// There is a credential, or another one.
    Lease(Box<Lease>, Why),
    /// A running command wrote a line, or is slow.
    Progress(Progress),
    /// There is no credential right now, or a refresh failed.
    Problem(Problem),
    /// Nothing happens until a person acts.
    PersonNeeded(Problem),
}

/// A sign of life of a running command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Id of the source that the command runs for.
    pub source: String,
    /// A line that it wrote to stderr, without control characters; empty if it only takes long.
    pub line: String,
    /// How long it has been running.
    pub elapsed: Duration,
    /// The command talks to a person: the line must be shown.
    pub attended: bool,
}

/// The daemon's answer to a report of a rejected credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// A refresh runs.
    Refreshing,
    /// The rejected credential had been replaced already.
    AlreadyReplaced,
    /// It is too soon after the last refresh for a rejection; reports count again at this instant.
    HeldBack(Option<SystemTime>),
    /// The session's own variable holds the credential: only the session can replace it.
    OwnVariable,
}

// === impl Change ===

impl Change {
    /// Decodes what the daemon sent.
    pub(super) fn from_proto(event: Event) -> Result<Self, Problem> {
        let known = |problem: Option<v1::Problem>| {
            wire::from_problem(&problem.unwrap_or_default(), SystemTime::now())
        };
        Ok(match event {
            Event::Issued(issued) => {
                let why = Why::from_proto(issued.reason());
                Self::Lease(Box::new(Lease::from_proto(issued.lease.unwrap_or_default())?), why)
            }
            Event::Progress(v1::Progress { source, line, elapsed, attended }) => {
                let elapsed = elapsed.and_then(|of| Duration::try_from(of).ok()).unwrap_or_default();
                Self::Progress(Progress { source, line, elapsed, attended })
            }
            Event::Problem(problem) => Self::Problem(known(Some(problem))),
            Event::HumanNeeded(needed) => Self::PersonNeeded(known(needed.problem)),
        })
    }

    /// Whether `other` is equal for the caller. The time of the next attempt and the staleness of a credential may
    /// differ.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let words = |problem: &Problem| (problem.reason, problem.message.clone());
        match (self, other) {
            (Self::Lease(one, _), Self::Lease(other, _)) => one.is_same(other),
            (Self::Problem(one), Self::Problem(other))
            | (Self::PersonNeeded(one), Self::PersonNeeded(other)) => words(one) == words(other),
            _ => false,
        }
    }
}

impl Reported {
    /// Decodes what the daemon answered.
    pub(super) fn from_proto(answer: &v1::ReportRejectedResponse) -> Result<Self, Problem> {
        use v1::report_rejected_response::Outcome;
        Ok(match answer.outcome() {
            Outcome::Refreshing => Self::Refreshing,
            Outcome::AlreadyReplaced => Self::AlreadyReplaced,
            Outcome::HeldBack => Self::HeldBack(answer.retry_at.as_ref().and_then(wire::system_time)),
            Outcome::OwnVariable => Self::OwnVariable,
            Outcome::Unspecified => {
                return Err(Problem::new(Reason::Bug, "the daemon's answer lacks the result of the report"));
            }
        })
    }
}
