//! What one cache entry knows, and what to do with a request for it. Pure: no clock, no effects.

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

/// A credential that was obtained, without the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Counts from 1.
    pub generation: u64,
    /// When it was obtained.
    pub fetched_at: SystemTime,
    /// When its life began: earlier, if another process kept it meanwhile.
    pub issued_at: SystemTime,
    /// When it expires.
    pub expires_at: Option<SystemTime>,
    /// When a refresh is due.
    pub refresh_at: Option<SystemTime>,
    /// What led to it.
    pub cause: Cause,
}

/// What leads to a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// There was none before.
    Initial,
    /// The previous one was due, or a new one was asked for.
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
    /// A person could have helped, but none waited: the next session that asks is not held up.
    pub asleep: bool,
    /// From which surroundings it was tried since the pause began.
    pub tried: Tried,
    /// When a person's try in spite of the pause failed, if there was one.
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
    /// Whether what the current credential was made from has changed.
    pub outdated: bool,
    /// Breaker against rejections in a loop: until then a report changes nothing.
    pub hold_reports_until: Option<SystemTime>,
    /// Refreshes for a rejection in a row that did not help.
    pub rejections: u32,
    /// Those among the last ones that brought the same secret again.
    pub unchanged: u32,
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
    /// Whether it lives too shortly to be refreshed ahead or followed: a session that needs it asks for it.
    pub fn is_fleeting(&self) -> bool {
        self.refresh_at.is_some_and(|due| due < self.issued_at + pauses::SHORTEST_WAIT)
    }

    /// How much of its life is left, if it ends.
    fn left(&self, now: SystemTime) -> Option<Duration> {
        self.expires_at.map(|expiry| expiry.duration_since(now).unwrap_or_default())
    }

    /// Whether less is left than a request of `validity` wants, which may be that of a session that waits.
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

    /// Whether it was made before the clock was set back: dates in it lie further ahead than any can.
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

    /// Whether the failure in force forbids another attempt at `now`.
    pub fn backs_off(&self, now: SystemTime) -> bool {
        self.failure.as_ref().is_some_and(|failure| pauses::backs_off(now, failure.retry_at))
    }

    /// What to do with a request of `demand` that wants a credential of `validity`.
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
        // A cache would keep for long what is about to be replaced, and its tool works on while it waits.
        let waits_for_due = is_due && matches!(validity, Validity::Outliving(_));
        let is_too_short = issue.is_too_short(now, validity, demand > Demand::Background);
        if self.rejected || self.outdated || waits_for_due || is_too_short {
            return Decision::Join;
        }
        if is_due { Decision::ServeAndPrefetch } else { Decision::Serve }
    }

    /// How long a session may wait for a better credential than the current one, which is then lent after all: half of what is left. `None`
    /// if it is not to be lent.
    pub fn patience(&self, now: SystemTime) -> Option<Duration> {
        let issue = self.current.filter(|_| self.is_valid(now) && !self.rejected && !self.outdated)?;
        issue.left(now).map(|left| left / 2)
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
            (Some(until), _) if pauses::holds_back(now, until) => Verdict::HeldBack(until),
            (_, Some(failure)) if self.backs_off(now) => Verdict::HeldBack(failure.retry_at),
            _ => Verdict::Refresh,
        }
    }

    /// Notes that a report was accepted. The breaker closes for longer each time the last one did not help.
    pub fn reject(&mut self, now: SystemTime) {
        self.rejected = self.current.is_some();
        self.hold_reports_until = Some(now + pauses::report_pause(self.rejections));
        self.rejections = self.rejections.saturating_add(1);
    }

    /// Notes that what the last refresh went by has changed: neither its credential nor its failure holds any more.
    pub fn outdate(&mut self) {
        self.failure = None;
        self.outdated = self.current.is_some();
    }

    /// Notes that the refresh that has just worked brought the same secret again. After one for a rejection the next report is held
    /// back for a moment only, the first times: what was rejected may be rotated by now, and the new one not there yet.
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

    /// Notes a success.
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

    /// Notes a failure. The current credential stays what it is.
    pub fn fail(&mut self, now: SystemTime, problem: Problem, asleep: bool, jitter: f64) {
        let count = self.failure.as_ref().map_or(0, |failure| failure.count) + 1;
        let left = self
            .current
            .filter(|_| self.is_valid(now))
            .and_then(|issue| issue.expires_at?.duration_since(now).ok());
        // A server that says when to come back is believed, within reason.
        let told = problem.retry_after.unwrap_or_default().min(MAX_PAUSE);
        let retry_at = now + pauses::backoff(count, left, jitter).max(told);
        self.failure =
            Some(Failure { problem, count, retry_at, asleep, tried: Tried::default(), insisted_at: None });
    }

    /// Notes that the refresh that has just failed was tried from `place`, and whether a person insisted on it; `before` is the
    /// failure before it. A try from another place makes the pause that is under way no longer; after one of a person, others wait as long
    /// as that person does.
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

    /// Whether a session from `place` may try in spite of the pause: nothing was tried from there, and not much from elsewhere.
    pub fn may_try(&self, place: TryOrigin) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.tried.lets(place))
    }
}

// === impl Failure ===

impl Failure {
    /// Until when it holds up a request of `demand`: a person goes past a pause, and so does a session where a person was left alone.
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
