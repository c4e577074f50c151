//! Leases and events about them.

use super::{instant, location, problem, seconds, text};
use crate::{headers::Header, words};
use claviger::proto::v1::{Lease, ReportRejectedResponse, Secret, watch_credential_response::Event};
use serde_json::{Value, json};

/// A lease. Secret and header values are there only if `secret` is given.
pub(crate) fn lease(lease: &Lease, secret: Option<&Secret>, headers: &[Header]) -> Value {
    let own = match &lease.material {
        Some(claviger::proto::v1::lease::Material::OwnVariable(name)) => text(name),
        _ => Value::Null,
    };
    json!({
        "secret": secret.map(|secret| secret.value.as_str()),
        "own_variable": own,
        "scheme": words::scheme_of(lease),
        "headers": headers.iter().map(|header| shown(header, secret.is_some())).collect::<Vec<_>>(),
        "own_headers_variable": text(&lease.own_headers_variable),
        "backend": words::backend(lease.backend()),
        "base_url": lease.base_url,
        "origin": lease.origin,
        "api_timeout_seconds": seconds(lease.api_timeout.as_ref()),
        "source": lease.source,
        "location": location(lease.location.as_ref()),
        "key": text(&lease.key),
        "generation": lease.generation,
        "fetched_at": instant(lease.fetched_at.as_ref()),
        "expires_at": instant(lease.expires_at.as_ref()),
        "refresh_at": instant(lease.refresh_at.as_ref()),
        "stale": lease.stale,
        "warnings": lease.warnings,
    })
}

/// Headers with their values.
pub(crate) fn headers(headers: &[Header]) -> Value {
    headers.iter().map(|header| shown(header, true)).collect()
}

/// An event of a watched credential; `lease` is its lease, already in JSON.
pub(crate) fn event(event: &Event, lease: impl FnOnce(&Lease) -> Value) -> Value {
    match event {
        Event::Issued(issued) => json!({
            "event": "issued",
            "reason": words::issued(issued.reason()),
            "lease": issued.lease.as_ref().map(lease),
        }),
        Event::Progress(progress) => json!({
            "event": "progress",
            "source": progress.source,
            "line": text(&progress.line),
            "elapsed_seconds": seconds(progress.elapsed.as_ref()),
        }),
        Event::Problem(what) => json!({"event": "problem", "problem": problem(Some(what))}),
        Event::HumanNeeded(needed) => json!({
            "event": "human-needed",
            "problem": problem(needed.problem.as_ref()),
            "command": text(&needed.command),
        }),
    }
}

/// What became of a report.
pub(crate) fn reported(answer: &ReportRejectedResponse) -> Value {
    json!({
        "outcome": words::reported(answer.outcome()),
        "generation": answer.generation,
        "retry_at": instant(answer.retry_at.as_ref()),
    })
}

fn shown((name, value): &Header, with_value: bool) -> Value {
    json!({"name": name, "value": with_value.then_some(value)})
}
