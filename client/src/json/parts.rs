//! Small JSON forms that others contain.

use crate::text::words;
use claviger::{
    proto::v1::{Facts, Location, Problem, Step, Version, Warning},
    reason,
    remedy::{Command, Remedy, Setting},
    wire,
};
use prost_types::{Duration, Timestamp};
use serde_json::{Value, json};

/// A place in a file, from the daemon.
pub(crate) fn location(location: Option<&Location>) -> Value {
    let Some(at) = location else { return Value::Null };
    own_location(&wire::from_location(at))
}

/// A place in a file, from a problem.
pub(crate) fn own_location(at: &reason::Location) -> Value {
    json!({"layer": at.layer, "file": at.file, "line": at.line, "column": at.column})
}

/// A release.
pub(super) fn version(version: Option<&Version>) -> Value {
    let Some(version) = version else { return Value::Null };
    json!({"release": version.release, "protocol": version.protocol})
}

/// A problem inside an answer.
pub(crate) fn problem(problem: Option<&Problem>) -> Value {
    let Some(problem) = problem else { return Value::Null };
    json!({
        "reason": words::reason(problem.reason()),
        "message": problem.message,
        "hint": wire::advice(problem),
        "remedy": wire::helps(problem).as_ref().map(remedy),
        "location": location(problem.location.as_ref()),
        "retry_at": instant(problem.retry_at.as_ref()),
        "said": problem.said,
    })
}

/// A warning.
pub(super) fn warning(warning: &Warning) -> Value {
    json!({
        "kind": words::warning(warning.kind()),
        "text": warning.text,
        "location": location(warning.location.as_ref()),
        "remedy": warning.remedy.as_ref().and_then(wire::from_remedy).as_ref().map(remedy),
    })
}

/// A remedy.
pub(crate) fn remedy(remedy: &Remedy) -> Value {
    let command = remedy.line();
    match remedy {
        Remedy::Run(Command { argv, directory }) => {
            json!({"kind": "run", "command": command, "argv": argv, "directory": directory})
        }
        Remedy::Edit(at) => json!({"kind": "edit", "command": command, "location": own_location(at)}),
        Remedy::Write(setting) => {
            let Setting { file, table, line } = &**setting;
            json!({"kind": "write", "command": command, "file": file, "table": table, "line": line})
        }
        Remedy::Administrator(what) => json!({"kind": "administrator", "what": what}),
    }
}

/// A source and its result.
pub(super) fn step(step: &Step) -> Value {
    json!({
        "source": step.source,
        "outcome": crate::text::words::outcome(step),
        "why": step.why,
        "location": location(step.location.as_ref()),
    })
}

/// Details found while a credential was obtained.
pub(super) fn facts(facts: Option<&Facts>) -> Value {
    let Some(facts) = facts else { return Value::Null };
    json!({
        "link": text(&facts.link),
        "links": facts.links.iter().map(step).collect::<Vec<_>>(),
        "region": text(&facts.region),
        "project": text(&facts.project),
        "quota_project": text(&facts.quota_project),
        "account": text(&facts.account),
    })
}

/// An instant as RFC 3339.
pub(super) fn instant(at: Option<&Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_string()))
}

/// A duration in seconds.
pub(super) fn seconds(of: Option<&Duration>) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "durations of this API are far below 2^53 seconds")]
    of.map_or(Value::Null, |of| json!(of.seconds as f64 + f64::from(of.nanos) / 1e9))
}

/// The same of a span.
pub(super) fn span(of: std::time::Duration) -> Value {
    json!(of.as_secs_f64())
}

/// Text; the empty text means absent.
pub(crate) fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}
