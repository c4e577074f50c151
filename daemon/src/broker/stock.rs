//! The credential of one entry, and what became of the last refresh: the pure state of [`super::slot`] with the secret
//! that belongs to it.

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

/// A credential as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// Its dates.
    pub(super) issue: Issue,
    /// The secret.
    pub(super) secret: Arc<LockedText>,
    /// What is known of it.
    pub(super) facts: Arc<Facts>,
}

/// What files look like now.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Those of the provider.
    pub(super) files: Vec<Stamp>,
    /// Those that a failed refresh waits for.
    pub(super) awaited: Vec<Awaited>,
}

/// What an entry has. Dates without a secret never come together with `current`.
#[derive(Debug, Default)]
pub(super) struct Stock {
    state: State,
    /// The secret of `state.current`.
    secret: Option<Arc<LockedText>>,
    /// What became known with the last refresh, good or bad.
    facts: Arc<Facts>,
    /// What the provider's files looked like after the last refresh.
    files: Option<Vec<Stamp>>,
    /// What files looked like after the last refresh failed that may say more by now.
    awaited: Vec<Awaited>,
}

/// A file, and what it looked like.
pub(super) type Awaited = (PathBuf, Stamp);

impl Stock {
    /// What another daemon had.
    pub(super) fn restored(
        state: State,
        secret: Option<Arc<LockedText>>,
        facts: Facts,
        files: Option<Vec<Stamp>>,
    ) -> Self {
        // A state without its secret would be a bug to serve from.
        let current = state.current.filter(|_| secret.is_some());
        let state = State { current, ..state };
        Self { state, secret, facts: facts.into(), files, awaited: Vec::new() }
    }

    /// Dates, failures, generations.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// What became known with the last refresh.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The secret.
    pub(super) fn secret(&self) -> Option<&Arc<LockedText>> {
        self.secret.as_ref()
    }

    /// What the files looked like.
    pub(super) fn files(&self) -> Option<&Vec<Stamp>> {
        self.files.as_ref()
    }

    /// The current credential as a loan.
    pub(super) fn loan(&self, key: SourceKey) -> Option<LoanMaterial> {
        let (issue, secret) = (self.state.current?, self.secret.clone()?);
        let (facts, stale) = (self.facts.clone(), self.state.is_stale());
        Some(LoanMaterial::Cached { key, secret, issue, facts, stale })
    }

    /// The problem of the last refresh, with the time left until `demand` leads to the next attempt.
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

    /// Notes what the files look like. If they changed since the last refresh, its outcome, good or bad, is out of date.
    pub(super) fn compare(&mut self, stamps: &[Stamp]) {
        if self.files.as_ref().is_some_and(|known| known != stamps) {
            self.files = None;
            self.state.outdate();
        }
    }

    /// The files that a failed refresh waits for.
    pub(super) fn awaited(&self) -> Vec<PathBuf> {
        self.awaited.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Notes what they look like. If one changed since the refresh failed, that is out of date; what is still lent is not.
    pub(super) fn compare_awaited(&mut self, now: &[Awaited]) {
        let has_changed = |(path, stamp): &Awaited| {
            self.awaited.iter().any(|(known, before)| known == path && before != stamp)
        };
        if now.iter().any(has_changed) {
            self.awaited.clear();
            self.state.failure = None;
        }
    }

    /// Notes what they look like after a refresh that failed.
    pub(super) fn await_files(&mut self, awaited: Vec<Awaited>) {
        self.awaited = awaited;
    }

    /// Notes what the files look like after a refresh: what it wrote itself is not a change.
    pub(super) fn note_files(&mut self, stamps: Vec<Stamp>) {
        self.files = Some(stamps);
    }

    /// Judges a report that `generation` was rejected, and notes it if a refresh is to follow.
    pub(super) fn report(&mut self, now: SystemTime, generation: u64) -> Verdict {
        let verdict = self.state.judge(now, generation);
        if verdict == Verdict::Refresh {
            self.state.reject(now);
        }
        verdict
    }

    /// Takes back the last report: what came of it is not known to be good or bad.
    pub(super) fn withdraw(&mut self) {
        self.state.hold_reports_until = None;
        self.state.rejections = self.state.rejections.saturating_sub(1);
    }

    /// Takes in what a refresh brought. `is_patient` is whether a secret that is the same as before may be asked for again soon.
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
            .ok_or_else(|| Problem::new(Reason::Bug, "a refresh that worked left no credential"))?;
        Ok(Fetched { issue, secret, facts })
    }

    /// Notes that a refresh from `place` failed, and whether a person had insisted on it.
    pub(super) fn fail(
        &mut self,
        now: SystemTime,
        declined: Declined,
        jitter: f64,
        attempt: (TryOrigin, bool),
    ) {
        if declined.is_over {
            (self.state.current, self.secret) = (None, None);
        }
        let before = self.state.failure.clone();
        self.state.fail(now, declined.problem, declined.asleep, jitter);
        self.state.note_try(now, attempt, before);
        // A credential that is still lent keeps its own.
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
        stock.fail(at(100), failed(), 0.0, (0, false));
        assert_eq!(stock.facts().account.as_deref(), Some("a"));
        stock.fail(at(300), failed(), 0.0, (0, false));
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
        stock.fail(at(290), failed(), 0.0, (0, false));
        stock.await_files(awaited("/"));
        stock.compare_awaited(&awaited("/"));
        assert!(stock.state().failure.is_some());
        stock.compare_awaited(&awaited("/nowhere-at-all"));
        let state = stock.state();
        assert!(state.failure.is_none() && !state.outdated && state.is_valid(at(291)));
        stock.fail(at(292), failed(), 0.0, (0, false));
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
