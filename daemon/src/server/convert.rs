//! Converts the broker's types to messages of the API.

use crate::{
    broker::{
        entry::Entry,
        loan::{Loan, LoanMaterial},
    },
    key::SourceKey,
    resolve::{Outcome, Winner},
    settings::Decision,
    sources::{Facts, Link, Material},
};
use claviger::{PROTOCOL, RELEASE, Scheme, proto::v1, wire};
use claviger_child::Keys;
use std::time::SystemTime;

/// A loan, encoded.
pub(super) fn lease(loan: &Loan) -> v1::Lease {
    let Winner { source, backend: receiver, bound, extras, warnings, .. } = &*loan.winner;
    let endpoint = loan.endpoint();
    let headers = extras.headers.iter();
    let mut lease = v1::Lease {
        scheme: scheme(bound.scheme).into(),
        headers: headers
            .map(|(name, value)| v1::Header { name: name.clone(), value: Some(value.clone()) })
            .collect(),
        own_headers_variable: extras.own_headers.unwrap_or_default().to_owned(),
        backend: receiver.to_proto().into(),
        base_url: endpoint.base_url.clone(),
        origin: endpoint.origin.clone(),
        api_timeout: Some(wire::duration(extras.timeout)),
        source: (*source).to_owned(),
        location: bound.at.as_ref().map(wire::location),
        warnings: warnings.iter().cloned().chain(loan.warnings()).map(Into::into).collect(),
        region: loan.region().unwrap_or_default().to_owned(),
        project: loan.project().unwrap_or_default().to_owned(),
        ..Default::default()
    };
    lease.material = match (&loan.material, &bound.material) {
        (LoanMaterial::OwnVariable(name), _) => Some(v1::lease::Material::OwnVariable((*name).to_owned())),
        (LoanMaterial::Fixed, Material::Fixed(text)) => material(bound.scheme, text.expose()),
        (LoanMaterial::Fixed, _) => None,
        (LoanMaterial::Cached { key, secret: text, issue, facts: known, stale }, _) => {
            lease.facts = Some(facts(known));
            lease.key = key.to_string();
            lease.generation = issue.generation;
            lease.fetched_at = Some(wire::timestamp(issue.fetched_at));
            lease.expires_at = issue.expires_at.map(wire::timestamp);
            lease.refresh_at = issue.refresh_at.map(wire::timestamp);
            lease.stale = *stale;
            material(bound.scheme, text.expose())
        }
    };
    lease
}

/// A secret, encoded. Keys that sign are sent in parts.
fn material(scheme: Scheme, text: &str) -> Option<v1::lease::Material> {
    if scheme != Scheme::SigV4 {
        return Some(v1::lease::Material::Secret(text.into()));
    }
    let keys = Keys::from_text(text)?;
    Some(v1::lease::Material::AwsKeys(v1::AwsKeys {
        access_key_id: keys.id.clone(),
        secret_access_key: Some(keys.secret.as_str().into()),
        session_token: keys.token.as_deref().map(Into::into),
    }))
}

/// Details of a credential, encoded.
pub(super) fn facts(facts: &Facts) -> v1::Facts {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    v1::Facts {
        link: text(&facts.link),
        links: facts.links.iter().map(link).collect(),
        region: text(&facts.region),
        project: text(&facts.project),
        quota_project: text(&facts.quota_project),
        account: text(&facts.account),
    }
}

fn link(link: &Link) -> v1::Step {
    v1::Step {
        source: link.name.clone(),
        outcome: outcome(link.outcome).into(),
        why: link.why.clone(),
        location: None,
    }
}

/// Result of a source or a link, encoded.
pub(super) fn outcome(outcome: Outcome) -> v1::step::Outcome {
    match outcome {
        Outcome::Chosen => v1::step::Outcome::Chosen,
        Outcome::NotConfigured => v1::step::Outcome::NotConfigured,
        Outcome::Ignored => v1::step::Outcome::Ignored,
        Outcome::Outranked => v1::step::Outcome::Outranked,
        Outcome::Refused => v1::step::Outcome::Refused,
        Outcome::Unanswered => v1::step::Outcome::Unanswered,
    }
}

fn scheme(scheme: Scheme) -> v1::Scheme {
    match scheme {
        Scheme::ApiKey => v1::Scheme::ApiKey,
        Scheme::Bearer => v1::Scheme::Bearer,
        Scheme::ApiKeyAndBearer => v1::Scheme::ApiKeyAndBearer,
        Scheme::SigV4 => v1::Scheme::Sigv4,
    }
}

/// A trust decision, encoded.
pub(super) fn decision(decision: Decision) -> v1::TrustDecision {
    match decision {
        Decision::Undecided => v1::TrustDecision::Unspecified,
        Decision::Trusted => v1::TrustDecision::Trusted,
        Decision::Ignored => v1::TrustDecision::Ignored,
    }
}

/// A cache entry, encoded without its secret.
pub(super) fn entry(key: SourceKey, entry: &Entry, now: SystemTime) -> v1::CacheEntry {
    let (state, tally) = (entry.state(), entry.tally());
    let (current, failure) = (state.current.as_ref(), state.failure.as_ref());
    v1::CacheEntry {
        key: key.to_string(),
        source: entry.source().to_owned(),
        location: entry.at().map(wire::location),
        generation: entry.generation(),
        fetched_at: current.map(|issue| wire::timestamp(issue.fetched_at)),
        expires_at: current.and_then(|issue| issue.expires_at).map(wire::timestamp),
        refresh_at: current.and_then(|issue| issue.refresh_at).map(wire::timestamp),
        stale: state.is_valid(now) && state.is_stale(),
        refreshing: entry.is_refreshing(),
        last_problem: failure.map(|_| wire::problem(&entry.problem(now), now)),
        failures: failure.map_or(0, |failure| failure.count),
        watchers: entry.watchers(),
        last_used_at: Some(wire::timestamp(entry.last_used())),
        hits: tally.hits,
        runs: tally.runs,
        facts: Some(facts(entry.facts())),
        account: entry.provider().account().map(|account| account.name.clone()).unwrap_or_default(),
        sessions: u32::try_from(entry.sessions(now)).unwrap_or(u32::MAX),
        rejections: tally.rejections,
        apart: Vec::new(),
        directory: entry.session().map(|last| last.cwd.display().to_string()).unwrap_or_default(),
        profile: entry.profile().unwrap_or_default().to_owned(),
    }
}

/// Release and protocol of this daemon.
pub(super) fn version() -> v1::Version {
    v1::Version { release: RELEASE.to_owned(), protocol: PROTOCOL }
}
