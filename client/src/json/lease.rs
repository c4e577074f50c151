//! Leases and events about them.

use super::parts::{
    Facts, Location, Problem, Warning, facts, instant, of_problem, own_location, problem, text, warning,
};
use crate::text::words;
use claviger::{Change, Material, headers, proto::v1, wire};
use serde::Serialize;
use std::time::SystemTime;

form! {
    /// A lease. Secrets and header values are included only with `secret`.
    fn lease(lease: &claviger::Lease, secret: Option<&Material>, headers: &[headers::Header]) -> Lease {
        /// With --show-secret only.
        secret: Option<String> = match secret {
            Some(Material::Secret(secret)) => Some(secret.expose().to_owned()),
            _ => None,
        },
        aws_keys: Option<AwsKeys> = match (secret, &lease.material) {
            (Some(Material::Keys(keys)), _) => Some(aws_keys(keys, true)),
            (None, Some(Material::Keys(keys))) => Some(aws_keys(keys, false)),
            _ => None,
        },
        /// The variable of the session itself that holds the secret.
        own_variable: Option<String> = match &lease.material {
            Some(Material::OwnVariable(name)) => text(name),
            _ => None,
        },
        scheme: String = lease.scheme.name().to_owned(),
        headers: Vec<Header> = headers.iter().map(|one| header(one, secret.is_some())).collect(),
        own_headers_variable: Option<String> = text(&lease.own_headers_variable),
        backend: String = lease.backend.name().to_owned(),
        base_url: String = lease.base_url.clone(),
        /// The only origin that it may be sent to.
        origin: String = lease.origin.clone(),
        region: Option<String> = text(&lease.region),
        project: Option<String> = text(&lease.project),
        api_timeout_seconds: f64 = lease.api_timeout.as_secs_f64(),
        source: String = lease.source.clone(),
        location: Option<Location> = lease.location.as_ref().map(own_location),
        /// Identity of the cache entry.
        key: Option<String> = text(&lease.key),
        generation: u64 = lease.generation,
        fetched_at: Option<String> = at(lease.fetched_at),
        expires_at: Option<String> = at(lease.expires_at),
        refresh_at: Option<String> = at(lease.refresh_at),
        /// Whether the last refresh failed.
        stale: bool = lease.stale,
        warnings: Vec<Warning> = lease.warnings.iter().map(warning).collect(),
        facts: Option<Facts> = facts(lease.facts.as_ref()),
    }

    /// Keys that sign requests; only the id is not secret.
    fn aws_keys(keys: &claviger::AwsKeys, with_secrets: bool) -> AwsKeys {
        access_key_id: String = keys.access_key_id.clone(),
        secret_access_key: Option<String> = with_secrets.then(|| keys.secret_access_key.expose().to_owned()),
        session_token: Option<String> =
            keys.session_token.as_ref().filter(|_| with_secrets).map(|token| token.expose().to_owned()),
    }

    /// A header of a request.
    fn header(header: &headers::Header, with_value: bool) -> Header {
        name: String = header.0.clone(),
        value: Option<String> = with_value.then(|| header.1.clone()),
    }

    /// Result of a report.
    fn reported(answer: &v1::ReportRejectedResponse) -> Reported {
        outcome: String = words::reported(answer.outcome()),
        generation: u64 = answer.generation,
        retry_at: Option<String> = instant(answer.retry_at.as_ref()),
        /// Why the last refresh failed, if it did and the report is held back.
        problem: Option<Problem> = problem(answer.problem.as_ref()),
    }
}

fn at(at: Option<SystemTime>) -> Option<String> {
    instant(at.map(wire::timestamp).as_ref())
}

/// Headers with their values.
pub(crate) fn headers(headers: &[headers::Header]) -> Vec<Header> {
    headers.iter().map(|one| header(one, true)).collect()
}

/// A change of a followed credential.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A new credential.
    Issued { reason: String, lease: Box<Lease> },
    /// A command runs, and may have printed a line.
    Progress { source: String, line: Option<String>, elapsed_seconds: f64, attended: bool },
    /// A refresh failed.
    Problem { problem: Problem },
    /// A person has to do something, for example run `command`.
    HumanNeeded { problem: Problem, command: Option<String> },
}

/// A change of a followed credential; `lease` makes the form of its lease.
pub(crate) fn change(change: &Change, lease: impl FnOnce(&claviger::Lease) -> Lease) -> Event {
    let told = |what| of_problem(&wire::problem(what, SystemTime::now()));
    match change {
        Change::Lease(issued, why) => {
            Event::Issued { reason: why.name().to_owned(), lease: Box::new(lease(issued)) }
        }
        Change::Progress(progress) => Event::Progress {
            source: progress.source.clone(),
            line: text(&progress.line),
            elapsed_seconds: progress.elapsed.as_secs_f64(),
            attended: progress.attended,
        },
        Change::Problem(what) => Event::Problem { problem: told(what) },
        Change::PersonNeeded(what) => {
            Event::HumanNeeded { problem: told(what), command: what.helps().and_then(|remedy| remedy.line()) }
        }
    }
}
