//! What `awsCredentialExport` prints. Pure; no message repeats any of it.

use claviger_child::{Keys, MAX_ANSWER};
use prost_types::Timestamp;
use serde::Deserialize;
use std::time::{Duration, SystemTime};

/// What the command prints: the answer of STS, or the format of `credential_process`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Printed {
    Nested {
        #[serde(rename = "Credentials")]
        credentials: Fields,
    },
    Flat(Fields),
}

/// The credentials in it. Everything is optional, so that what is missing can be named.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// The credentials in a command's output, and when they expire.
///
/// # Errors
/// What is wrong, never what was printed.
pub fn parse(output: &[u8]) -> Result<(Keys, Option<SystemTime>), String> {
    if output.len() > MAX_ANSWER {
        return Err(format!("it is longer than {MAX_ANSWER} bytes"));
    }
    let printed: Printed = match serde_json::from_slice(output) {
        Ok(printed) => printed,
        Err(_) if output.trim_ascii().is_empty() => return Err("it printed nothing".into()),
        Err(error) if error.is_data() => return Err("it is JSON, but not an object with credentials".into()),
        Err(error) => {
            return Err(format!("it is not JSON (line {}, column {})", error.line(), error.column()));
        }
    };
    let (Printed::Nested { credentials: fields } | Printed::Flat(fields)) = printed;
    let keys = Keys {
        id: fields.access_key_id.ok_or("AccessKeyId is missing")?,
        secret: fields.secret_access_key.ok_or("SecretAccessKey is missing")?,
        // A current client insists on it (`spec/behaviour.md` D).
        token: Some(fields.session_token.ok_or("SessionToken is missing")?),
    };
    keys.check().map_err(|part| format!("{part} is empty, or has a character that no key has"))?;
    let expires_at = match fields.expiration {
        None => None,
        Some(text) => {
            Some(instant(&text).ok_or("Expiration is not an instant such as 2026-01-31T12:00:00Z")?)
        }
    };
    Ok((keys, expires_at))
}

/// An ISO 8601 instant.
fn instant(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    // The parser also takes a date alone, and a time without a zone.
    let (_, time) = text.split_at_checked(10)?;
    let has_zone = time.ends_with(['Z', 'z']) || time.contains(['+', '-']);
    if !time.starts_with(['T', 't']) || !has_zone {
        return None;
    }
    let at: Timestamp = text.parse().ok()?;
    let seconds = u64::try_from(at.seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::{instant, parse};
    use std::time::{Duration, SystemTime};

    const KEYS: &str = r#""AccessKeyId": "AKIA1", "SecretAccessKey": "s", "SessionToken": "t""#;

    #[test]
    fn both_shapes_are_read() {
        for text in [
            format!(r#"{{"Credentials": {{{KEYS}, "Expiration": "2026-01-31T12:00:00Z"}}}}"#),
            format!(r#"{{"Version": 1, {KEYS}, "Expiration": "2026-01-31T12:00:00+00:00"}}"#),
            format!(
                r#"{{"Credentials": {{{KEYS}, "Expiration": "2026-01-31T13:00:00+01:00"}}, "AssumedRoleUser": {{}}}}"#
            ),
        ] {
            let (keys, expires_at) = parse(text.as_bytes()).expect(&text);
            assert_eq!((keys.id.as_str(), keys.token.as_deref()), ("AKIA1", Some("t")));
            assert_eq!(
                expires_at,
                Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_860_800)),
                "{text}"
            );
        }
        assert_eq!(parse(format!("{{{KEYS}}}").as_bytes()).expect("valid").1, None);
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_is_repeated() {
        for (text, what) in [
            (String::new(), "nothing"),
            (" \n".into(), "nothing"),
            ("canary".into(), "not JSON"),
            (format!("Attempting canary…\n{{{KEYS}}}"), "not JSON"),
            (format!("{{{KEYS}}} canary"), "not JSON"),
            (format!("{{{KEYS}"), "not JSON"),
            ("[\"canary\"]".into(), "not an object"),
            (r#"{"AccessKeyId": 7}"#.into(), "not an object"),
            (r#"{"Credentials": "canary"}"#.into(), "AccessKeyId is missing"),
            (r#"{"AccessKeyId": "A", "SecretAccessKey": "canary"}"#.into(), "SessionToken is missing"),
            (r#"{"AccessKeyId": "A", "SessionToken": "canary"}"#.into(), "SecretAccessKey is missing"),
            (
                r#"{"AccessKeyId": "A", "SecretAccessKey": "", "SessionToken": "canary"}"#.into(),
                "SecretAccessKey is empty",
            ),
            (
                r#"{"AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "canary\nx"}"#.into(),
                "SessionToken",
            ),
            (format!(r#"{{{KEYS}, "Expiration": "canary"}}"#), "Expiration"),
            (format!(r#"{{{KEYS}, "Expiration": 1769860800}}"#), "not an object"),
            (" ".repeat(70_000), "longer than"),
        ] {
            let error = parse(text.as_bytes()).expect_err(&text);
            assert!(error.contains(what) && !error.contains("canary"), "{text:?}: {error}");
        }
    }

    #[test]
    fn instants_before_the_epoch_and_without_zone_are_refused() {
        for text in ["", "2026-01-31", "2026-01-31T12:00:00", "1960-01-01T00:00:00Z", "tomorrow"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
