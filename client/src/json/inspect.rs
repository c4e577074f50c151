//! Explanations and states. Nothing here can hold a secret.

use super::gate::{Gate, gate};
use super::parts::{
    Facts, Location, Problem, Release, Step, Warning, facts, instant, location, problem, release, seconds,
    step, text, warning,
};
use crate::text::words;
use claviger::{proto::v1, wire};

form! {
    /// An explanation.
    fn explain(answer: &v1::ExplainResponse) -> Explanation {
        mode: String = words::mode(answer.mode()),
        backend: String = words::backend(answer.backend()),
        /// The source that provides the credential.
        winner: Option<String> = text(&answer.winner),
        account: Option<String> = text(&answer.account),
        origin: Option<String> = text(&answer.origin),
        region: Option<String> = text(&answer.region),
        project: Option<String> = text(&answer.project),
        workspace: Option<String> = text(&answer.workspace),
        /// Every source, in order.
        steps: Vec<Step> = answer.steps.iter().map(step).collect(),
        problem: Option<Problem> = problem(answer.problem.as_ref()),
        files: Vec<File> = answer.files.iter().map(file).collect(),
        values: Vec<Setting> = answer.values.iter().map(value).collect(),
        policies: Vec<Policy> = answer.policies.iter().map(policy).collect(),
        warnings: Vec<Warning> = answer.warnings.iter().map(warning).collect(),
        entry: Option<Entry> = answer.entry.as_ref().map(entry),
        /// With --try: the run of the command.
        trial: Option<Trial> = answer.trial.as_ref().map(trial),
        timings: Timings = timings(&answer.timings.unwrap_or_default()),
    }

    /// How long it took.
    fn timings(timings: &v1::Timings) -> Timings {
        settings_seconds: Option<f64> = seconds(timings.settings.as_ref()),
        resolve_seconds: Option<f64> = seconds(timings.resolve.as_ref()),
    }

    /// A run of a command, as the daemon would run it.
    fn trial(trial: &v1::Trial) -> Trial {
        directory: String = trial.directory.clone(),
        /// Names of the variables that it got.
        variables: Vec<String> = trial.variables.clone(),
        deadline_seconds: Option<f64> = seconds(trial.deadline.as_ref()),
        took_seconds: Option<f64> = seconds(trial.took.as_ref()),
        failure: Option<String> = text(&trial.failure),
        exit_code: Option<i32> = trial.exit_code,
        said: Vec<String> = trial.said.clone(),
        /// Why its output cannot be used.
        unusable: Option<String> = text(&trial.unusable),
    }

    /// A login policy of managed settings.
    fn policy(policy: &v1::LoginPolicy) -> Policy {
        name: String = policy.name.clone(),
        demands: String = policy.demands.clone(),
        locations: Vec<Option<Location>> = policy.locations.iter().map(|at| location(Some(at))).collect(),
        applies: bool = policy.applies,
    }

    /// The state of the daemon, and the command that lists its API.
    fn status(answer: &v1::GetStatusResponse, grpcurl: &str) -> Status {
        version: Option<Release> = answer.version.as_ref().map(release),
        pid: u32 = answer.pid,
        started_at: Option<String> = instant(answer.started_at.as_ref()),
        locked: bool = answer.locked,
        watchers: u32 = answer.watchers,
        counters: Counters = counters(&answer.counters.unwrap_or_default()),
        audit: Option<AuditLog> = answer.audit.as_ref().map(audit),
        entries: Vec<Entry> = answer.entries.iter().map(entry).collect(),
        shares: u32 = answer.shares,
        /// As `gate list`.
        gates: Vec<Gate> = answer.gates.iter().map(gate).collect(),
        grpcurl: String = grpcurl.to_owned(),
    }

    /// Counters since the daemon started; docs/metrics.md explains them.
    fn counters(counters: &v1::Counters) -> Counters {
        requests: u64 = counters.requests,
        hits: u64 = counters.hits,
        waits: u64 = counters.waits,
        failed: u64 = counters.failed,
        runs: u64 = counters.runs,
        rejections: u64 = counters.rejections,
        own: u64 = counters.own,
        refused: u64 = counters.refused,
    }

    /// The state of the audit log.
    fn audit(audit: &v1::AuditLog) -> AuditLog {
        file: String = audit.file.clone(),
        lost: u64 = audit.lost,
        lost_since: Option<String> = instant(audit.lost_since.as_ref()),
        waiting: u64 = audit.waiting,
        trouble: Option<String> = text(&audit.trouble),
    }

    /// The state of a cache entry; docs/metrics.md explains the fields.
    fn entry(entry: &v1::CacheEntry) -> Entry {
        key: String = entry.key.clone(),
        source: String = entry.source.clone(),
        location: Option<Location> = location(entry.location.as_ref()),
        generation: u64 = entry.generation,
        fetched_at: Option<String> = instant(entry.fetched_at.as_ref()),
        expires_at: Option<String> = instant(entry.expires_at.as_ref()),
        refresh_at: Option<String> = instant(entry.refresh_at.as_ref()),
        stale: bool = entry.stale,
        refreshing: bool = entry.refreshing,
        last_problem: Option<Problem> = problem(entry.last_problem.as_ref()),
        failures: u32 = entry.failures,
        watchers: u32 = entry.watchers,
        last_used_at: Option<String> = instant(entry.last_used_at.as_ref()),
        hits: u64 = entry.hits,
        runs: u64 = entry.runs,
        facts: Option<Facts> = facts(entry.facts.as_ref()),
        account: Option<String> = text(&entry.account),
        sessions: u32 = entry.sessions,
        rejections: u64 = entry.rejections,
        directory: Option<String> = text(&entry.directory),
        profile: Option<String> = text(&entry.profile),
        apart: Vec<String> = entry.apart.clone(),
    }

    /// Something that waits for a person.
    fn waiting(one: &v1::Pending) -> Waiting {
        source: String = one.source.clone(),
        location: Option<Location> = location(one.location.as_ref()),
        id: Option<String> = text(&one.id),
        started_at: Option<String> = instant(one.started_at.as_ref()),
        deadline: Option<String> = instant(one.deadline.as_ref()),
        /// How many sessions wait for it.
        waiting: u32 = one.waiting,
        /// The last lines of its output.
        lines: Vec<String> = one.lines.clone(),
        problem: Option<Problem> = problem(one.problem.as_ref()),
    }

    /// Everything that waits for a person.
    fn pending(pending: &[v1::Pending]) -> Pending {
        pending: Vec<Waiting> = pending.iter().map(waiting).collect(),
    }

    /// A settings file that was looked at.
    fn file(file: &v1::SettingsFile) -> File {
        layer: String = wire::layer_word(file.layer()).to_owned(),
        file: String = file.file.clone(),
        state: String = words::state(file.state()),
        problem: Option<Problem> = problem(file.problem.as_ref()),
    }

    /// A value that counts.
    fn value(value: &v1::SettingsValue) -> Setting {
        name: String = value.name.clone(),
        location: Option<Location> = location(value.location.as_ref()),
        overrides: Vec<Option<Location>> = value.overrides.iter().map(|at| location(Some(at))).collect(),
        /// Whether it is a command of claviger's own.
        hook: bool = value.hook,
        /// Whether the administrator's configuration locks it.
        locked: bool = value.locked,
    }
}

#[cfg(test)]
mod tests {
    use super::{audit, entry, gate, status};
    use claviger::proto::v1::{AuditLog, CacheEntry, Gate, GateModelUse, GateUse, GetStatusResponse};
    use serde_json::json;

    #[test]
    fn every_name_of_the_status_is_explained() {
        const PAGE: &str = include_str!("../../../docs/metrics.md");
        let all = json!(status(&GetStatusResponse::default(), ""));
        let counters = all["counters"].clone();
        let used = GateUse { models: vec![GateModelUse::default()], ..GateUse::default() };
        let gate = json!(gate(&Gate { r#use: Some(used), ..Gate::default() }));
        let model = gate["models"][0].clone();
        let (entry, audit) = (json!(entry(&CacheEntry::default())), json!(audit(&AuditLog::default())));
        for object in [all, counters, entry, audit, gate, model] {
            for name in object.as_object().expect("an object").keys() {
                assert!(PAGE.contains(&format!("`{name}`")), "{name} is missing in docs/metrics.md");
            }
        }
    }
}
