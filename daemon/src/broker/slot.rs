//! What one cache entry knows, and what to do with a request for it. Pure: no clock, no effects.

use super::schedule;
use claviger::reason::Problem;
use std::time::{Duration, SystemTime};

/// A credential that was obtained, without the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Counts from 1.
    pub generation: u64,
    /// When it was obtained.
    pub fetched_at: SystemTime,
    /// When it expires.
    pub expires_at: Option<SystemTime>,
    /// When a refresh is due.
    pub refresh_at: Option<SystemTime>,
    /// What led to it.
    pub cause: Cause,
}

/// What leads to a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There was none before.
    Initial,
    /// The previous one was due, or somebody asked for a new one.
    Due,
    /// The API rejected the previous one.
    Rejected,
}

/// The last refresh, if it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub problem: Problem,
    /// Failures in a row.
    pub count: u32,
    /// Not before this will another attempt be made.
    pub retry_at: SystemTime,
    /// A person could have helped, and nobody waited: the next session that asks is not held up.
    pub asleep: bool,
}

/// State of a cache entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The last good credential.
    pub current: Option<Issue>,
    /// The last refresh, if it failed.
    pub failure: Option<Failure>,
    /// Whether the API rejected the current credential.
    pub rejected: bool,
    /// Breaker against rejections in a loop: until then a report changes nothing.
    pub hold_reports_until: Option<SystemTime>,
    /// Refreshes for a rejection in a row that did not help.
    pub rejections: u32,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision has to be acted on"]
pub enum Decision {
    /// Answer with the current credential.
    Serve,
    /// Answer with it, and start a refresh beside.
    ServeAndPrefetch,
    /// Start a refresh, or join the running one, and wait.
    Join,
    /// The last refresh failed: answer with its problem.
    Reject,
}

/// What to do with a report that the API rejected a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision has to be acted on"]
pub enum Verdict {
    /// Refresh once.
    Refresh,
    /// It was replaced already.
    AlreadyReplaced,
    /// Too soon after the last refresh for a rejection.
    HeldBack(SystemTime),
}

/// Clocks of one machine never differ; a credential from the future means that the clock was set back.
const CLOCK_SLACK: Duration = Duration::from_secs(5);

// === impl Issue ===

impl Issue {
    /// Whether it lives too shortly to be refreshed ahead or followed: whoever needs it asks for it.
    pub fn is_fleeting(&self) -> bool {
        self.refresh_at.is_some_and(|due| due < self.fetched_at + schedule::SHORTEST_WAIT)
    }
}

// === impl State ===

impl State {
    /// Whether the current credential may be served at `now`: strictly before expiry, and not from the future.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.current.is_some_and(|issue| {
            issue.expires_at.is_none_or(|expiry| now < expiry) && issue.fetched_at <= now + CLOCK_SLACK
        })
    }

    /// Whether a valid credential must be called stale: its refresh failed, or the API rejected it.
    pub fn is_stale(&self) -> bool {
        self.failure.is_some() || self.rejected
    }

    /// Whether the failure in force forbids another attempt at `now`.
    fn backs_off(&self, now: SystemTime) -> bool {
        self.failure.as_ref().is_some_and(|failure| schedule::backs_off(now, failure.retry_at))
    }

    /// What to do with a request that wants at least `min_validity`. `waits` is whether a session waits for the answer.
    pub fn decide(&self, now: SystemTime, min_validity: Duration, waits: bool) -> Decision {
        let wakes = waits && self.failure.as_ref().is_some_and(|failure| failure.asleep);
        let Some(issue) = self.current.filter(|_| self.is_valid(now)) else {
            return if self.backs_off(now) && !wakes { Decision::Reject } else { Decision::Join };
        };
        if self.backs_off(now) && !(wakes && self.rejected) {
            return Decision::Serve;
        }
        if self.rejected || is_too_short(&issue, now, min_validity) {
            return Decision::Join;
        }
        match issue.refresh_at {
            Some(due) if now >= due => Decision::ServeAndPrefetch,
            _ => Decision::Serve,
        }
    }

    /// What to do with a report that `generation` was rejected; 0 means the current one.
    pub fn judge(&self, now: SystemTime, generation: u64) -> Verdict {
        // What was never issued cannot have been rejected.
        let Some(current) = self.current.map(|issue| issue.generation) else {
            return Verdict::AlreadyReplaced;
        };
        if generation != 0 && generation != current {
            return Verdict::AlreadyReplaced;
        }
        match (self.hold_reports_until, &self.failure) {
            (Some(until), _) if schedule::holds_back(now, until) => Verdict::HeldBack(until),
            (_, Some(failure)) if self.backs_off(now) => Verdict::HeldBack(failure.retry_at),
            _ => Verdict::Refresh,
        }
    }

    /// Notes that a report was accepted. The breaker closes for longer each time the last one did not help.
    pub fn reject(&mut self, now: SystemTime) {
        self.rejected = self.current.is_some();
        self.hold_reports_until = Some(now + schedule::report_pause(self.rejections));
        self.rejections = self.rejections.saturating_add(1);
    }

    /// Notes a success.
    pub fn succeed(
        &mut self,
        now: SystemTime,
        expires_at: Option<SystemTime>,
        took: Duration,
        cause: Cause,
        jitter: f64,
    ) {
        let generation = self.current.map_or(0, |issue| issue.generation) + 1;
        let refresh_at = expires_at.map(|expiry| schedule::refresh_at(now, expiry, took, jitter));
        if cause != Cause::Rejected {
            self.rejections = 0;
        }
        self.current = Some(Issue { generation, fetched_at: now, expires_at, refresh_at, cause });
        self.failure = None;
        self.rejected = false;
    }

    /// Notes a failure. The current credential stays what it is.
    pub fn fail(&mut self, now: SystemTime, problem: Problem, asleep: bool, jitter: f64) {
        let count = self.failure.as_ref().map_or(0, |failure| failure.count) + 1;
        let left = self
            .current
            .filter(|_| self.is_valid(now))
            .and_then(|issue| issue.expires_at?.duration_since(now).ok());
        // A server that says when to come back is believed, within reason.
        let told = problem.retry_after.unwrap_or_default().min(schedule::MAX_TOLD);
        let retry_at = now + schedule::backoff(count, left, jitter).max(told);
        self.failure = Some(Failure { problem, count, retry_at, asleep });
    }
}

