//! Lengths of pauses. Pure; `jitter` is a random number from 0 to 1 from the caller.

pub use claviger_child::refresh_at;
use std::time::{Duration, SystemTime};

/// First pause after a failed refresh. It is longer than a burst of sessions that start together.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest pause after failed refreshes.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// Pause for a person whose attempt during a pause failed: a loop in a terminal counts as a person as well.
const PERSON_PAUSE: Duration = FIRST_BACKOFF;
/// Pauses after refreshes for a rejection that returned the same secret again: a rotation may take effect some seconds
/// after the rejection. Together with the refreshes themselves they last less than 10 s.
const SAME_SECRET: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(2), Duration::from_secs(3)];
/// Shortest time between two refreshes for rejections.
const FIRST_REPORT_PAUSE: Duration = Duration::from_secs(30);
/// Shortest time between two refreshes for rejections of credentials that had worked. An API that accepts a key on one of its servers and
/// rejects it on another costs a run of the helper each time.
pub const REVOKED_PAUSE: Duration = Duration::from_secs(5);
/// Longest time between two refreshes for rejections.
const MAX_REPORT_PAUSE: Duration = Duration::from_secs(900);

/// How long a look at the settings files counts, and one at decisions of other daemons with the same state. No process
/// started after an edit can ask sooner than this, so each one sees the edit; a session that asks thousands of times a
/// second causes two thousand looks.
pub const RECHECK_AFTER: Duration = Duration::from_micros(500);

/// A credential that is due sooner than this is never refreshed ahead: a lifetime of milliseconds, mistyped for
/// seconds, would run a command continuously.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// Pause after the `count`th failure in a row. While a valid credential is left, another attempt is made before it
/// expires.
pub fn backoff(count: u32, validity_left: Option<Duration>, jitter: f64) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1).min(10)));
    let pause = doubled.min(MAX_BACKOFF).mul_f64(1.0 + 0.1 * jitter);
    match validity_left {
        Some(left) => pause.min((left / 2).max(Duration::from_millis(500))),
        None => pause,
    }
}

/// Delay of reports after a refresh for a rejection; `rejections` of these did not help.
pub fn report_pause(rejections: u32) -> Duration {
    FIRST_REPORT_PAUSE.saturating_mul(2_u32.saturating_pow(rejections.min(10))).min(MAX_REPORT_PAUSE)
}

/// The end of the pause for a person whose attempt at `tried_at`, during a pause, failed; for others at the earliest.
pub fn after_person(tried_at: SystemTime) -> SystemTime {
    tried_at + PERSON_PAUSE
}

/// Delay of reports after the `count`th refresh in a row for a rejection that returned the same secret; `None`: the
/// usual delay.
pub fn same_secret_pause(count: u32) -> Option<Duration> {
    SAME_SECRET.get(usize::try_from(count.checked_sub(1)?).ok()?).copied()
}

/// Whether a pause after failures that ends at `until` applies at `now`. If its end is further ahead than any pause,
/// the clock was set back, and it does not apply.
pub fn backs_off(now: SystemTime, until: SystemTime) -> bool {
    now < until && until <= now + MAX_BACKOFF.mul_f64(1.1)
}

/// The same for a pause between reports.
pub fn holds_back(now: SystemTime, until: SystemTime) -> bool {
    now < until && until <= now + MAX_REPORT_PAUSE
}

#[cfg(test)]
mod tests {
    use super::{backoff, refresh_at, report_pause, same_secret_pause};
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
        let same: Vec<_> = (0..6).map(|n| same_secret_pause(n).map(|pause| pause.as_secs())).collect();
        assert_eq!(same, [None, Some(2), Some(2), Some(3), None, None]);
    }
}
