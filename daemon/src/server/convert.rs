//! From the broker's words to the messages of the API.

use crate::{
    broker::{
        entry::Entry,
        loan::{Loan, LoanMaterial},
    },
    resolve::Winner,
    sources::{Material, SourceKey},
    trust::Decision,
};
use claviger::{backend::Backend, credential::Scheme, proto::v1, wire};
use std::time::SystemTime;

/// A loan on the wire.
pub(super) fn lease(loan: &Loan) -> v1::Lease {
    let Winner { source, backend: receiver, bound, endpoint, extras, warnings } = &*loan.winner;
    let headers = extras.headers.iter();
    let mut lease = v1::Lease {
        scheme: scheme(bound.scheme).into(),
        headers: headers
            .map(|(name, value)| v1::Header { name: name.clone(), value: Some(secret(value.expose())) })
            .collect(),
        own_headers_variable: extras.own_headers.unwrap_or_default().to_owned(),
        backend: backend(*receiver).into(),
        base_url: endpoint.base_url.clone(),
        origin: endpoint.origin.clone(),
        api_timeout: Some(wire::duration(extras.timeout)),
        source: (*source).to_owned(),
        location: bound.at.as_ref().map(wire::location),
        warnings: warnings.clone(),
        ..Default::default()
    };
    lease.material = match (&loan.material, &bound.material) {
        (LoanMaterial::OwnVariable(name), _) => Some(v1::lease::Material::OwnVariable((*name).to_owned())),
        (LoanMaterial::Fixed, Material::Fixed(text)) => {
            Some(v1::lease::Material::Secret(secret(text.expose())))
        }
        (LoanMaterial::Fixed, _) => None,
        (LoanMaterial::Cached { key, secret: text, issue, stale }, _) => {
            lease.key = key.to_string();
            lease.generation = issue.generation;
            lease.fetched_at = Some(wire::timestamp(issue.fetched_at));
            lease.expires_at = issue.expires_at.map(wire::timestamp);
            lease.refresh_at = issue.refresh_at.map(wire::timestamp);
            lease.stale = *stale;
            Some(v1::lease::Material::Secret(secret(text.expose())))
        }
    };
    lease
}

fn secret(text: &str) -> v1::Secret {
    v1::Secret { value: text.to_owned() }
}

fn scheme(scheme: Scheme) -> v1::Scheme {
    match scheme {
        Scheme::ApiKey => v1::Scheme::ApiKey,
        Scheme::Bearer => v1::Scheme::Bearer,
        Scheme::ApiKeyAndBearer => v1::Scheme::ApiKeyAndBearer,
    }
}

/// A backend on the wire.
pub(super) fn backend(backend: Backend) -> v1::Backend {
    match backend {
        Backend::Anthropic => v1::Backend::Anthropic,
        Backend::Bedrock => v1::Backend::Bedrock,
        Backend::Vertex => v1::Backend::Vertex,
        Backend::Foundry => v1::Backend::Foundry,
    }
}

/// A trust decision on the wire.
pub(super) fn decision(decision: Decision) -> v1::TrustDecision {
    match decision {
        Decision::Undecided => v1::TrustDecision::Unspecified,
        Decision::Trusted => v1::TrustDecision::Trusted,
        Decision::Ignored => v1::TrustDecision::Ignored,
    }
}

/// A cache entry on the wire, without its secret.
pub(super) fn slot(key: SourceKey, entry: &Entry, now: SystemTime) -> v1::SlotStatus {
    let (state, current) = (&entry.state, entry.state.current.as_ref());
    let valid = state.is_valid(now);
    v1::SlotStatus {
        key: key.to_string(),
        source: entry.source.to_owned(),
        location: entry.at.as_ref().map(wire::location),
        generation: entry.generation(),
        fetched_at: current.map(|issue| wire::timestamp(issue.fetched_at)),
        expires_at: current.and_then(|issue| issue.expires_at).map(wire::timestamp),
        refresh_at: current.and_then(|issue| issue.refresh_at).map(wire::timestamp),
        stale: valid && state.is_stale(),
        refreshing: entry.flight.is_some(),
        last_problem: state.failure.as_ref().map(|_| wire::problem(&entry.rejection(now), now)),
        failures: state.failure.as_ref().map_or(0, |failure| failure.count),
        watchers: entry.watchers,
        last_used_at: Some(wire::timestamp(entry.last_used)),
        served: entry.served,
        runs: entry.runs,
    }
}
