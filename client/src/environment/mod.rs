//! A lease as environment variables of a CLI, one file per backend.
//!
//! Credential and endpoint travel together: whatever of both the lease does not set is removed, so that a leftover
//! of the calling shell cannot pair the credential with another endpoint, or win over it.

mod anthropic;
mod bedrock;
mod foundry;

use crate::{
    headers::{self, Header},
    lending,
};
use claviger::{
    backend::{API_TIMEOUT, CLOUDS},
    proto::v1::{Backend, Lease, Secret},
    reason::{Problem, Reason},
};
use std::time::Duration;

pub(crate) use anthropic::{API_KEY, KEY_DESCRIPTOR};
pub(crate) use bedrock::tool as aws_tool;

const TIMEOUT: &str = "API_TIMEOUT_MS";
const HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";

/// A variable to set, or to remove if there is no value.
pub(crate) type Variable = (&'static str, Option<Secret>);
/// A variable to set.
type Set = (&'static str, Secret);

/// The variables for `lease`: first those to set, then those to remove. `is_set` says what the environment has.
///
/// # Errors
/// If the backend's credential has no variable, or the headers are not valid.
pub(crate) fn variables(lease: &Lease, is_set: impl Fn(&str) -> bool) -> Result<Vec<Variable>, Problem> {
    let (mut set, own): (Vec<Set>, &[&str]) = match lease.backend() {
        Backend::Anthropic | Backend::Unspecified => (anthropic::set(lease)?, &[]),
        Backend::Bedrock => (bedrock::set(lease)?, &bedrock::OWNED),
        Backend::Foundry => (foundry::set(lease)?, &foundry::OWNED),
        Backend::Vertex => return Err(no_variable()),
    };
    let timeout = lease.api_timeout.and_then(|of| Duration::try_from(of).ok()).unwrap_or(API_TIMEOUT);
    if timeout != API_TIMEOUT {
        set.push((TIMEOUT, text(timeout.as_millis().to_string())));
    }
    let headers = custom_headers(lease)?;
    if !headers.is_empty() {
        set.push((HEADERS, text(headers::join(&headers))));
    }
    // What any session is by, then the switches of the clouds: one that is left would pick another backend.
    let switches = CLOUDS.into_iter().flat_map(|(_, switch, skip)| [switch, skip]);
    let owned =
        anthropic::OWNED.into_iter().chain([TIMEOUT, HEADERS]).chain(switches).chain(own.iter().copied());
    Ok(complete(set, owned, is_set))
}

/// `set`, and the removal of whatever else of `owned` the environment has.
pub(crate) fn complete(
    set: Vec<Set>,
    owned: impl IntoIterator<Item = &'static str>,
    is_set: impl Fn(&str) -> bool,
) -> Vec<Variable> {
    let stays = |name: &&str| !set.iter().any(|(set, _)| set == name);
    let removed: Vec<_> = owned.into_iter().filter(stays).filter(|name| is_set(name)).collect();
    let set = set.into_iter().map(|(name, value)| (name, Some(value)));
    set.chain(removed.into_iter().map(|name| (name, None))).collect()
}

/// Text for a variable.
pub(crate) fn text(value: impl Into<String>) -> Secret {
    Secret { value: value.into() }
}

fn no_variable() -> Problem {
    Problem::new(Reason::MalformedRequest, "no client of Vertex reads its access token from a variable")
        .hint("name a credentials file in GOOGLE_APPLICATION_CREDENTIALS whose executable is `claviger gcp`; docs/vertex.md has one. For gcloud and Terraform there is `claviger gcp --format env`")
}

/// The headers of `lease`, and those that the own environment adds.
///
/// # Errors
/// If one of them is not valid HTTP.
pub(crate) fn custom_headers(lease: &Lease) -> Result<Vec<Header>, Problem> {
    let mut all = Vec::new();
    for header in &lease.headers {
        let value = header.value.as_ref().map(|value| value.value.clone()).unwrap_or_default();
        headers::check(&header.name, &value)?;
        all.push((header.name.clone(), value));
    }
    if !lease.own_headers_variable.is_empty() {
        let name = &lease.own_headers_variable;
        all.extend(headers::parse(&lending::own(name)?, name)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
