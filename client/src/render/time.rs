//! Instants and durations in words, relative to a given now.

use claviger::wire;
use prost_types::Timestamp;
use std::time::{Duration, SystemTime};

/// A duration in its two largest units: "1 d 4 h", "4 min 12 s", "8 s"; a started second counts.
pub(crate) fn span(of: Duration) -> String {
    let seconds = of.as_secs() + u64::from(of.subsec_nanos() > 0);
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(length, _)| seconds >= *length).unwrap_or(units.len() - 1);
    let (length, name) = units[first];
    let text = format!("{} {name}", seconds / length);
    match units.get(first + 1) {
        Some((next, name)) if (seconds % length) / next > 0 => {
            format!("{text} {} {name}", (seconds % length) / next)
        }
        _ => text,
    }
}

/// "in 4 min 12 s", "8 s ago" or "now"; out of range it is "unknown".
pub(crate) fn relative(at: &Timestamp, now: SystemTime) -> String {
    match distance(at, now) {
        None => "unknown".into(),
        Some(Ok(Duration::ZERO)) => "now".into(),
        Some(Ok(ahead)) => format!("in {}", span(ahead)),
        Some(Err(past)) if past < Duration::from_secs(1) => "now".into(),
        // Rounded down to whole seconds.
        Some(Err(past)) => format!("{} ago", span(Duration::from_secs(past.as_secs()))),
    }
}

/// The local time of day: "15:04:05".
pub(crate) fn clock(at: SystemTime) -> String {
    match jiff::Timestamp::try_from(at) {
        Ok(at) => at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string(),
        Err(_) => "--:--:--".into(),
    }
}

/// Whether an instant has been reached.
pub(crate) fn is_over(at: &Timestamp, now: SystemTime) -> bool {
    wire::system_time(at).is_some_and(|at| at <= now)
}

/// A very short duration: "0.21 ms".
pub(crate) fn fine(of: &prost_types::Duration) -> String {
    let of = Duration::try_from(*of).unwrap_or_default();
    format!("{:.2} ms", of.as_secs_f64() * 1e3)
}

// Ok is in the future, Err in the past.
fn distance(at: &Timestamp, now: SystemTime) -> Option<Result<Duration, Duration>> {
    let at = wire::system_time(at)?;
    Some(at.duration_since(now).map_err(|past| past.duration()))
}

#[cfg(test)]
mod tests {
    use super::{is_over, relative, span};
    use prost_types::Timestamp;
    use std::time::{Duration, SystemTime};

    #[test]
    fn spans_have_two_units_at_most() {
        for (millis, text) in [
            (0, "0 s"),
            (1, "1 s"),
            (59_000, "59 s"),
            (60_000, "1 min"),
            (252_000, "4 min 12 s"),
            (3_600_000, "1 h"),
            (3_659_000, "1 h"),
            (7_500_000, "2 h 5 min"),
            (100_800_000, "1 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn instants_are_ahead_past_or_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        assert_eq!(relative(&at(1252), now), "in 4 min 12 s");
        assert_eq!(relative(&at(1000), now), "now");
        assert_eq!(relative(&at(940), now), "1 min ago");
        assert!(is_over(&at(1000), now) && !is_over(&at(1001), now));
    }
}
