//! Explanations and states. Nothing here can hold a secret.

use super::parts::{facts, instant, location, problem, seconds, step, text, version};
use crate::words;
use claviger::proto::v1::{
    AuditLog, ExplainResponse, GetStatusResponse, LoginPolicy, Pending, SettingsFile, SettingsValue,
    SlotStatus,
};
use claviger::wire;
use serde_json::{Value, json};

/// The whole walk.
pub(crate) fn explain(answer: &ExplainResponse) -> Value {
    let timings = answer.timings.as_ref();
    json!({
        "mode": words::mode(answer.mode()),
        "backend": words::backend(answer.backend()),
        "winner": text(&answer.winner),
        "origin": text(&answer.origin),
        "region": text(&answer.region),
        "project": text(&answer.project),
        "workspace": text(&answer.workspace),
        "steps": answer.steps.iter().map(step).collect::<Vec<_>>(),
        "problem": problem(answer.problem.as_ref()),
        "files": answer.files.iter().map(file).collect::<Vec<_>>(),
        "values": answer.values.iter().map(value).collect::<Vec<_>>(),
        "policies": answer.policies.iter().map(policy).collect::<Vec<_>>(),
        "warnings": answer.warnings.iter().map(|warning| &warning.text).collect::<Vec<_>>(),
        "slot": answer.slot.as_ref().map(slot),
        "timings": {
            "settings_seconds": seconds(timings.and_then(|timings| timings.settings.as_ref())),
            "resolve_seconds": seconds(timings.and_then(|timings| timings.resolve.as_ref())),
        },
    })
}

fn policy(policy: &LoginPolicy) -> Value {
    json!({
        "name": policy.name,
        "demands": policy.demands,
        "locations": policy.locations.iter().map(|at| location(Some(at))).collect::<Vec<_>>(),
        "applies": policy.applies,
    })
}

/// The state of the daemon, and the command that lists its API.
pub(crate) fn status(answer: &GetStatusResponse, grpcurl: &str) -> Value {
    let counters = answer.counters.unwrap_or_default();
    json!({
        "version": version(answer.version.as_ref()),
        "pid": answer.pid,
        "started_at": instant(answer.started_at.as_ref()),
        "locked": answer.locked,
        "watchers": answer.watchers,
        "counters": {
            "requests": counters.requests,
            "hits": counters.hits,
            "waits": counters.waits,
            "errors": counters.errors,
            "runs": counters.runs,
            "rejections": counters.rejections,
            "own": counters.own,
            "refused": counters.refused,
        },
        "audit": answer.audit.as_ref().map(audit),
        "slots": answer.slots.iter().map(slot).collect::<Vec<_>>(),
        "grpcurl": grpcurl,
    })
}

fn audit(audit: &AuditLog) -> Value {
    json!({
        "file": audit.file,
        "lost": audit.lost,
        "lost_since": instant(audit.lost_since.as_ref()),
        "waiting": audit.waiting,
        "trouble": text(&audit.trouble),
    })
}

/// The state of a cache entry.
pub(crate) fn slot(slot: &SlotStatus) -> Value {
    json!({
        "key": slot.key,
        "source": slot.source,
        "location": location(slot.location.as_ref()),
        "generation": slot.generation,
        "fetched_at": instant(slot.fetched_at.as_ref()),
        "expires_at": instant(slot.expires_at.as_ref()),
        "refresh_at": instant(slot.refresh_at.as_ref()),
        "stale": slot.stale,
        "refreshing": slot.refreshing,
        "last_problem": problem(slot.last_problem.as_ref()),
        "failures": slot.failures,
        "watchers": slot.watchers,
        "last_used_at": instant(slot.last_used_at.as_ref()),
        "served": slot.served,
        "runs": slot.runs,
        "facts": facts(slot.facts.as_ref()),
        "account": text(&slot.account),
        "sessions": slot.sessions,
        "rejections": slot.rejections,
        "directory": text(&slot.directory),
    })
}

/// What waits for a person.
pub(crate) fn pending(pending: &[Pending]) -> Value {
    let one = |one: &Pending| {
        json!({
            "source": one.source,
            "location": location(one.location.as_ref()),
            "id": text(&one.id),
            "started_at": instant(one.started_at.as_ref()),
            "deadline": instant(one.deadline.as_ref()),
            "waiting": one.waiting,
            "lines": one.lines,
            "problem": problem(one.problem.as_ref()),
        })
    };
    json!({ "pending": pending.iter().map(one).collect::<Vec<_>>() })
}

fn file(file: &SettingsFile) -> Value {
    json!({
        "layer": wire::layer_word(file.layer()),
        "file": file.file,
        "state": words::state(file.state()),
        "problem": problem(file.problem.as_ref()),
    })
}

fn value(value: &SettingsValue) -> Value {
    json!({
        "name": value.name,
        "location": location(value.location.as_ref()),
        "overrides": value.overrides.iter().map(|at| location(Some(at))).collect::<Vec<_>>(),
        "hook": value.hook,
    })
}

#[cfg(test)]
mod tests {
    use super::{audit, slot, status};
    use claviger::proto::v1::{AuditLog, GetStatusResponse, SlotStatus};
    use serde_json::Value;

    #[test]
    fn every_name_of_the_status_is_explained() {
        const PAGE: &str = include_str!("../../../docs/metrics.md");
        let all = status(&GetStatusResponse::default(), "");
        let counters = all["counters"].clone();
        for object in [all, counters, slot(&SlotStatus::default()), audit(&AuditLog::default())] {
            let Value::Object(object) = object else { panic!("an object") };
            for name in object.keys() {
                assert!(PAGE.contains(&format!("`{name}`")), "{name} is missing in docs/metrics.md");
            }
        }
    }
}
