//! The credential of one entry, and the result of its last refresh: the pure state of [`super::slot`] with its secret.

use super::{
    loan::LoanMaterial,
    slot::{Cause, Issue, State, Verdict},
};
use crate::{
    demand::Demand,
    host::{files::Stamp, memory::LockedText},
    key::SourceKey,
    sources::{Declined, Facts, Provided},
    tried::TryOrigin,
};
use claviger::reason::{Problem, Reason};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A new credential.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// Its dates.
    pub(super) issue: Issue,
    /// The secret.
    pub(super) secret: Arc<LockedText>,
    /// Details found with it.
    pub(super) facts: Arc<Facts>,
}

/// Current stamps of files.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Those of the provider.
    pub(super) files: Vec<Stamp>,
    /// Those that could resolve a failed refresh.
    pub(super) awaited: Vec<Awaited>,
}

/// Content of an entry. Dates and secret are always set together.
#[derive(Debug, Default)]
pub(super) struct Stock {
    state: State,
    /// The secret of `state.current`.
    secret: Option<Arc<LockedText>>,
    /// Details found by the last refresh, successful or not.
    facts: Arc<Facts>,
    /// Stamps of the provider's files after the last refresh.
    files: Option<Vec<Stamp>>,
    /// Stamps, after the last refresh failed, of files whose change could resolve it.
    awaited: Vec<Awaited>,
}

/// A file and its stamp.
pub(super) type Awaited = (PathBuf, Stamp);

impl Stock {
    /// Restores the state of another daemon.
    pub(super) fn restored(
        state: State,
        secret: Option<Arc<LockedText>>,
        facts: Facts,
        files: Option<Vec<Stamp>>,
    ) -> Self {
        // Serving a state without its secret would be a bug.
        let current = state.current.filter(|_| secret.is_some());
        let state = State { current, ..state };
        Self { state, secret, facts: facts.into(), files, awaited: Vec::new() }
    }

    /// Dates, failures, generations.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Details found by the last refresh.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The secret.
    pub(super) fn secret(&self) -> Option<&Arc<LockedText>> {
        self.secret.as_ref()
    }

    /// The stamps of the files.
    pub(super) fn files(&self) -> Option<&Vec<Stamp>> {
        self.files.as_ref()
    }

    /// The current credential as a loan.
    pub(super) fn loan(&self, key: SourceKey) -> Option<LoanMaterial> {
        let (issue, secret) = (self.state.current?, self.secret.clone()?);
        let (facts, stale) = (self.facts.clone(), self.state.is_stale());
        Some(LoanMaterial::Cached { key, secret, issue, facts, stale })
    }

    /// The problem of the last refresh, with the time until `demand` leads to the next attempt.
    pub(super) fn rejection(&self, now: SystemTime, demand: Demand) -> Problem {
        match &self.state.failure {
            Some(failure) => {
                let left = failure.holds_until(now, demand).duration_since(now).unwrap_or_default();
                failure.problem.clone().retry_after(left)
            }
            None => Problem::new(Reason::Bug, "an entry without failure was rejected"),
        }
    }

    /// Generation of the stored record whose secret is in use.
    pub(super) fn held(&self) -> Option<u64> {
        self.facts.stored.filter(|_| self.state.current.is_some())
    }

    /// Records stamps of the files. If they changed since the last refresh, its result, good or bad, is outdated.
    pub(super) fn compare(&mut self, stamps: &[Stamp]) {
        if self.files.as_ref().is_some_and(|known| known != stamps) {
            self.files = None;
            self.state.outdate();
        }
    }

