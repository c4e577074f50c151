//! Effective variables of a session: a settings file overrides the session's own.

use super::{Lookup, Settings};
use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    session::SessionContext,
};
use std::time::Duration;

/// A variable's effective value, with its place if in a file. Empty means unset.
///
/// # Errors
/// `workspace-untrusted` if an undecided workspace sets it.
pub fn effective<'a>(
    session: &'a SessionContext,
    settings: &'a Settings,
    name: &str,
) -> Result<Option<(&'a str, Option<&'a Location>)>, Problem> {
    match settings.variable(name) {
        Lookup::Untrusted(value) => Err(untrusted(settings, name, &value.at)),
        Lookup::Set(value) => {
            Ok(Some((value.value.as_str(), Some(&value.at))).filter(|(text, _)| !text.is_empty()))
        }
        Lookup::Unset => Ok(session.variable(name).map(|text| (text, None))),
    }
}

/// A variable with a number of milliseconds, `least` or more; `example` is for the hint.
///
/// # Errors
/// `workspace-untrusted`, or `settings-invalid` for anything else.
pub fn milliseconds(
    session: &SessionContext,
    settings: &Settings,
    name: &str,
    least: u64,
    example: &str,
) -> Result<Option<Duration>, Problem> {
    let Some((text, at)) = effective(session, settings, name)? else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|number| *number >= least);
    number.map(|number| Some(Duration::from_millis(number))).ok_or_else(|| {
        Problem::new(Reason::SettingsInvalid, format!("{name} is not a number of milliseconds"))
            .hint(format!("write for example {example}"))
            .set_by(name, at)
    })
}

/// The problem of a value that an undecided workspace sets.
pub fn untrusted(settings: &Settings, name: &str, at: &Location) -> Problem {
    let root = settings.snapshot.workspace.root.to_string_lossy();
    Problem::new(
        Reason::WorkspaceUntrusted,
        format!("the workspace {root} sets {name} and is not trusted yet"),
    )
    .hint("`trust grant` shows what it requests and asks you; `trust ignore` leaves it out")
    .remedy(Remedy::trust().within(&root))
    .at(at)
}
