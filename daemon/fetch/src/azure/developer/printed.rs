//! Parses the output of the developers' tools. Pure, except for clock and time zone.

use super::super::{authority::check_tenant, principal::token_of};
use claviger_child::{Provided, is_token};
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use serde_json::Value;
use std::time::SystemTime;

/// The token in the output of `az account get-access-token`.
pub(super) fn by_az(printed: &[u8]) -> Option<Provided> {
    let value: Value = serde_json::from_slice(printed).ok()?;
    let expiry = az_expiry(&value, &TimeZone::system(), Timestamp::now())?;
    let tenant = value.get("tenant").and_then(Value::as_str).filter(|tenant| !tenant.is_empty());
    let tenant = tenant.filter(|tenant| check_tenant(tenant).is_ok());
    token(&value, "accessToken", expiry, tenant)
}

/// The token in the output of `azd auth token`.
pub(super) fn by_azd(printed: &[u8]) -> Option<Provided> {
    let value: Value = serde_json::from_slice(printed).ok()?;
    let expiry = value.get("expiresOn")?.as_str()?.trim().parse().ok()?;
    token(&value, "token", expiry, None)
}

fn token(value: &Value, name: &str, expiry: Timestamp, tenant: Option<&str>) -> Option<Provided> {
    let token = value.get(name)?.as_str().filter(|token| is_token(token))?;
    Some(token_of(token, SystemTime::from(expiry), tenant.map(str::to_owned)))
}

/// Since version 2.54 `expires_on` counts from 1970. `expiresOn` is a time in this machine's zone, without an offset.
fn az_expiry(value: &Value, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let seconds = value.get("expires_on");
    let seconds = seconds.and_then(|at| at.as_i64().or_else(|| at.as_str()?.trim().parse().ok()));
    if let Some(seconds) = seconds {
        return Timestamp::from_second(seconds).ok();
    }
    let text = value.get("expiresOn")?.as_str()?.trim();
    text.parse().or_else(|_| local(text.parse()?, zone, now)).ok()
}

