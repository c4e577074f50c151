//! What a cache entry does next on its own. Pure.

use super::slot::State;
use std::time::{Duration, SystemTime};

/// What it does next.
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
    use super::{Next, State, next};
    use crate::broker::slot::Cause;
    use claviger::reason::{Problem, Reason};
    use std::time::{Duration, SystemTime};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + SECOND * 1_000_000 + Duration::from_secs(seconds)
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
