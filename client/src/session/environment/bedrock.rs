//! AWS Bedrock: keys that sign, or an API key of Bedrock.

use super::variable::{Set, Variable, complete, text};
use crate::session::keys;
use claviger::{
    AwsKeys, Lease, Problem, Scheme,
    backend::bedrock_url,
    credential::{AWS_EXPIRATION as EXPIRATION, AWS_KEYS, AWS_OLD_TOKEN},
};

/// An API key of Bedrock (`spec/behaviour.md` A2).
pub(crate) const TOKEN: &str = "AWS_BEARER_TOKEN_BEDROCK";
const BASE_URL: &str = "ANTHROPIC_BEDROCK_BASE_URL";
const REGION: &str = "AWS_REGION";
/// Other variables that determine who signs, or where requests are sent. In some SDKs a profile overrides keys.
pub(super) const OWNED: [&str; 9] = [
    AWS_KEYS[0],
    AWS_KEYS[1],
    AWS_KEYS[2],
    AWS_OLD_TOKEN,
    EXPIRATION,
    TOKEN,
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    BASE_URL,
];

pub(super) fn set(lease: &Lease) -> Result<Vec<Set>, Problem> {
    let mut set = vec![("CLAUDE_CODE_USE_BEDROCK", text("1"))];
    match (&lease.material, lease.scheme) {
        (None, _) => {}
        (_, Scheme::SigV4) => set.extend(signing(&lease.aws_keys()?, lease)),
        _ => set.push((TOKEN, lease.secret()?)),
    }
    if !lease.region.is_empty() {
        set.push((REGION, text(lease.region.as_str())));
    }
    if !lease.base_url.is_empty() && lease.base_url.trim_end_matches('/') != bedrock_url(&lease.region) {
        set.push((BASE_URL, text(lease.base_url.as_str())));
    }
    Ok(set)
}

/// Keys as the variables that every AWS SDK reads.
fn signing(keys: &AwsKeys, lease: &Lease) -> Vec<Set> {
    let [id, secret, token] = AWS_KEYS;
    let mut set = vec![(id, text(keys.access_key_id.as_str())), (secret, keys.secret_access_key.clone())];
    set.extend(keys.session_token.clone().map(|value| (token, value)));
    set.extend(keys::expiry(lease).map(|at| (EXPIRATION, text(at))));
    set
}

/// The variables of an AWS tool, whatever backend the session uses.
pub(crate) fn tool(lease: &Lease, is_set: impl Fn(&str) -> bool) -> Result<Vec<Variable>, Problem> {
    let is_token = lease.scheme != Scheme::SigV4;
    let mut set = match is_token {
        true => vec![(TOKEN, lease.secret()?)],
        false => signing(&lease.aws_keys()?, lease),
    };
    set.extend(keys::region(lease, &is_set).map(|region| (REGION, text(region))));
    // An API key of Bedrock does not determine who signs for other services.
    let owned = OWNED.into_iter().filter(|name| !is_token && ![TOKEN, BASE_URL].contains(name));
    Ok(complete(set, owned, is_set))
}