/// A local time as an instant. If it occurs twice, because clocks are set back, it is the first one, unless that is
/// over: `az` prints no expired token. A skipped time cannot be printed; it is read as in Python.
fn local(time: DateTime, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, jiff::Error> {
    let found = zone.to_ambiguous_timestamp(time);
    let is_twice = matches!(found.offset(), AmbiguousOffset::Fold { .. });
    match found.compatible()? {
        first if is_twice && first <= now => found.later(),
        first => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use super::{az_expiry, by_az, by_azd};
    use jiff::{Timestamp, tz::TimeZone};
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn expiry(value: &Value, zone: &str, now: &str) -> Option<String> {
        let zone = TimeZone::posix(zone).expect("a zone");
        az_expiry(value, &zone, now.parse().expect("a time")).map(|at| at.to_string())
    }

    /// Central Europe and the east of the USA: POSIX's form of their rules, so that no file of the machine counts.
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
    const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
    const KOLKATA: &str = "IST-5:30";

    #[test]
    fn az_before_2_54_prints_local_time() {
        for (zone, printed, expected) in [
            ("UTC0", "2026-07-01 12:00:00.000000", "2026-07-01T12:00:00Z"),
            (BERLIN, "2026-07-01 12:00:00.123456", "2026-07-01T10:00:00.123456Z"),
            (BERLIN, "2026-01-15 12:00:00.000000", "2026-01-15T11:00:00Z"),
            (NEW_YORK, "2026-07-01 12:00:00.000000", "2026-07-01T16:00:00Z"),
            (KOLKATA, "2026-07-01 12:00:00.000000", "2026-07-01T06:30:00Z"),
            // Python leaves out microseconds that are 0 (`str` of a datetime), and other versions write as ISO 8601 does.
            (BERLIN, "2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
            (BERLIN, "2026-07-01T12:00:00", "2026-07-01T10:00:00Z"),
            (BERLIN, "2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
            (BERLIN, "2026-07-01T12:00:00+05:00", "2026-07-01T07:00:00Z"),
            // The hour that clocks skip, and that which they repeat.
            (BERLIN, "2026-03-29 02:30:00.000000", "2026-03-29T01:30:00Z"),
            (BERLIN, "2026-10-25 02:30:00.000000", "2026-10-25T00:30:00Z"),
        ] {
            let value = json!({ "expiresOn": printed });
            assert_eq!(expiry(&value, zone, NOW).as_deref(), Some(expected), "{zone} {printed}");
        }
    }

    #[test]
    fn in_the_hour_that_comes_twice_no_token_has_expired_before_it_was_printed() {
        let value = json!({ "expiresOn": "2026-10-25 02:30:00.000000" });
        let at = |now| expiry(&value, BERLIN, now);
        assert_eq!(at("2026-10-25T00:29:59Z").as_deref(), Some("2026-10-25T00:30:00Z"));
        assert_eq!(at("2026-10-25T00:30:00Z").as_deref(), Some("2026-10-25T01:30:00Z"));
        let once = json!({ "expiresOn": "2026-10-25 12:00:00.000000" });
        assert_eq!(expiry(&once, BERLIN, "2026-10-26T00:00:00Z").as_deref(), Some("2026-10-25T11:00:00Z"));
    }

    #[test]
    fn the_count_of_seconds_comes_first() {
        for seconds in [json!(2_000_000_000), json!("2000000000")] {
            let value = json!({ "expires_on": seconds, "expiresOn": "2026-01-01 00:00:00.000000" });
            assert_eq!(expiry(&value, BERLIN, NOW).as_deref(), Some("2033-05-18T03:33:20Z"));
        }
        for nothing in [json!(null), json!("soon"), json!([])] {
            let value = json!({ "expires_on": nothing, "expiresOn": "2026-02-01 00:00:00.000000" });
            assert_eq!(expiry(&value, "UTC0", NOW).as_deref(), Some("2026-02-01T00:00:00Z"));
        }
    }

    #[test]
    fn other_output_has_no_token() {
        let good = r#"{"accessToken":"t","expires_on":2000000000,"tenant":"x"}"#;
        let found = by_az(good.as_bytes()).expect("a token");
        assert_eq!(found.facts.account.as_deref(), Some("x"));
        let deep = format!("{{\"accessToken\":\"t\",\"x\":{}1{}}}", "[".repeat(9999), "]".repeat(9999));
        let wide: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: [&[u8]; 14] = [
            b"",
            b"null",
            b"[]",
            b"t",
            &good.as_bytes()[..good.len() - 1],
            deep.as_bytes(),
            &wide,
            b"\xEF\xBB\xBF{}",
            br#"{"accessToken":"t"}"#,
            br#"{"accessToken":1,"expires_on":2000000000}"#,
            br#"{"accessToken":"a\u0000b","expires_on":2000000000}"#,
            br#"{"accessToken":"a b","expires_on":2000000000}"#,
            br#"{"accessToken":"t","expires_on":9223372036854775807}"#,
            br#"{"accessToken":"t","expiresOn":"tomorrow"}"#,
        ];
        for case in cases {
            let shown = String::from_utf8_lossy(&case[..case.len().min(80)]).into_owned();
            assert!(by_az(case).is_none() && by_azd(case).is_none(), "{shown}");
        }
        // As Azure's libraries read them: of two keys the last one counts, and line breaks are what they are.
        let twice = br#"{"accessToken":"a","accessToken":"t","expires_on":2000000000}"#;
        assert_eq!(by_az(twice).expect("a token").secret.expose(), "t");
        assert!(by_az(good.replace(',', ",\r\n").as_bytes()).is_some());
        let azd = br#"{"token":"t","expiresOn":"2033-05-18T03:33:20Z"}"#;
        assert_eq!(by_azd(azd).map(|found| found.expires_at), by_az(good.as_bytes()).map(|az| az.expires_at));
    }

    #[test]
    fn what_comes_from_the_machine_is_its_zone() {
        let value = json!({ "expiresOn": "2026-07-01 12:00:00.000000" });
        assert!(az_expiry(&value, &TimeZone::system(), Timestamp::now()).is_some());
    }
}
