//! Leases and events about them.

use super::parts::{facts, instant, own_location, problem, span, text, warning};
use crate::text::words;
use claviger::{
    AwsKeys, Change, Lease, Material, Problem, headers::Header, proto::v1::ReportRejectedResponse, wire,
};
use serde_json::{Value, json};
use std::time::SystemTime;

/// A lease. Secrets and header values are included only with `secret`.
pub(crate) fn lease(lease: &Lease, secret: Option<&Material>, headers: &[Header]) -> Value {
    let own = match &lease.material {
        Some(Material::OwnVariable(name)) => text(name),
        _ => Value::Null,
    };
    let (plain, keys) = match (secret, &lease.material) {
        (Some(Material::Secret(secret)), _) => (Some(secret.expose()), Value::Null),
        (Some(Material::Keys(keys)), _) => (None, aws_keys(keys, true)),
        (None, Some(Material::Keys(keys))) => (None, aws_keys(keys, false)),
        (None | Some(Material::OwnVariable(_)), _) => (None, Value::Null),
    };
    let at = |at: Option<SystemTime>| instant(at.map(wire::timestamp).as_ref());
    json!({
        "secret": plain,
        "aws_keys": keys,
        "own_variable": own,
        "scheme": lease.scheme.name(),
        "headers": headers.iter().map(|header| shown(header, secret.is_some())).collect::<Vec<_>>(),
        "own_headers_variable": text(&lease.own_headers_variable),
        "backend": lease.backend.name(),
        "base_url": lease.base_url,
        "origin": lease.origin,
        "region": text(&lease.region),
        "project": text(&lease.project),
        "api_timeout_seconds": span(lease.api_timeout),
        "source": lease.source,
        "location": lease.location.as_ref().map(own_location),
        "key": text(&lease.key),
        "generation": lease.generation,
        "fetched_at": at(lease.fetched_at),
        "expires_at": at(lease.expires_at),
        "refresh_at": at(lease.refresh_at),
        "stale": lease.stale,
        "warnings": lease.warnings.iter().map(warning).collect::<Vec<_>>(),
        "facts": facts(lease.facts.as_ref()),
    })
}

/// Keys that sign requests; only the id is not secret.
fn aws_keys(keys: &AwsKeys, with_secrets: bool) -> Value {
    let token = keys.session_token.as_ref().map(|token| token.expose());
    json!({
        "access_key_id": keys.access_key_id,
        "secret_access_key": with_secrets.then(|| keys.secret_access_key.expose()),
        "session_token": token.filter(|_| with_secrets),
    })
}

/// Headers with their values.
pub(crate) fn headers(headers: &[Header]) -> Value {
    headers.iter().map(|header| shown(header, true)).collect()
}

/// A change of a followed credential; `lease` is its lease, already in JSON.
pub(crate) fn change(change: &Change, lease: impl FnOnce(&Lease) -> Value) -> Value {
    let told = |what: &Problem| problem(Some(&wire::problem(what, SystemTime::now())));
    match change {
        Change::Lease(issued, why) => json!({
            "event": "issued",
            "reason": why.name(),
            "lease": lease(issued),
        }),
        Change::Progress(progress) => json!({
            "event": "progress",
            "source": progress.source,
            "line": text(&progress.line),
            "elapsed_seconds": span(progress.elapsed),
            "attended": progress.attended,
        }),
        Change::Problem(what) => json!({"event": "problem", "problem": told(what)}),
        Change::PersonNeeded(what) => json!({
            "event": "human-needed",
            "problem": told(what),
            "command": what.helps().and_then(|remedy| remedy.line()),
        }),
    }
}

/// Result of a report.
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
