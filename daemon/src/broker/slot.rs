//! State of one cache entry, and the decision about a request for it. Pure: no clock, no effects.

use super::validity::{Validity, floor};
use crate::{
    demand::Demand,
    pauses,
    tried::{Tried, TryOrigin},
};
use claviger::reason::Problem;
use claviger_child::MAX_PAUSE;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// A credential without its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Counts from 1.
    pub generation: u64,
    /// When it was obtained.
    pub fetched_at: SystemTime,
    /// Start of its lifetime: earlier than `obtained`, if another process kept it meanwhile.
    pub issued_at: SystemTime,
    /// When it expires.
    pub expires_at: Option<SystemTime>,
    /// When a refresh is due.
    pub refresh_at: Option<SystemTime>,
    /// Its cause.
    pub cause: Cause,
}

/// Cause of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// There was no credential before.
    Initial,
    /// The previous one was due, or a new one was asked for.
    Due,
    /// The API rejected the previous one.
    Rejected,
}

/// The last refresh, if it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The problem.
    pub problem: Problem,
    /// Failures in a row.
    pub count: u32,
    /// No other attempt is made before this time.
    pub retry_at: SystemTime,
    /// A person could have helped, but none was waiting: the next session that asks is not delayed.
    pub asleep: bool,
    /// Surroundings of the attempts since the pause began.
    pub tried: Tried,
    /// When a person's attempt during the pause failed, if there was one.
    pub insisted_at: Option<SystemTime>,
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
    /// Whether the inputs of the current credential have changed.
    pub outdated: bool,
    /// Breaker against rejections in a loop: until this time a report changes nothing.
    pub hold_reports_until: Option<SystemTime>,
    /// Refreshes in a row for a rejection that did not help.
    pub rejections: u32,
    /// The most recent of these in a row that returned the same secret.
    pub unchanged: u32,
}

/// The decision about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision has to be acted on"]
pub enum Decision {
    /// Answer with the current credential.
    Serve,
    /// Answer with it, and start a refresh in parallel.
    ServeAndPrefetch,
    /// Start a refresh, or join the running one, and wait.
    Join,
    /// The last refresh failed: return its problem.
    Reject,
}

/// The decision about a report that the API rejected a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision has to be acted on"]
pub enum Verdict {
    /// Refresh once.
    Refresh,
    /// It has already been replaced.
    AlreadyReplaced,
    /// Too soon after the last refresh for a rejection.
    HeldBack(SystemTime),
}

/// Clocks of one machine do not differ; a credential from the future means that the clock was set back.
const CLOCK_SLACK: Duration = Duration::from_secs(5);

// === impl Issue ===

impl Issue {
    /// Whether its lifetime is too short for refreshing ahead or following: a session that needs it asks for it.
    pub fn is_fleeting(&self) -> bool {
        self.refresh_at.is_some_and(|due| due < self.issued_at + pauses::SHORTEST_WAIT)
    }

    /// Remaining lifetime, if it expires.
    fn left(&self, now: SystemTime) -> Option<Duration> {
        self.expires_at.map(|expiry| expiry.duration_since(now).unwrap_or_default())
    }

