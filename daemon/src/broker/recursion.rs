//! A command that we run asks us for a credential: it would wait for itself.

use super::{Broker, loan::Wanted};
use crate::{key::SourceKey, sources::CredentialProvider};
use claviger::reason::{Location, Problem, Reason};

impl Broker {
    /// Refuses a caller inside a command that we run: whatever it asks for, it could end up waiting for itself. Its
    /// variable says so, or, where that was cleared, its process group. The flight of that command ends with the same
    /// problem.
    pub(super) fn refuse_recursion(&self, wanted: &Wanted<'_>) -> Result<(), Problem> {
        let flight = wanted.session.inside_flight.clone().or_else(|| self.host.command_of(wanted.pid));
        let Some(flight) = flight else { return Ok(()) };
        if let Some(key) = SourceKey::parse(&flight)
            && let Some(entry) = self.lock().get_mut(&key)
        {
            entry.recursed = true;
        }
        Err(problem(&**wanted.provider, wanted.winner.bound.at.as_ref()))
    }
}

/// What that command is told, and whoever waits for it.
pub(super) fn problem(provider: &dyn CredentialProvider, at: Option<&Location>) -> Problem {
    Problem::new(
        Reason::CommandFailed,
        "a command that claviger runs asked claviger for a credential: it would wait for itself",
    )
    .hint(provider.recursion_hint())
    .at(at)
}
