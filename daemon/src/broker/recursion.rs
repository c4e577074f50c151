//! A command of the daemon asks the daemon for a credential: it would wait for itself.

use super::{Broker, entry::Entry, loan::Wanted};
use crate::{key::SourceKey, sources::CredentialProvider};
use claviger::reason::{Location, Problem, Reason};

/// Refuses a caller inside a command of the daemon: it could end up waiting for itself. It is recognised by its
/// variable or, where that was cleared, by its process group. The flight of that command ends with the same problem.
pub(super) fn refuse(broker: &Broker, wanted: &Wanted<'_>) -> Result<(), Problem> {
    let flight = wanted.session.inside_flight.clone().or_else(|| broker.host.command_of(wanted.asker.pid));
    let Some(flight) = flight else { return Ok(()) };
    if let Some(key) = SourceKey::parse(&flight) {
        broker.cache.with(key, Entry::recurse);
    }
    Err(problem(&**wanted.provider, wanted.winner.bound.at.as_ref()))
}

/// The reason of a failed attempt, if its command asked the daemon. A retry would not help.
pub(super) fn of(broker: &Broker, key: SourceKey) -> Option<Problem> {
    let recursed = |entry: &mut Entry| entry.is_recursed().then(|| problem(&**entry.provider(), entry.at()));
    broker.cache.with(key, recursed)?
}

fn problem(provider: &dyn CredentialProvider, at: Option<&Location>) -> Problem {
    Problem::new(
        Reason::CommandFailed,
        "a command that claviger runs asked claviger for a credential: it would wait for itself",
    )
    .hint(provider.recursion_hint())
    .at(at)
}
