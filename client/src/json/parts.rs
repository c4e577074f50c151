//! Small JSON forms that others contain.

use crate::text::words;
use claviger::{proto::v1, reason, remedy, wire};
use prost_types::{Duration, Timestamp};
use serde::Serialize;

form! {
    /// A place in a file.
    fn own_location(at: &reason::Location) -> Location {
        /// The settings layer.
        layer: String = at.layer.clone(),
        file: String = at.file.clone(),
        /// From 1; 0 if it is not known.
        line: u32 = at.line,
        column: u32 = at.column,
    }

    /// A release.
    fn release(version: &v1::Version) -> Release {
        release: String = version.release.clone(),
        protocol: u32 = version.protocol,
    }

    /// A problem inside an answer.
    fn of_problem(problem: &v1::Problem) -> Problem {
        /// One of the reasons of docs/exit-codes.md.
        reason: String = words::reason(problem.reason()),
        message: String = problem.message.clone(),
        hint: Option<String> = wire::advice(problem),
        remedy: Option<Remedy> = wire::helps(problem).as_ref().map(remedy),
        location: Option<Location> = location(problem.location.as_ref()),
        /// When another attempt is made.
        retry_at: Option<String> = instant(problem.retry_at.as_ref()),
        /// The last lines that a command printed on stderr.
        said: Vec<String> = problem.said.clone(),
    }

    /// A warning.
    fn warning(warning: &v1::Warning) -> Warning {
        kind: String = words::warning(warning.kind()),
        text: String = warning.text.clone(),
        location: Option<Location> = location(warning.location.as_ref()),
        remedy: Option<Remedy> = warning.remedy.as_ref().and_then(wire::from_remedy).as_ref().map(remedy),
    }

    /// A source and its result.
    fn step(step: &v1::Step) -> Step {
        source: String = step.source.clone(),
        outcome: String = words::outcome(step),
        why: String = step.why.clone(),
        location: Option<Location> = location(step.location.as_ref()),
    }

    /// Details found while a credential was obtained.
    fn of_facts(facts: &v1::Facts) -> Facts {
        /// The link of a cloud's chain that provided it.
        link: Option<String> = text(&facts.link),
        links: Vec<Step> = facts.links.iter().map(step).collect(),
        region: Option<String> = text(&facts.region),
        project: Option<String> = text(&facts.project),
        quota_project: Option<String> = text(&facts.quota_project),
        account: Option<String> = text(&facts.account),
    }
}

/// A remedy. `command` is a line for a shell.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Remedy {
    /// A command to run, in this directory if there is one.
    Run { command: Option<String>, argv: Vec<String>, directory: Option<String> },
    /// A place in a file to correct.
    Edit { command: Option<String>, location: Location },
    /// A line to write into a table of a TOML file.
    Write { command: Option<String>, file: String, table: String, line: String },
    /// The request to an administrator.
    Administrator { what: String },
}

/// A remedy.
pub(crate) fn remedy(remedy: &remedy::Remedy) -> Remedy {
    let command = remedy.line();
    match remedy.clone() {
        remedy::Remedy::Run(remedy::Command { argv, directory }) => Remedy::Run { command, argv, directory },
        remedy::Remedy::Edit(at) => Remedy::Edit { command, location: own_location(&at) },
        remedy::Remedy::Write(setting) => {
            let remedy::Setting { file, table, line } = *setting;
            Remedy::Write { command, file, table, line }
        }
        remedy::Remedy::Administrator(what) => Remedy::Administrator { what },
    }
}

/// A place in a file, from the daemon.
pub(super) fn location(location: Option<&v1::Location>) -> Option<Location> {
    location.map(|at| own_location(&wire::from_location(at)))
}

/// A problem, if there is one.
pub(super) fn problem(problem: Option<&v1::Problem>) -> Option<Problem> {
    problem.map(of_problem)
}

/// Details, if there are any.
pub(super) fn facts(facts: Option<&v1::Facts>) -> Option<Facts> {
    facts.map(of_facts)
}

/// An instant as RFC 3339.
pub(super) fn instant(at: Option<&Timestamp>) -> Option<String> {
    at.map(ToString::to_string)
}

/// A duration in seconds.
pub(super) fn seconds(of: Option<&Duration>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "durations of this API are far below 2^53 seconds")]
    of.map(|of| of.seconds as f64 + f64::from(of.nanos) / 1e9)
}

/// Text; the empty text means absent.
pub(crate) fn text(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}
