//! Output of `awsCredentialExport`. Pure; no message repeats any of it.

use claviger_child::{Keys, MAX_ANSWER};
use prost_types::Timestamp;
use serde::Deserialize;
use std::time::{Duration, SystemTime};

/// Larger numbers are not seconds since 1970 any more.
const MAX_SECONDS: u64 = 100_000_000_000;

/// Output of the command: the answer of STS, or the format of `credential_process`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Printed {
    Nested {
        #[serde(rename = "Credentials")]
        credentials: Fields,
    },
    Flat(Fields),
}

/// Its credentials. All fields are optional, so that a missing one can be named.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    expiration: Option<Written>,
}

/// An instant, in the notations of programs.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    /// Seconds since 1970.
    Number(u64),
}

/// The credentials in a command's output, and their expiry.
///
/// # Errors
/// The fault, never the output.
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
        // Current clients require it (`spec/behaviour.md` D).
        token: Some(fields.session_token.ok_or("SessionToken is missing")?),
    };
    keys.check().map_err(|part| format!("{part} is empty, or has a character that no key has"))?;
    let expires_at = match fields.expiration {
        None => None,
        Some(written) => {
            Some(written.instant().ok_or("Expiration is not an instant such as 2026-01-31T12:00:00Z")?)
        }
    };
    Ok((keys, expires_at))
}

// === impl Written ===

impl Written {
    fn instant(self) -> Option<SystemTime> {
        let seconds = match self {
            Self::Number(seconds) => seconds,
            Self::Text(text) => match text.trim().parse() {
                Ok(seconds) => seconds,
                Err(_) => return instant(&text),
            },
        };
        // Larger numbers (year 5138) are milliseconds, as in JavaScript; those have the same limit.
        let seconds = if seconds < MAX_SECONDS { seconds } else { seconds / 1000 };
        (seconds < MAX_SECONDS).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

/// An instant of ISO 8601 with a zone, in its extended or its basic form.
fn instant(text: &str) -> Option<SystemTime> {
    let at: Timestamp = extended(text.trim())?.parse().ok()?;
    let seconds = u64::try_from(at.seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The extended form of ISO 8601, with the zone as in RFC 3339. `None` without a time or without a zone.
fn extended(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    let (date, time) = text.split_once('T')?;
    let (clock, zone) = time.split_at(time.find(['Z', 'U', '+', '-'])?);
    let parts = |text: &str, lengths: [usize; 2], between: char| {
        let (first, rest) = text.split_at_checked(lengths[0])?;
        let (second, third) = rest.split_at_checked(lengths[1])?;
        Some(format!("{first}{between}{second}{between}{third}"))
    };
    let date = if date.contains('-') { date.to_owned() } else { parts(date, [4, 2], '-')? };
    let clock = if clock.contains(':') { clock.to_owned() } else { parts(clock, [2, 2], ':')? };
    let zone = match (zone, zone.len()) {
        ("Z" | "UTC", _) => "Z".to_owned(),
        (_, 3) => format!("{zone}:00"),
        (_, 5) => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
        _ => zone.to_owned(),
    };
    Some(format!("{date}T{clock}{zone}"))
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
            format!(r#"{{{KEYS}, "Expiration": 1769860800}}"#),
            format!(r#"{{{KEYS}, "Expiration": 1769860800000}}"#),
            format!(r#"{{{KEYS}, "Expiration": "1769860800"}}"#),
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
            (format!(r#"{{{KEYS}, "Expiration": -1}}"#), "not an object"),
            (format!(r#"{{{KEYS}, "Expiration": 18446744073709551615}}"#), "Expiration"),
            (" ".repeat(70_000), "longer than"),
        ] {
            let error = parse(text.as_bytes()).expect_err(&text);
            assert!(error.contains(what) && !error.contains("canary"), "{text:?}: {error}");
        }
    }

    #[test]
    fn instants_are_read_in_every_form_that_tools_write() {
        let expected = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_860_800));
        for text in [
            "2026-01-31T12:00:00Z",
            " 2026-01-31t12:00:00.25z\n",
            "2026-01-31T12:00:00UTC",
            "2026-01-31T12:00:00+0000",
            "2026-01-31T13:30:00+01:30",
            "2026-01-31T13:30:00+0130",
            "2026-01-31T04:00:00-08",
            "20260131T120000Z",
            "20260131T120000+0000",
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }

    #[test]
    fn instants_before_the_epoch_and_without_zone_are_refused() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "20260131T120000",
            "1960-01-01T00:00:00Z",
            "tomorrow",
            "T+",
            "2026-01-31T12:00:00+é0",
            "2026013T120000Z",
            "2026-01-31T12:00:00+00000",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