/// Whether less than `min_validity` is left. A wish longer than nearly the whole lifetime is cut: no refresh could
/// fulfil it, and it would run a command for every call.
fn is_too_short(issue: &Issue, now: SystemTime, min_validity: Duration) -> bool {
    let Some(expiry) = issue.expires_at else { return false };
    let lifetime = expiry.duration_since(issue.fetched_at).unwrap_or_default();
    let left = expiry.duration_since(now).unwrap_or_default();
    left < min_validity.min(lifetime.mul_f64(0.9))
}

#[cfg(test)]
mod tests {
    use super::{Cause, Decision, State, Verdict};
    use claviger::reason::{Problem, Reason};
    use std::time::{Duration, SystemTime};

    fn at(seconds: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(1_000_000 + seconds).expect("positive"))
    }

    /// Fetched at 0, expires at 300, due at 240.
    fn fetched() -> State {
        let mut state = State::default();
        state.succeed(at(0), Some(at(300)), Duration::from_secs(1), Cause::Initial, 0.0);
        state
    }

    fn problem() -> Problem {
        Problem::new(Reason::CommandFailed, "x")
    }

    #[test]
    fn requests_over_the_life_of_a_credential() {
        for (now, expected) in [
            (0, Decision::Serve),
            (239, Decision::Serve),
            (240, Decision::ServeAndPrefetch),
            (299, Decision::ServeAndPrefetch),
            (300, Decision::Join),
            (100_000, Decision::Join),
            (-14_400, Decision::Join), // the clock was set back four hours
        ] {
            assert_eq!(fetched().decide(at(now), Duration::ZERO, true), expected, "at {now}");
        }
        assert_eq!(State::default().decide(at(0), Duration::ZERO, true), Decision::Join);
    }

    #[test]
    fn a_failing_refresh_leaves_the_credential_until_expiry_and_not_a_second_longer() {
        let mut state = fetched();
        state.fail(at(240), problem(), false, 0.0);
        assert_eq!(state.decide(at(241), Duration::ZERO, true), Decision::Serve);
        assert!(state.is_stale());
        state.fail(at(299), problem(), false, 0.0);
        let retry_at = state.failure.as_ref().expect("failed").retry_at;
        assert!(retry_at <= at(300), "a last attempt before expiry");
        state.fail(at(301), problem(), false, 0.0);
        assert_eq!(state.decide(at(302), Duration::ZERO, true), Decision::Reject);
        let retry_at = state.failure.as_ref().expect("failed").retry_at;
        assert_eq!(state.decide(retry_at, Duration::ZERO, true), Decision::Join);
    }

    #[test]
    fn a_wish_for_validity_refreshes_but_never_in_a_loop() {
        let state = fetched();
        assert_eq!(state.decide(at(100), Duration::from_secs(200), true), Decision::Serve);
        assert_eq!(state.decide(at(101), Duration::from_secs(200), true), Decision::Join);
        assert_eq!(state.decide(at(1), Duration::from_secs(86_400), true), Decision::Serve);
        let mut failed = fetched();
        failed.fail(at(100), problem(), false, 0.0);
        assert_eq!(failed.decide(at(101), Duration::from_secs(250), true), Decision::Serve);
    }

    #[test]
    fn a_rejection_refreshes_once_and_only_the_generation_it_names() {
        let mut state = fetched();
        assert_eq!(state.judge(at(10), 1), Verdict::Refresh);
        state.reject(at(10));
        assert_eq!(state.decide(at(10), Duration::ZERO, true), Decision::Join);
        state.succeed(at(11), Some(at(311)), Duration::from_secs(1), Cause::Rejected, 0.0);
        assert_eq!(state.judge(at(12), 1), Verdict::AlreadyReplaced);
        assert!(matches!(state.judge(at(12), 2), Verdict::HeldBack(until) if until > at(12)));
        assert_eq!(state.decide(at(12), Duration::ZERO, true), Decision::Serve);
        let first = state.hold_reports_until.expect("held");
        assert_eq!(state.judge(first, 2), Verdict::Refresh);
        state.reject(first);
        let second = state.hold_reports_until.expect("held");
        assert!(
            second.duration_since(first).expect("later") > first.duration_since(at(10)).expect("later"),
            "the pause grows"
        );
    }

    #[test]
    fn a_rejected_credential_is_served_stale_while_its_refresh_fails() {
        let mut state = fetched();
        state.reject(at(10));
        state.fail(at(11), problem(), false, 0.0);
        assert_eq!(state.decide(at(12), Duration::ZERO, true), Decision::Serve);
        assert!(state.is_stale());
    }

    #[test]
    fn generations_only_grow() {
        let mut state = fetched();
        state.fail(at(1), problem(), false, 0.0);
        state.succeed(at(2), None, Duration::ZERO, Cause::Due, 0.0);
        let issue = state.current.expect("issued");
        assert_eq!((issue.generation, issue.refresh_at), (2, None));
        assert_eq!(state.decide(at(1_000_000), Duration::from_secs(60), true), Decision::Serve);
    }
}
