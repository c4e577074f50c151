//! A lease as environment variables of a CLI.
//!
//! Credential and endpoint travel together: whatever of both the lease does not set is removed, so that a leftover
//! of the calling shell cannot pair the credential with another endpoint, or win over it.

use crate::{
    headers::{self, Header},
    lending,
};
use claviger::{
    backend::{ANTHROPIC_BASE_URL, API_TIMEOUT},
    proto::v1::{Backend, Lease, Scheme, Secret, lease::Material},
    reason::{Problem, Reason},
};
use std::time::Duration;

/// Where the API key goes (`spec/behaviour.md` A3).
pub(crate) const API_KEY: &str = "ANTHROPIC_API_KEY";
/// Names a descriptor to read the API key from (`spec/behaviour.md` D).
pub(crate) const KEY_DESCRIPTOR: &str = "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR";
const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";
const BASE_URL: &str = "ANTHROPIC_BASE_URL";
const TIMEOUT: &str = "API_TIMEOUT_MS";
const HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";
/// Everything that says who a session is and whom it talks to.
const OWNED: [&str; 7] = [API_KEY, AUTH_TOKEN, OAUTH_TOKEN, KEY_DESCRIPTOR, BASE_URL, TIMEOUT, HEADERS];

/// A variable to set, or to remove if there is no value.
pub(crate) type Variable = (&'static str, Option<Secret>);

/// The variables for `lease`: first those to set, then those to remove. `is_set` says what the environment has.
///
/// # Errors
/// If the lease is for a backend that needs more than these, or its headers are not valid.
pub(crate) fn variables(lease: &Lease, is_set: impl Fn(&str) -> bool) -> Result<Vec<Variable>, Problem> {
    if !matches!(lease.backend(), Backend::Anthropic | Backend::Unspecified) {
        return Err(Problem::new(
            Reason::MalformedRequest,
            "this backend cannot be expressed as variables yet",
        )
        .hint("`claviger get --json` prints the whole credential"));
    }
    let mut set = Vec::new();
    if lease.material.is_some() {
        set.push((variable(lease), lending::secret(lease)?));
    }
    if !lease.base_url.is_empty() && lease.base_url.trim_end_matches('/') != ANTHROPIC_BASE_URL {
        set.push((BASE_URL, Secret { value: lease.base_url.clone() }));
    }
    let timeout = lease.api_timeout.and_then(|of| Duration::try_from(of).ok()).unwrap_or(API_TIMEOUT);
    if timeout != API_TIMEOUT {
        set.push((TIMEOUT, Secret { value: timeout.as_millis().to_string() }));
    }
    let headers = custom_headers(lease)?;
    if !headers.is_empty() {
        set.push((HEADERS, Secret { value: headers::join(&headers) }));
    }
    let stays = |name: &&str| !set.iter().any(|(set, _)| set == name);
    let removed: Vec<_> = OWNED.into_iter().filter(stays).filter(|name| is_set(name)).collect();
    let set = set.into_iter().map(|(name, value)| (name, Some(value)));
    Ok(set.chain(removed.into_iter().map(|name| (name, None))).collect())
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

/// The variable that the secret goes into. One the session has already keeps its place.
fn variable(lease: &Lease) -> &'static str {
    let own = match &lease.material {
        Some(Material::OwnVariable(name)) => OWNED.into_iter().find(|owned| owned == name),
        _ => None,
    };
    own.unwrap_or(match (lease.source.as_str(), lease.scheme()) {
        ("oauth-token", _) => OAUTH_TOKEN,
        (_, Scheme::Bearer) => AUTH_TOKEN,
        _ => API_KEY,
    })
}

#[cfg(test)]
mod tests {
    use super::variables;
    use claviger::{
        proto::v1::{Backend, Header, Lease, Scheme, Secret, lease::Material},
        wire,
    };
    use std::time::Duration;

    fn lease(scheme: Scheme) -> Lease {
        Lease {
            material: Some(Material::Secret(Secret { value: "canary".into() })),
            scheme: scheme.into(),
            backend: Backend::Anthropic.into(),
            base_url: "https://api.anthropic.com".into(),
            ..Default::default()
        }
    }

    fn text(lease: &Lease, environment: &[&str]) -> Vec<String> {
        let variables = variables(lease, |name| environment.contains(&name)).expect("valid");
        let line = |(name, value): (&str, Option<Secret>)| match value {
            Some(value) => format!("{name}={}", value.value),
            None => format!("-{name}"),
        };
        variables.into_iter().map(line).collect()
    }

    #[test]
    fn the_scheme_picks_the_variable() {
        assert_eq!(text(&lease(Scheme::ApiKey), &[]), ["ANTHROPIC_API_KEY=canary"]);
        assert_eq!(text(&lease(Scheme::ApiKeyAndBearer), &[]), ["ANTHROPIC_API_KEY=canary"]);
        assert_eq!(text(&lease(Scheme::Bearer), &[]), ["ANTHROPIC_AUTH_TOKEN=canary"]);
        let oauth = Lease { source: "oauth-token".into(), ..lease(Scheme::Bearer) };
        assert_eq!(text(&oauth, &[]), ["CLAUDE_CODE_OAUTH_TOKEN=canary"]);
    }

    #[test]
    fn endpoint_timeout_and_headers_are_set_when_they_differ() {
        let lease = Lease {
            base_url: "https://gateway.example".into(),
            api_timeout: Some(wire::duration(Duration::from_secs(5))),
            headers: vec![Header { name: "X-A".into(), value: Some(Secret { value: "1".into() }) }],
            ..lease(Scheme::ApiKey)
        };
        let expected = [
            "ANTHROPIC_API_KEY=canary",
            "ANTHROPIC_BASE_URL=https://gateway.example",
            "API_TIMEOUT_MS=5000",
            "ANTHROPIC_CUSTOM_HEADERS=X-A: 1",
        ];
        assert_eq!(text(&lease, &[]), expected);
        let usual = Lease {
            base_url: "https://api.anthropic.com/".into(),
            api_timeout: Some(wire::duration(Duration::from_secs(600))),
            ..lease.clone()
        };
        assert_eq!(text(&Lease { headers: Vec::new(), ..usual }, &[]), ["ANTHROPIC_API_KEY=canary"]);
    }

    #[test]
    fn leftovers_that_would_change_identity_or_endpoint_are_removed() {
        let leftovers = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "PATH"];
        assert_eq!(
            text(&lease(Scheme::ApiKey), &leftovers),
            ["ANTHROPIC_API_KEY=canary", "-ANTHROPIC_AUTH_TOKEN", "-ANTHROPIC_BASE_URL"]
        );
    }

    #[test]
    fn other_backends_and_smuggled_headers_are_refused() {
        let cloud = Lease { backend: Backend::Bedrock.into(), ..lease(Scheme::ApiKey) };
        assert!(variables(&cloud, |_| false).is_err());
        let header = Header { name: "X-A".into(), value: Some(Secret { value: "1\nX-B: 2".into() }) };
        assert!(variables(&Lease { headers: vec![header], ..lease(Scheme::ApiKey) }, |_| false).is_err());
    }
}
