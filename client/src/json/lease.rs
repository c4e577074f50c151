//! Leases and events about them.

use super::parts::{facts, instant, location, problem, seconds, text, warning};
use crate::text::words;
use claviger::{
    client::Lent,
    headers::Header,
    proto::v1::{
        AwsKeys, Lease, ReportRejectedResponse, Secret, lease::Material, watch_credential_response::Event,
    },
    wire,
};
use serde_json::{Value, json};

/// A lease. Secrets and header values are included only with `secret`.
pub(crate) fn lease(lease: &Lease, secret: Option<&Lent>, headers: &[Header]) -> Value {
    let own = match &lease.material {
        Some(Material::OwnVariable(name)) => text(name),
        _ => Value::Null,
    };
    let (plain, keys) = match (secret, &lease.material) {
        (Some(Lent::Secret(secret)), _) => (Some(secret.value.as_str()), Value::Null),
        (Some(Lent::Keys(keys)), _) => (None, aws_keys(keys, true)),
        (None, Some(Material::AwsKeys(keys))) => (None, aws_keys(keys, false)),
        (None, _) => (None, Value::Null),
    };
    json!({
        "secret": plain,
        "aws_keys": keys,
        "own_variable": own,
        "scheme": words::scheme_of(lease),
        "headers": headers.iter().map(|header| shown(header, secret.is_some())).collect::<Vec<_>>(),
        "own_headers_variable": text(&lease.own_headers_variable),
        "backend": words::backend(lease.backend()),
        "base_url": lease.base_url,
        "origin": lease.origin,
        "region": text(&lease.region),
        "project": text(&lease.project),
        "api_timeout_seconds": seconds(lease.api_timeout.as_ref()),
        "source": lease.source,
        "location": location(lease.location.as_ref()),
        "key": text(&lease.key),
        "generation": lease.generation,
        "fetched_at": instant(lease.fetched_at.as_ref()),
        "expires_at": instant(lease.expiry().as_ref()),
        "refresh_at": instant(lease.refresh_at.as_ref()),
        "stale": lease.stale,
        "warnings": lease.warnings.iter().map(warning).collect::<Vec<_>>(),
        "facts": facts(lease.facts.as_ref()),
    })
}

/// Keys that sign requests; only the id is not secret.
fn aws_keys(keys: &AwsKeys, with_secrets: bool) -> Value {
    let secret =
        |secret: &Option<Secret>| secret.as_ref().filter(|_| with_secrets).map(|secret| secret.value.clone());
    json!({
        "access_key_id": keys.access_key_id,
        "secret_access_key": secret(&keys.secret_access_key),
        "session_token": secret(&keys.session_token),
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
            "attended": progress.attended,
        }),
        Event::Problem(what) => json!({"event": "problem", "problem": problem(Some(what))}),
        Event::HumanNeeded(needed) => json!({
            "event": "human-needed",
            "problem": problem(needed.problem.as_ref()),
            "command": needed.problem.as_ref().and_then(wire::helps).and_then(|remedy| remedy.line()),
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
