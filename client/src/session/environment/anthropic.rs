//! Anthropic's own API, or a gateway that speaks it.

use super::variable::{Set, text};
use claviger::{Lease, Material, Problem, Scheme, backend::ANTHROPIC_BASE_URL};

/// Variable of the API key (`spec/behaviour.md` A3).
pub(crate) const API_KEY: &str = "ANTHROPIC_API_KEY";
/// Variable of a descriptor to read the API key from (`spec/behaviour.md` D).
pub(crate) const KEY_DESCRIPTOR: &str = "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR";
/// Variable of a token that is sent as one.
pub(crate) const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";
pub(super) const BASE_URL: &str = "ANTHROPIC_BASE_URL";
/// Every variable that determines the identity or the endpoint of a session.
pub(super) const OWNED: [&str; 5] = [API_KEY, AUTH_TOKEN, OAUTH_TOKEN, KEY_DESCRIPTOR, BASE_URL];

pub(super) fn set(lease: &Lease) -> Result<Vec<Set>, Problem> {
    let mut set = Vec::new();
    if lease.material.is_some() {
        set.push((variable(lease, lease.is_oauth()?), lease.secret()?));
    }
    if !lease.base_url.is_empty() && lease.base_url.trim_end_matches('/') != ANTHROPIC_BASE_URL {
        set.push((BASE_URL, text(lease.base_url.as_str())));
    }
    Ok(set)
}

/// The variable for the secret. If the session already has one, it is kept.
fn variable(lease: &Lease, is_oauth: bool) -> &'static str {
    let own = match &lease.material {
        Some(Material::OwnVariable(name)) => OWNED.into_iter().find(|owned| owned == name),
        _ => None,
    };
    own.unwrap_or(match lease.scheme {
        _ if is_oauth => OAUTH_TOKEN,
        Scheme::Bearer => AUTH_TOKEN,
        _ => API_KEY,
    })
}