    /// Whether less remains than a request of `validity` needs. The request may come from a session that waits.
    fn is_too_short(&self, now: SystemTime, validity: Validity, waits: bool) -> bool {
        let span = |since| self.left(since).unwrap_or_default();
        let floor = if waits { floor(span(self.fetched_at)) } else { Duration::ZERO };
        self.left(now).is_some_and(|left| left < validity.least(span(self.issued_at)).max(floor))
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

    /// Whether it was obtained before the clock was set back: its dates are further ahead than possible.
    pub fn is_ahead_of(&self, now: SystemTime) -> bool {
        match (&self.failure, self.current) {
            (Some(failure), _) => failure.retry_at > now && !pauses::backs_off(now, failure.retry_at),
            (None, Some(issue)) => issue.fetched_at > now + CLOCK_SLACK,
            (None, None) => false,
        }
    }

    /// Whether a valid credential must be called stale: its refresh failed, or the API rejected it.
    pub fn is_stale(&self) -> bool {
        self.failure.is_some() || self.rejected
    }

    /// Whether the current failure forbids another attempt at `now`.
    pub fn backs_off(&self, now: SystemTime) -> bool {
        self.failure.as_ref().is_some_and(|failure| pauses::backs_off(now, failure.retry_at))
    }

    /// The decision about a request of `demand` that needs a credential of `validity`.
    pub fn decide(&self, now: SystemTime, validity: impl Into<Validity>, demand: Demand) -> Decision {
        let validity = validity.into();
        let wakes = self.failure.as_ref().is_some_and(|failure| now >= failure.holds_until(now, demand));
        let Some(issue) = self.current.filter(|_| self.is_valid(now)) else {
            return if self.backs_off(now) && !wakes { Decision::Reject } else { Decision::Join };
        };
        if self.backs_off(now) && !(wakes && self.rejected) {
            return Decision::Serve;
        }
        let is_due = issue.refresh_at.is_some_and(|due| now >= due);
        // A cache would keep a credential that is about to be replaced; its tool continues to work while it waits.
        let waits_for_due = is_due && matches!(validity, Validity::Outliving(_));
        let is_too_short = issue.is_too_short(now, validity, demand > Demand::Background);
        if self.rejected || self.outdated || waits_for_due || is_too_short {
            return Decision::Join;
        }
        if is_due { Decision::ServeAndPrefetch } else { Decision::Serve }
    }

    /// How long a session may wait for a better credential than the current one, which is lent otherwise: half of the
    /// remaining lifetime. `None` if it must not be lent.
    pub fn patience(&self, now: SystemTime) -> Option<Duration> {
        let issue = self.current.filter(|_| self.is_valid(now) && !self.rejected && !self.outdated)?;
        issue.left(now).map(|left| left / 2)
    }

    /// The decision about a report that `generation` was rejected, 0: the current one; `had_worked`: after the API had accepted it.
    pub fn judge(&self, now: SystemTime, generation: u64, had_worked: bool) -> Verdict {
        // A generation that was never issued cannot have been rejected.
        let Some(current) = self.current else { return Verdict::AlreadyReplaced };
        if generation != 0 && generation != current.generation {
            return Verdict::AlreadyReplaced;
        }
        let until = match self.hold_reports_until {
            Some(until) if self.was_revoked(had_worked) => {
                Some(until.min(current.fetched_at + pauses::REVOKED_PAUSE))
            }
            until => until,
        };
        match (until, &self.failure) {
            (Some(until), _) if pauses::holds_back(now, until) => Verdict::HeldBack(until),
            (_, Some(failure)) if self.backs_off(now) => Verdict::HeldBack(failure.retry_at),
            _ => Verdict::Refresh,
        }
    }

    /// Whether a rejected credential that `had_worked` was revoked. Not if the last refresh returned the rejected secret again: servers of
    /// one API may disagree about it.
    fn was_revoked(&self, had_worked: bool) -> bool {
        had_worked && self.unchanged == 0
    }

    /// Records an accepted report. Each time the last refresh did not help, the breaker closes for longer; one that `had_worked` did.
    pub fn reject(&mut self, now: SystemTime, had_worked: bool) {
        self.rejected = self.current.is_some();
        if self.was_revoked(had_worked) {
            self.rejections = 0;
        }
        self.hold_reports_until = Some(now + pauses::report_pause(self.rejections));
        self.rejections = self.rejections.saturating_add(1);
    }

    /// Records that the inputs of the last refresh have changed: neither its credential nor its failure counts any
    /// more.
    pub fn outdate(&mut self) {
        self.failure = None;
        self.outdated = self.current.is_some();
    }

    /// Records that the last successful refresh returned the same secret again. After a refresh for a rejection, the
    /// first such reports are delayed only briefly: the rejected secret may be in rotation, and the new one not
    /// available yet.
    pub fn note_same(&mut self, now: SystemTime) {
        if self.current.is_none_or(|issue| issue.cause != Cause::Rejected) {
            return;
        }
        if let Some(pause) = pauses::same_secret_pause(self.unchanged + 1) {
            self.hold_reports_until = Some(now + pause);
            self.rejections = self.rejections.saturating_sub(1);
            self.unchanged += 1;
        }
    }

    /// Records a success.
    pub fn succeed(
        &mut self,
        now: SystemTime,
        issued_at: SystemTime,
        expires_at: Option<SystemTime>,
        took: Duration,
        cause: Cause,
        jitter: f64,
    ) {
        let generation = self.current.map_or(0, |issue| issue.generation) + 1;
        let refresh_at = expires_at.map(|expiry| pauses::refresh_at(issued_at, expiry, took, jitter));
        if cause != Cause::Rejected {
            // The short pauses were for a credential that is replaced now.
            if self.unchanged > 0 {
                self.hold_reports_until = Some(now + pauses::report_pause(0));
            }
            (self.rejections, self.unchanged) = (0, 0);
        }
        self.current = Some(Issue { generation, fetched_at: now, issued_at, expires_at, refresh_at, cause });
        self.failure = None;
        (self.rejected, self.outdated) = (false, false);
    }

    /// Records the failure of an attempt that ended `now`, after it `took` so long. The current credential is kept.
    pub fn fail(&mut self, (now, took): (SystemTime, Duration), problem: Problem, asleep: bool, jitter: f64) {
        let count = self.failure.as_ref().map_or(0, |failure| failure.count) + 1;
        // What an attempt found before the expiry may not hold after it: a refresh token that is kept until then can be sent.
        let began = now - took;
        let left = self
            .current
            .filter(|_| self.is_valid(began))
            .and_then(|issue| issue.expires_at?.duration_since(began).ok());
        // A server's retry time is respected, within limits.
        let told = problem.retry_after.unwrap_or_default().min(MAX_PAUSE);
        let retry_at = now + pauses::backoff(count, left, jitter).max(told);
        self.failure =
            Some(Failure { problem, count, retry_at, asleep, tried: Tried::default(), insisted_at: None });
    }

    /// Records that the last failed refresh was tried from `place`, and whether a person insisted on it; `before` is
    /// the failure before it. A try from another place does not extend the current pause; after a person's attempt,
    /// others wait as long as that person.
    pub fn note_try(
        &mut self,
        now: SystemTime,
        (place, insisted): (TryOrigin, bool),
        before: Option<Failure>,
    ) {
        let Some(failure) = &mut self.failure else { return };
        failure.insisted_at = insisted.then_some(now);
        let is_same_round =
            |it: &Failure| pauses::backs_off(now, it.retry_at) && (insisted || !it.tried.has(place));
        if let Some(before) = before.filter(is_same_round) {
            failure.insisted_at = failure.insisted_at.or(before.insisted_at);
            let Failure { count, retry_at, tried, .. } = before;
            let retry_at = if insisted { retry_at.max(pauses::after_person(now)) } else { retry_at };
            (failure.count, failure.retry_at, failure.tried) = (count, retry_at, tried);
        }
        failure.tried.note(place);
    }

    /// Whether a session from `place` may try during the pause: it has not tried from there, and there were few tries
    /// from elsewhere.
    pub fn may_try(&self, place: TryOrigin) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.tried.lets(place))
    }
}

// === impl Failure ===

impl Failure {
    /// The end of its delay for a request of `demand`: a person ignores a pause, and so does a session if no person was
    /// waiting.
    pub fn holds_until(&self, now: SystemTime, demand: Demand) -> SystemTime {
        match (demand, self.insisted_at) {
            (Demand::Session | Demand::Person, _) if self.asleep => now,
            (Demand::Person, None) => now,
            (Demand::Person, Some(at)) => pauses::after_person(at).min(self.retry_at),
            (Demand::Background | Demand::Session, _) => self.retry_at,
        }
    }
}

#[cfg(test)]
mod tests;
