//! When things happen next. Pure; `jitter` is a random number from 0 to 1 that the caller brings.

use super::slot::State;
use std::time::{Duration, SystemTime};

/// First pause after a failed refresh. It outlasts a burst of sessions that start together.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest pause after failed refreshes.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// Longest pause that a server is granted (`Retry-After`).
pub const MAX_TOLD: Duration = Duration::from_secs(300);
/// Most of a credential's life that is given up by refreshing it ahead (`spec/behaviour.md` A7, "AWS cache").
const MAX_MARGIN: Duration = Duration::from_secs(300);
/// Shortest time between two refreshes because of rejections.
const FIRST_REPORT_PAUSE: Duration = Duration::from_secs(30);
/// Longest such time.
const MAX_REPORT_PAUSE: Duration = Duration::from_secs(900);

/// A credential that is due sooner than this is never refreshed ahead: a lifetime of milliseconds, mistyped for seconds,
/// would run a command without a pause.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What a cache entry does next on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision has to be acted on"]
pub enum Next {
    /// Refresh at that instant, which may have passed.
    RefreshAt(SystemTime),
    /// Forget everything at that instant, which may have passed.
    ForgetAt(SystemTime),
    /// Nothing, until something changes.
    Rest,
}

/// When to refresh a credential: early enough that nobody waits, late enough not to waste it. A fifth of the lifetime
/// before expiry, five minutes at most, or twice the time the last refresh took, whichever is more; plus up to half of that
/// as jitter so that entries do not fall due together; never in the first half of the lifetime.
pub fn refresh_at(fetched: SystemTime, expires: SystemTime, took: Duration, jitter: f64) -> SystemTime {
    let lifetime = expires.duration_since(fetched).unwrap_or_default();
    let margin = (lifetime / 5).min(MAX_MARGIN).max(took * 2);
    expires - margin.mul_f64(1.0 + 0.5 * jitter).min(lifetime / 2)
}

/// How long to pause after the `count`th failure in a row. While a valid credential is left, another attempt is made
/// before it expires.
pub fn backoff(count: u32, validity_left: Option<Duration>, jitter: f64) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1).min(10)));
    let pause = doubled.min(MAX_BACKOFF).mul_f64(1.0 + 0.1 * jitter);
    match validity_left {
        Some(left) => pause.min((left / 2).max(Duration::from_millis(500))),
        None => pause,
    }
}

/// How long reports are held back after a refresh for a rejection, `rejections` of which before did not help.
pub fn report_pause(rejections: u32) -> Duration {
    FIRST_REPORT_PAUSE.saturating_mul(2_u32.saturating_pow(rejections.min(10))).min(MAX_REPORT_PAUSE)
}

/// Whether a pause after failures that ends at `until` holds at `now`. One that ends later than any pause can was
/// begun before the clock was set back: it holds nobody up.
pub fn backs_off(now: SystemTime, until: SystemTime) -> bool {
    now < until && until <= now + MAX_BACKOFF.mul_f64(1.1)
}

/// The same for a pause between reports.
pub fn holds_back(now: SystemTime, until: SystemTime) -> bool {
    now < until && until <= now + MAX_REPORT_PAUSE
}

/// What an entry does next. It is `wanted` while somebody watches it or used it within `idle` before it is due.
pub fn next(state: &State, last_used: SystemTime, watched: bool, idle: Duration) -> Next {
    let until = last_used + idle;
    let valid_until = state.current.and_then(|issue| issue.expires_at);
    let due = match (&state.failure, state.current) {
        (Some(failure), _) => Some(failure.retry_at),
        (None, Some(issue)) => issue.refresh_at.filter(|_| !issue.is_fleeting()),
        (None, None) => None,
    };
    match due {
        Some(due) if watched || due <= until => Next::RefreshAt(due),
        _ if watched => Next::Rest,
        _ => Next::ForgetAt(valid_until.map_or(until, |expiry| expiry.max(until))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, State, backoff, next, refresh_at, report_pause};
    use crate::broker::slot::Cause;
    use claviger::reason::{Problem, Reason};
    use std::time::{Duration, SystemTime};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + SECOND * 1_000_000 + Duration::from_secs(seconds)
    }

    #[test]
    fn refresh_leaves_room_for_the_helper() {
        for (lifetime, took_ms, jitter, expected_ms) in [
            (300, 1000, 0.0, 240_000),
            (300, 1000, 1.0, 210_000),
            (2, 900, 0.0, 1000), // never in the first half
            (10, 1500, 0.0, 7000),
            (3600, 1000, 0.0, 3_300_000), // five minutes ahead
            (3600, 1000, 1.0, 3_150_000),
            (0, 1000, 1.0, 0),
        ] {
            let due = refresh_at(at(0), at(lifetime), Duration::from_millis(took_ms), jitter);
            assert_eq!(due, at(0) + Duration::from_millis(expected_ms), "{lifetime} s, {took_ms} ms");
        }
    }

    #[test]
    fn backoff_doubles_to_a_ceiling_and_tries_again_before_expiry() {
        let seconds: Vec<_> = (1..8).map(|count| backoff(count, None, 0.0).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(backoff(u32::MAX, None, 1.0), SECOND * 330);
        assert_eq!(backoff(1, Some(SECOND * 8), 0.0), SECOND * 4);
        assert_eq!(backoff(1, Some(Duration::ZERO), 0.0), SECOND / 2);
    }

    #[test]
    fn report_pause_grows_to_a_ceiling() {
        assert_eq!([0, 1, 5, 99].map(|n| report_pause(n).as_secs()), [30, 60, 900, 900]);
    }

    #[test]
    fn entries_are_refreshed_while_wanted_and_forgotten_after() {
        let mut state = State::default();
        state.succeed(at(0), at(0), Some(at(300)), SECOND, Cause::Initial, 0.0);
        assert_eq!(next(&state, at(0), false, SECOND * 900), Next::RefreshAt(at(240)));
        assert_eq!(next(&state, at(0), false, SECOND * 100), Next::ForgetAt(at(300)));
        assert_eq!(next(&state, at(250), false, SECOND * 100), Next::RefreshAt(at(240)));
        assert_eq!(next(&state, at(0), true, SECOND), Next::RefreshAt(at(240)));
        state.fail(at(240), Problem::new(Reason::CommandFailed, "x"), false, 0.0);
        assert_eq!(next(&state, at(235), false, SECOND * 900), Next::RefreshAt(at(250)));
        assert_eq!(next(&State::default(), at(0), false, SECOND * 9), Next::ForgetAt(at(9)));
        assert_eq!(next(&State::default(), at(0), true, SECOND * 9), Next::Rest);
    }

    #[test]
    fn a_lifetime_of_less_than_two_seconds_is_never_refreshed_ahead() {
        for (milliseconds, ahead) in [(0, false), (1, false), (300, false), (1999, false), (2000, true)] {
            let mut state = State::default();
            let expiry = at(0) + Duration::from_millis(milliseconds);
            state.succeed(at(0), at(0), Some(expiry), SECOND, Cause::Initial, 0.0);
            let planned = next(&state, at(0), true, SECOND * 9);
            assert_eq!(planned, if ahead { Next::RefreshAt(at(1)) } else { Next::Rest }, "{milliseconds} ms");
        }
    }
}