    /// The files whose change could resolve a failed refresh.
    pub(super) fn awaited(&self) -> Vec<PathBuf> {
        self.awaited.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Records their stamps. If one changed since the refresh failed, the failure is outdated; the current credential
    /// is not.
    pub(super) fn compare_awaited(&mut self, now: &[Awaited]) {
        let has_changed = |(path, stamp): &Awaited| {
            self.awaited.iter().any(|(known, before)| known == path && before != stamp)
        };
        if now.iter().any(has_changed) {
            self.awaited.clear();
            self.state.failure = None;
        }
    }

    /// Records their stamps after a failed refresh.
    pub(super) fn await_files(&mut self, awaited: Vec<Awaited>) {
        self.awaited = awaited;
    }

    /// Records stamps of the files after a refresh: its own writes are not a change.
    pub(super) fn note_files(&mut self, stamps: Vec<Stamp>) {
        self.files = Some(stamps);
    }

    /// Decides about a report that `generation` was rejected, after it `had_worked` or not, and records it if a refresh follows.
    pub(super) fn report(&mut self, now: SystemTime, generation: u64, had_worked: bool) -> Verdict {
        let verdict = self.state.judge(now, generation, had_worked);
        if verdict == Verdict::Refresh {
            self.state.reject(now, had_worked);
        }
        verdict
    }

    /// Records that `generation` was rejected while a refresh is under way; `false` if it is not the current one.
    pub(super) fn reject_during(&mut self, generation: u64) -> bool {
        let is_current = self.state.current.is_some_and(|issue| [0, issue.generation].contains(&generation));
        self.state.rejected |= is_current;
        is_current
    }

    /// Withdraws the last report: its result is unknown.
    pub(super) fn withdraw(&mut self) {
        self.state.hold_reports_until = None;
        self.state.rejections = self.state.rejections.saturating_sub(1);
    }

    /// Takes in the result of a refresh. `is_patient` is whether an unchanged secret may soon be asked for again.
    pub(super) fn succeed(
        &mut self,
        now: SystemTime,
        (secret, provided): (Arc<LockedText>, Provided),
        took: Duration,
        cause: Cause,
        (is_patient, jitter): (bool, f64),
    ) -> Result<Fetched, Problem> {
        let issued_at = provided.facts.issued_at.unwrap_or(now);
        let is_same = self.secret.as_ref().is_some_and(|known| known.expose() == secret.expose());
        self.state.succeed(now, issued_at, provided.expires_at, took, cause, jitter);
        match is_same {
            true if is_patient => self.state.note_same(now),
            true => {}
            false => self.state.unchanged = 0,
        }
        let facts = Arc::new(provided.facts);
        self.awaited.clear();
        (self.secret, self.facts) = (Some(secret.clone()), facts.clone());
        let issue = self
            .state
            .current
            .ok_or_else(|| Problem::new(Reason::Bug, "a successful refresh left no credential"))?;
        Ok(Fetched { issue, secret, facts })
    }

    /// Records that a refresh from `place` failed, and whether a person insisted on it.
    pub(super) fn fail(
        &mut self,
        (now, took): (SystemTime, Duration),
        declined: Declined,
        jitter: f64,
        attempt: (TryOrigin, bool),
    ) {
        if declined.is_over {
            (self.state.current, self.secret) = (None, None);
        }
        let before = self.state.failure.clone();
        self.state.fail((now, took), declined.problem, declined.asleep, jitter);
        self.state.note_try(now, attempt, before);
        // The current credential keeps its own.
        if !self.state.is_valid(now) {
            self.facts = Arc::new(Facts { links: declined.links, ..Facts::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Stock};
    use crate::{
        broker::slot::Cause,
        host::memory::LockedText,
        key::SourceKey,
        sources::{Declined, Facts, Link, Outcome, Provided},
    };
    use claviger::{reason::Reason, secret::Secret};
    use std::{
        sync::Arc,
        time::{Duration, SystemTime},
    };

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + SECOND * 1_000_000 + Duration::from_secs(seconds)
    }

    fn provided(account: &str) -> Provided {
        let facts = Facts { account: Some(account.into()), stored: Some(7), ..Facts::default() };
        Provided { secret: Secret::new("s".into()), expires_at: Some(at(300)), facts }
    }

    fn stocked() -> Stock {
        let mut stock = Stock::default();
        let secret = Arc::new(LockedText::new("s").expect("memory"));
        stock
            .succeed(at(0), (secret, provided("a")), SECOND, Cause::Initial, (true, 0.0))
            .expect("a credential");
        stock
    }

    fn failed() -> Declined {
        let link = Link { name: "b".into(), outcome: Outcome::Refused, why: "x".into() };
        Declined { links: vec![link], ..Declined::new(Reason::CommandFailed, "x") }
    }

    #[test]
    fn a_valid_credential_keeps_its_facts_while_refreshes_fail() {
        let mut stock = stocked();
        stock.fail((at(100), Duration::ZERO), failed(), 0.0, (0, false));
        assert_eq!(stock.facts().account.as_deref(), Some("a"));
        stock.fail((at(300), Duration::ZERO), failed(), 0.0, (0, false));
        assert_eq!((stock.facts().account.as_deref(), stock.facts().links.len()), (None, 1));
    }

    #[test]
    fn dates_without_a_secret_are_not_lent() {
        let state = stocked().state().clone();
        let restored = Stock::restored(State { ..state }, None, Facts::default(), None);
        assert!(restored.loan(SourceKey::of("x", ["y"])).is_none() && restored.state().current.is_none());
        assert_eq!(restored.held(), None);
        assert_eq!(stocked().held(), Some(7));
    }

    #[test]
    fn a_file_that_changed_ends_a_pause_and_nothing_else() {
        let awaited = |path: &str| vec![("/f".into(), crate::host::files::stamp(std::path::Path::new(path)))];
        let mut stock = stocked();
        stock.fail((at(290), Duration::ZERO), failed(), 0.0, (0, false));
        stock.await_files(awaited("/"));
        stock.compare_awaited(&awaited("/"));
        assert!(stock.state().failure.is_some());
        stock.compare_awaited(&awaited("/nowhere-at-all"));
        let state = stock.state();
        assert!(state.failure.is_none() && !state.outdated && state.is_valid(at(291)));
        stock.fail((at(292), Duration::ZERO), failed(), 0.0, (0, false));
        stock.compare_awaited(&awaited("/nowhere-at-all"));
        assert!(stock.state().failure.is_some(), "it is not known what it looked like");
    }

    #[test]
    fn files_that_changed_put_the_outcome_out_of_date_once() {
        let stamps = |path: &str| vec![crate::host::files::stamp(std::path::Path::new(path))];
        let (one, other) = (stamps("/"), stamps("/nowhere-at-all"));
        let mut stock = stocked();
        stock.compare(&one);
        assert!(!stock.state().outdated, "not known before");
        stock.note_files(one.clone());
        stock.compare(&one);
        assert!(!stock.state().outdated);
        stock.compare(&other);
        assert!(stock.state().outdated);
    }
}
