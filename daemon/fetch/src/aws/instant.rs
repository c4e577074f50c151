//! Instants as tools write them: ISO 8601 with an offset, in its long and its short form. Pure.

use aws_smithy_types::{DateTime, date_time::Format};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Larger numbers are milliseconds since 1970, smaller ones seconds: the limit is the year 5138 in seconds, and 1973 in
/// milliseconds.
const MILLISECONDS: f64 = 1e11;

/// The instant in a field of JSON, which may be a number of seconds or milliseconds since 1970.
pub(super) fn of(value: &Value) -> Option<SystemTime> {
    match value {
        Value::String(text) => parse(text),
        value => {
            let number = value.as_f64().filter(|number| *number >= 0.0)?;
            let seconds = if number < MILLISECONDS { number } else { number / 1000.0 };
            SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
        }
    }
}

/// The instant in a text. Without an offset it is ambiguous, so `None`.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.trim().split_once(['T', 't', ' '])?;
    let (time, offset) = split_offset(rest.trim())?;
    let text = format!("{}T{}{offset}", long(date, '-', 4)?, long(time, ':', 2)?);
    SystemTime::try_from(DateTime::from_str(&text, Format::DateTimeWithOffset).ok()?).ok()
}

/// A time of day, and its offset in the long form.
fn split_offset(text: &str) -> Option<(&str, String)> {
    for name in ["Z", "z", "UTC", "GMT"] {
        if let Some(time) = text.strip_suffix(name) {
            return Some((time.trim_end(), "Z".to_owned()));
        }
    }
    let (time, offset) = text.split_at(text.rfind(['+', '-'])?);
    let digits: String = offset[1..].split(':').collect();
    let digits = if digits.len() == 2 { digits + "00" } else { digits };
    let is_offset = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_offset.then(|| (time.trim_end(), format!("{}{}:{}", &offset[..1], &digits[..2], &digits[2..])))
}

/// Three numbers with `between` them, the first one with `first` digits and the others with two; a fraction may follow.
fn long(text: &str, between: char, first: usize) -> Option<String> {
    let (whole, fraction) =
        text.split_once(['.', ',']).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let digits: String = match whole.contains(between) {
        true => whole.split(between).collect(),
        false => whole.to_owned(),
    };
    if digits.len() != first + 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (a, rest) = digits.split_at(first);
    let (b, c) = rest.split_at(2);
    let fraction = fraction.map_or_else(String::new, |digits| format!(".{digits}"));
    Some(format!("{a}{between}{b}{between}{c}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::{of, parse};
    use serde_json::json;

    #[test]
    fn instants_are_read_as_all_tools_write_them() {
        let at = parse("2020-06-10T12:00:00Z");
        assert!(at.is_some());
        for same in [
            "2020-06-10T12:00:00UTC",
            "2020-06-10T14:00:00+02:00",
            "2020-06-10T12:00:00.000Z",
            "2020-06-10T12:00:00+0000",
            "20200610T120000Z",
            "2020-06-10 12:00:00 UTC",
            "2020-06-10 12:00:00+00:00",
            "20200610T140000+02",
            "2020-06-10T10:00:00-0200",
            "2020-06-10T12:00:00,000Z",
            " 2020-06-10t12:00:00z ",
        ] {
            assert_eq!(parse(same), at, "{same}");
        }
        for same in [
            json!(1_591_790_400),
            json!(1_591_790_400_000_u64),
            json!(1_591_790_400.0),
            json!("2020-06-10T12:00:00Z"),
        ] {
            assert_eq!(of(&same), at, "{same}");
        }
        for none in [
            "",
            "soon",
            "2020-06-10T12:00:00",
            "2020-06-10",
            "2020-13-10T12:00:00Z",
            "2020-06-10T12:00:00+1",
            "1591790400",
            "T+",
            "é T é-é",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
        for none in [json!(true), json!([]), json!(-5), json!(1e300)] {
            assert_eq!(of(&none), None, "{none}");
        }
    }
}
