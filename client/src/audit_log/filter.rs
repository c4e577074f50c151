//! Filters lines. Pure, except for the time zone.

use jiff::{Span, Timestamp, Zoned, civil, tz::TimeZone};
use serde_json::Value;

/// The filter from the command line; an absent field matches everything.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// From here on.
    pub(crate) since: Option<Timestamp>,
    /// One of these sources.
    pub(crate) sources: Vec<String>,
    /// One of these events.
    pub(crate) events: Vec<String>,
}

impl Filter {
    /// Whether `line` matches.
    pub(crate) fn takes(&self, line: &Value) -> bool {
        let is_one_of = |field: &str, words: &[String]| {
            words.is_empty()
                || line[field].as_str().is_some_and(|word| words.iter().any(|wanted| wanted == word))
        };
        self.since.is_none_or(|since| time(&line["time"]).is_some_and(|time| time >= since))
            && is_one_of("source", &self.sources)
            && is_one_of("event", &self.events)
    }
}

/// The time in a field of a line.
pub(crate) fn time(field: &Value) -> Option<Timestamp> {
    field.as_str()?.parse().ok()
}

/// A point in time, or a duration before now.
///
/// # Errors
/// A sentence, if it is neither.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    before(text, &Zoned::now()).ok_or_else(|| {
        "write a duration such as 90s, 15min, 2h or 7d, or a time such as 2026-11-21, \"2026-11-21 15:00\" or \
         2026-11-21T15:00:00Z"
            .to_owned()
    })
}

fn before(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.trim();
    let zoned = |time: civil::DateTime, zone: TimeZone| time.to_zoned(zone).ok().map(|at| at.timestamp());
    let ago = || now.checked_sub(text.parse::<Span>().ok()?.abs()).ok().map(|at| at.timestamp());
    text.parse::<Timestamp>().ok().or_else(|| {
        let local =
            text.parse::<civil::DateTime>().ok().and_then(|time| zoned(time, now.time_zone().clone()));
        local.or_else(ago)
    })
}

#[cfg(test)]
mod tests {
    use super::{Filter, before};
    use jiff::{Timestamp, tz};
    use serde_json::json;

    #[test]
    fn durations_and_times_are_understood() {
        let now: Timestamp = "2026-11-21T15:00:00Z".parse().expect("a time");
        let now = now.to_zoned(tz::offset(1).to_time_zone());
        let back = |text| before(text, &now).map(|at| now.timestamp().duration_since(at).as_secs_f64());
        for (text, seconds) in [
            ("90s", 90.0),
            ("15min", 900.0),
            ("15m", 900.0),
            ("2h", 7200.0),
            ("1h30m", 5400.0),
            ("7d", 604_800.0),
            ("2026-11-21T14:59:00Z", 60.0),
            ("2026-11-21T14:59:00.5Z", 59.5),
            ("2026-11-21T15:59:00+01:00", 60.0),
            ("2026-11-21 15:59", 60.0),
            ("2026-11-21", 57_600.0),
        ] {
            assert_eq!(back(text), Some(seconds), "{text}");
        }
        for text in ["", "yesterday", "2", "2026-13-01", "15:00:00Z", "999999999999999d"] {
            assert_eq!(back(text), None, "{text}");
        }
    }

    #[test]
    fn each_filter_counts() {
        let line = json!({"time": "2026-11-28T21:14:15.488Z", "event": "get", "source": "api-key-helper"});
        let word = |word: &str| vec!["x".to_owned(), word.to_owned()];
        assert!(Filter::default().takes(&line));
        for (since, is_taken) in [("2026-11-28T21:14:15.488Z", true), ("2026-11-28T21:14:15.489Z", false)] {
            let filter = Filter { since: since.parse().ok(), ..Filter::default() };
            assert_eq!(filter.takes(&line), is_taken, "{since}");
        }
        for (sources, events, is_taken) in [
            (word("api-key-helper"), word("get"), true),
            (word("y"), word("get"), false),
            (vec![], word("y"), false),
        ] {
            let filter = Filter { sources, events, ..Filter::default() };
            assert_eq!(filter.takes(&line), is_taken);
        }
        let filter = Filter { sources: word("api-key-helper"), ..Filter::default() };
        assert!(!filter.takes(&json!({"event": "lock"})));
    }
}
