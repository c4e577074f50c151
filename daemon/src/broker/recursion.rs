//! A command that we run asks us for a credential: it would wait for itself.

use super::{Broker, loan::Wanted};
use crate::sources::SourceKey;
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
        Err(problem(wanted.winner.source, wanted.winner.bound.at.as_ref()))
    }
}

/// What that command is told, and whoever waits for it.
pub(super) fn problem(source: &str, at: Option<&Location>) -> Problem {
    let hint = match source {
        "aws-chain" => {
            "the profile runs claviger, so it cannot be what claviger asks: name another one, as in `credential_process = claviger aws --profile WORK`, where WORK is the profile that signs in"
        }
        "google-adc" => {
            "the credentials file runs claviger, so it cannot be what claviger asks: name another one, as in `claviger gcp --credentials FILE`"
        }
        "azure-default" => {
            "an `az` that runs claviger must run the real az where CLAVIGER_FLIGHT is set; the README has one"
        }
        _ => {
            "let the command print the key itself; if a settings file only points at claviger, write `claviger token` there and the real command into [settings] of ~/.config/claviger/config.toml"
        }
    };
    Problem::new(
        Reason::CommandFailed,
        "a command that claviger runs asked claviger for a credential: it would wait for itself",
    )
    .hint(hint)
    .at(at)
}
