//! A lease as environment variables of a CLI, one file per backend.
//!
//! Credential and endpoint stay together: each such variable that the lease does not set is removed. So a leftover of
//! the calling shell cannot pair the credential with another endpoint, or override it.

mod anthropic;
mod bedrock;
mod foundry;
mod gate;
mod variable;

use claviger::{
    Backend, Lease, Problem, Reason,
    backend::{API_TIMEOUT, CLOUDS},
    headers,
};
use variable::{HEADERS, Set};

pub(crate) use anthropic::{API_KEY, AUTH_TOKEN, KEY_DESCRIPTOR};
pub(crate) use bedrock::tool as aws_tool;
pub(crate) use gate::{gated, placeholder, standing_gate};
pub(crate) use variable::{Variable, complete, give, own, text};

const TIMEOUT: &str = "API_TIMEOUT_MS";

/// The variables for `lease`: first those to set, then those to remove. `is_set` tells whether the environment has a
/// variable.
///
/// # Errors
/// If the backend's credential has no variable, or the headers are not valid.
pub(crate) fn variables(lease: &Lease, is_set: impl Fn(&str) -> bool) -> Result<Vec<Variable>, Problem> {
    let (mut set, own): (Vec<Set>, &[&str]) = match lease.backend {
        Backend::Anthropic => (anthropic::set(lease)?, &[]),
        Backend::Bedrock => (bedrock::set(lease)?, &bedrock::OWNED),
        Backend::Foundry => (foundry::set(lease)?, &foundry::OWNED),
        Backend::Vertex => return Err(no_variable()),
    };
    if lease.api_timeout != API_TIMEOUT {
        set.push((TIMEOUT, text(lease.api_timeout.as_millis().to_string())));
    }
    let headers = lease.other_headers()?;
    if !headers.is_empty() {
        set.push((HEADERS, text(headers::join(&headers))));
    }
    // The variables that identify any session, then the switches of the clouds: a remaining switch would select another
    // backend.
    let switches = CLOUDS.into_iter().flat_map(|(_, switch, skip)| [switch, skip]);
    let owned =
        anthropic::OWNED.into_iter().chain([TIMEOUT, HEADERS]).chain(switches).chain(own.iter().copied());
    Ok(complete(set, owned, is_set))
}

fn no_variable() -> Problem {
    Problem::new(Reason::MalformedRequest, "clients of Vertex do not read an access token from a variable")
        .hint("name a credentials file in GOOGLE_APPLICATION_CREDENTIALS whose executable is `claviger gcp`; docs/vertex.md has one. For gcloud and Terraform there is `claviger gcp --format env`")
}

#[cfg(test)]
mod tests;
