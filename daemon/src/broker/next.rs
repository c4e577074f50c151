//! The next action of a cache entry on its own. Pure.

use super::slot::State;
use crate::settings::Refresh;
use std::time::{Duration, SystemTime};

/// The next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision has to be acted on"]
pub enum Next {
    /// Refresh at that instant, which may have passed.
    RefreshAt(SystemTime),
    /// Drop everything at that instant, which may have passed.
    ForgetAt(SystemTime),
    /// Nothing, until something changes.
    Rest,
}

/// The demand for refreshing an entry ahead of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// No session: it was not used since its last refresh ahead of time.
    None,
    /// It was lent to a session since its last refresh ahead of time: one more such refresh is due, whatever its
    /// result.
    Used,
    /// A stream follows it.
    Followed,
}

/// The next action of an entry. It is refreshed while a stream follows it, and once for a use within `idle` before it
/// is due; never if its command runs on demand only.
pub fn next(
    state: &State,
    last_used: SystemTime,
    (interest, refresh): (Interest, Refresh),
    idle: Duration,
) -> Next {
    let until = last_used + idle;
    let valid_until = state.current.and_then(|issue| issue.expires_at);
    let due = match (&state.failure, state.current) {
        (Some(failure), _) => Some(failure.retry_at),
        (None, Some(issue)) => issue.refresh_at.filter(|_| !issue.is_fleeting()),
        (None, None) => None,
    };
    let is_owed = |due: SystemTime| match (refresh, interest) {
        (Refresh::OnDemand, _) | (_, Interest::None) => false,
        // A failed command runs again when a session asks: it may talk to a person.
        (Refresh::Ahead, Interest::Used) => state.failure.is_none() && due <= until,
        (Refresh::Ahead, Interest::Followed) => true,
    };
    match due {
        Some(due) if is_owed(due) => Next::RefreshAt(due),
        _ if interest == Interest::Followed => Next::Rest,
        _ => Next::ForgetAt(valid_until.map_or(until, |expiry| expiry.max(until))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Interest, Next, State, next};
    use crate::{broker::slot::Cause, settings::Refresh};
    use claviger::reason::{Problem, Reason};
    use std::time::{Duration, SystemTime};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + SECOND * 1_000_000 + Duration::from_secs(seconds)
    }

    #[test]
    fn entries_are_refreshed_while_wanted_and_forgotten_after() {
        use Interest::{Followed, None, Used};
        let plan = |state: &State, used: u64, interest, idle: u32| {
            next(state, at(used), (interest, Refresh::Ahead), SECOND * idle)
        };
        let mut state = State::default();
        state.succeed(at(0), at(0), Some(at(300)), SECOND, Cause::Initial, 0.0);
        assert_eq!(plan(&state, 0, Used, 900), Next::RefreshAt(at(240)));
        assert_eq!(plan(&state, 0, None, 900), Next::ForgetAt(at(900)));
        assert_eq!(plan(&state, 0, Used, 100), Next::ForgetAt(at(300)));
        assert_eq!(plan(&state, 250, Used, 100), Next::RefreshAt(at(240)));
        assert_eq!(plan(&state, 0, Followed, 1), Next::RefreshAt(at(240)));
        state.fail((at(240), Duration::ZERO), Problem::new(Reason::CommandFailed, "x"), false, 0.0);
        assert_eq!(plan(&state, 235, Used, 900), Next::ForgetAt(at(1135)));
        assert_eq!(plan(&state, 235, Followed, 900), Next::RefreshAt(at(250)));
        assert_eq!(plan(&State::default(), 0, Used, 9), Next::ForgetAt(at(9)));
        assert_eq!(plan(&State::default(), 0, Followed, 9), Next::Rest);
    }

    #[test]
    fn on_demand_nothing_is_refreshed_ahead() {
        let mut state = State::default();
        state.succeed(at(0), at(0), Some(at(300)), SECOND, Cause::Initial, 0.0);
        let plan = |interest| next(&state, at(0), (interest, Refresh::OnDemand), SECOND * 900);
        assert_eq!(plan(Interest::Used), Next::ForgetAt(at(900)));
        assert_eq!(plan(Interest::Followed), Next::Rest);
    }

    #[test]
    fn a_lifetime_of_less_than_two_seconds_is_never_refreshed_ahead() {
        for (milliseconds, ahead) in [(0, false), (1, false), (300, false), (1999, false), (2000, true)] {
            let mut state = State::default();
            let expiry = at(0) + Duration::from_millis(milliseconds);
            state.succeed(at(0), at(0), Some(expiry), SECOND, Cause::Initial, 0.0);
            let planned = next(&state, at(0), (Interest::Followed, Refresh::Ahead), SECOND * 9);
            assert_eq!(planned, if ahead { Next::RefreshAt(at(1)) } else { Next::Rest }, "{milliseconds} ms");
        }
    }
}
