//! The person who signed in, from the ID token (OpenID Connect Core 1.0, section 3.1.3.7). It was received from the
//! token endpoint over TLS, which may replace checking its signature (item 6 there).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use claviger::reason::Reason;
use claviger_child::{Declined, Text};
use serde_json::{Map, Value};
use std::time::{SystemTime, UNIX_EPOCH};

/// Largest difference between the clocks of server and machine, in seconds.
const LEEWAY: u64 = 300;
/// Longest name that is shown.
const MAX_NAME: usize = 320;

/// The person who signed in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    /// E-mail address, name or id.
    pub(crate) subject: Option<String>,
    /// Organisation.
    pub(crate) organization: Option<String>,
}

/// Required claims of the token.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: Option<&'a str>,
    pub(crate) client_id: &'a str,
    /// Set if the request had one.
    pub(crate) nonce: Option<&'a str>,
    /// Claim that names the organisation.
    pub(crate) organization_claim: Option<&'a str>,
}

/// Reads a token.
///
/// # Errors
/// `upstream-denied` if it is not for this login.
pub(crate) fn person(token: &Text, expected: &Expected<'_>, now: SystemTime) -> Result<Person, Declined> {
    let refused = |what: &str| {
        Declined::new(Reason::UpstreamDenied, format!("the ID token of the authorization server {what}"))
            .hint("nothing was saved; ask the operator of the server")
    };
    let claims = claims(token.0.expose()).ok_or_else(|| refused("is malformed"))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if expected.issuer.is_some_and(|issuer| {
        text("iss").map(|iss| iss.trim_end_matches('/')) != Some(issuer.trim_end_matches('/'))
    }) {
        return Err(refused("is of another issuer"));
    }
    let is_ours = match claims.get("aud") {
        Some(Value::String(audience)) => audience == expected.client_id,
        Some(Value::Array(all)) => all.iter().any(|audience| audience.as_str() == Some(expected.client_id)),
        _ => false,
    };
    if !is_ours {
        return Err(refused("is for another client"));
    }
    if expected.nonce.is_some_and(|nonce| text("nonce") != Some(nonce)) {
        return Err(refused("belongs to another login"));
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if claims
        .get("exp")
        .and_then(Value::as_f64)
        .is_none_or(|expiry| (expiry as u64).saturating_add(LEEWAY) < now)
    {
        return Err(refused("has expired"));
    }
    let shown = |name: &str| text(name).filter(|text| is_name(text)).map(str::to_owned);
    Ok(Person {
        subject: ["email", "preferred_username", "name", "sub"].into_iter().find_map(shown),
        organization: expected.organization_claim.and_then(shown),
    })
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?;
    let text = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&text).ok()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::{BASE64_URL_SAFE_NO_PAD, Expected, Person, Text, person};
    use base64::Engine as _;
    use claviger::secret::Secret;
    use serde_json::{Value, json};
    use std::time::{Duration, UNIX_EPOCH};

    const EXPECTED: Expected<'_> = Expected {
        issuer: Some("https://i/"),
        client_id: "c",
        nonce: Some("n"),
        organization_claim: Some("org"),
    };

    fn read(change: impl FnOnce(&mut Value)) -> Option<Person> {
        let mut claims =
            json!({"iss": "https://i", "aud": ["x", "c"], "nonce": "n", "exp": 1000, "sub": "s", "org": "o"});
        change(&mut claims);
        let token = format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        person(&Text(Secret::new(token)), &EXPECTED, UNIX_EPOCH + Duration::from_secs(1100)).ok()
    }

    #[test]
    fn only_a_token_for_this_login_says_who_it_is() {
        let found = read(|_| {}).expect("good");
        assert_eq!((found.subject.as_deref(), found.organization.as_deref()), (Some("s"), Some("o")));
        assert_eq!(
            read(|claims| claims["email"] = json!("me@x")).expect("good").subject.as_deref(),
            Some("me@x")
        );
        assert_eq!(
            read(|claims| claims["email"] = json!("me\n")).expect("good").subject.as_deref(),
            Some("s")
        );
        for (name, value) in [
            ("iss", json!("https://evil")),
            ("aud", json!("x")),
            ("aud", json!(null)),
            ("nonce", json!("m")),
            ("exp", json!(799)),
            ("exp", json!("soon")),
        ] {
            assert!(read(|claims| claims[name] = value.clone()).is_none(), "{name} {value}");
        }
        for text in ["", "a", "a.b.c", "a.!.c"] {
            let token = Text(Secret::new(text.to_owned()));
            assert!(person(&token, &EXPECTED, UNIX_EPOCH).is_err(), "{text}");
        }
    }
}
