//! Explanations and states. Nothing here can hold a secret.

use super::parts::{facts, instant, location, problem, seconds, step, text, version, warning};
use crate::text::words;
use claviger::proto::v1::{
    AuditLog, CacheEntry, ExplainResponse, GetStatusResponse, LoginPolicy, Pending, SettingsFile,
    SettingsValue, Trial,
};
use claviger::wire;
use serde_json::{Value, json};

/// An explanation.
pub(crate) fn explain(answer: &ExplainResponse) -> Value {
    let timings = answer.timings.as_ref();
    json!({
        "mode": words::mode(answer.mode()),
        "backend": words::backend(answer.backend()),
        "winner": text(&answer.winner),
        "account": text(&answer.account),
        "origin": text(&answer.origin),
        "region": text(&answer.region),
        "project": text(&answer.project),
        "workspace": text(&answer.workspace),
        "steps": answer.steps.iter().map(step).collect::<Vec<_>>(),
        "problem": problem(answer.problem.as_ref()),
        "files": answer.files.iter().map(file).collect::<Vec<_>>(),
        "values": answer.values.iter().map(value).collect::<Vec<_>>(),
        "policies": answer.policies.iter().map(policy).collect::<Vec<_>>(),
        "warnings": answer.warnings.iter().map(warning).collect::<Vec<_>>(),
        "entry": answer.entry.as_ref().map(entry),
        "trial": answer.trial.as_ref().map(trial),
        "timings": {
            "settings_seconds": seconds(timings.and_then(|timings| timings.settings.as_ref())),
            "resolve_seconds": seconds(timings.and_then(|timings| timings.resolve.as_ref())),
        },
    })
}

fn trial(trial: &Trial) -> Value {
    json!({
        "directory": trial.directory,
        "variables": trial.variables,
        "deadline_seconds": seconds(trial.deadline.as_ref()),
        "took_seconds": seconds(trial.took.as_ref()),
        "failure": text(&trial.failure),
        "exit_code": trial.exit_code,
        "said": trial.said,
        "unusable": text(&trial.unusable),
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
            "failed": counters.failed,
            "runs": counters.runs,
            "rejections": counters.rejections,
            "own": counters.own,
            "refused": counters.refused,
        },
        "audit": answer.audit.as_ref().map(audit),
        "entries": answer.entries.iter().map(entry).collect::<Vec<_>>(),
        "shares": answer.shares,
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
pub(crate) fn entry(entry: &CacheEntry) -> Value {
    json!({
        "key": entry.key,
        "source": entry.source,
        "location": location(entry.location.as_ref()),
        "generation": entry.generation,
        "fetched_at": instant(entry.fetched_at.as_ref()),
        "expires_at": instant(entry.expires_at.as_ref()),
        "refresh_at": instant(entry.refresh_at.as_ref()),
        "stale": entry.stale,
        "refreshing": entry.refreshing,
        "last_problem": problem(entry.last_problem.as_ref()),
        "failures": entry.failures,
        "watchers": entry.watchers,
        "last_used_at": instant(entry.last_used_at.as_ref()),
        "hits": entry.hits,
        "runs": entry.runs,
        "facts": facts(entry.facts.as_ref()),
        "account": text(&entry.account),
        "sessions": entry.sessions,
        "rejections": entry.rejections,
        "directory": text(&entry.directory),
        "profile": text(&entry.profile),
        "apart": entry.apart,
    })
}

/// Everything that waits for a person.
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
    use super::{audit, entry, status};
    use claviger::proto::v1::{AuditLog, CacheEntry, GetStatusResponse};
    use serde_json::Value;

    #[test]
    fn every_name_of_the_status_is_explained() {
        const PAGE: &str = include_str!("../../../docs/metrics.md");
        let all = status(&GetStatusResponse::default(), "");
        let counters = all["counters"].clone();
        for object in [all, counters, entry(&CacheEntry::default()), audit(&AuditLog::default())] {
            let Value::Object(object) = object else { panic!("an object") };
            for name in object.keys() {
                assert!(PAGE.contains(&format!("`{name}`")), "{name} is missing in docs/metrics.md");
            }
        }
    }
}
