//! The token in an answer of a managed identity's service. Pure but for the clock.

use super::super::principal::token_of;
use claviger_child::{Provided, is_token};
use jiff::{Timestamp, fmt::strtime};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest lifetime of a token that is accepted, in seconds: ten years.
const MAX_LIFE: u64 = 10 * 365 * 24 * 3600;
/// The last second of the year 9999, the last one that dates here can have.
const LAST: u64 = 253_402_300_799;
/// Formats of an expiry in version 2017-09-01, on Linux and on Windows; in UTC, with the month first.
const DATES: [&str; 2] = ["%m/%d/%Y %H:%M:%S %:z", "%m/%d/%Y %I:%M:%S %p %:z"];

/// The token, if the answer has one with an expiry.
pub(super) fn of(answer: &Value) -> Option<Provided> {
    let token = answer.get("access_token")?.as_str().filter(|token| is_token(token))?;
    let now = SystemTime::now();
    Some(token_of(token, expiry(answer, now)?, None))
}

/// `expires_on` counts from 1970, or is a date; `expires_in` counts from now, and all versions have one of them.
fn expiry(answer: &Value, now: SystemTime) -> Option<SystemTime> {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seconds = match (answer.get("expires_on"), answer.get("expires_in")) {
        (Some(at), _) if !at.is_null() => number(at).or_else(|| date(at.as_str()?)),
        (_, Some(life)) => number(life).filter(|life| *life <= MAX_LIFE).map(|life| since + life),
        _ => None,
    };
    let seconds = seconds.filter(|at| (1..=LAST).contains(at))?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// A count of seconds, which some services write as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn date(text: &str) -> Option<u64> {
    let parse = |format| strtime::parse(format, text).and_then(|parsed| parsed.to_timestamp());
    let at = DATES.into_iter().find_map(|format| parse(format).ok())?;
    u64::try_from(Timestamp::as_second(at)).ok()
}

#[cfg(test)]
mod tests {
    use super::expiry;
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn expiries_in_every_form() {
        let now = UNIX_EPOCH + Duration::from_secs(1_561_000_000);
        let at = |answer| {
            let expiry = expiry(&answer, now)?;
            Some(expiry.duration_since(UNIX_EPOCH).expect("after 1970").as_secs())
        };
        for (answer, expected) in [
            (json!({ "expires_on": "1561003600" }), 1_561_003_600),
            (json!({ "expires_on": 1_561_003_600 }), 1_561_003_600),
            (json!({ "expires_in": "3600" }), 1_561_003_600),
            (json!({ "expires_on": null, "expires_in": 3600 }), 1_561_003_600),
            (json!({ "expires_on": "06/20/2019 02:57:58 +00:00" }), 1_560_999_478),
            (json!({ "expires_on": "1/16/2020 5:24:12 AM +00:00" }), 1_579_152_252),
            (json!({ "expires_on": "1/16/2020 5:24:12 PM +00:00" }), 1_579_195_452),
            (json!({ "expires_on": "1/16/2020 12:00:00 AM +00:00" }), 1_579_132_800),
        ] {
            assert_eq!(at(answer.clone()), Some(expected), "{answer}");
        }
        for answer in [
            json!({}),
            json!({ "expires_on": "9e99" }),
            json!({ "expires_on": 0 }),
            json!({ "expires_on": -1, "expires_in": 3600 }),
            json!({ "expires_on": u64::MAX }),
            json!({ "expires_on": "20/06/2019 02:57:58 +00:00" }),
            json!({ "expires_on": { "a": 1 } }),
            json!({ "expires_in": u64::MAX }),
            json!({ "expires_in": 1.5 }),
            json!([]),
        ] {
            assert_eq!(at(answer.clone()), None, "{answer}");
        }
    }
}
