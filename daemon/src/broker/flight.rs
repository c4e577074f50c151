//! The one refresh in progress for an entry. It belongs to the daemon: the client that caused it may leave, and its
//! outcome, success or failure, goes to everyone who waits.

use super::{
    Broker,
    entry::{Entry, Progress},
    slot::{Cause, Issue},
};
use crate::{
    demand::{Demand, SharedDemand, Waits},
    host::memory::LockedText,
    key::SourceKey,
    sources::{Ask, CredentialProvider, Facts, Line, ProvideError, Provided},
};
use claviger::reason::{Problem, Reason};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// A credential as it arrived.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its dates.
    pub issue: Issue,
    /// The secret.
    pub secret: Arc<LockedText>,
    /// What is known of it.
    pub facts: Arc<Facts>,
}

/// Where the outcome of a flight appears; `None` while it is under way.
pub type Outcomes = watch::Receiver<Option<Result<Fetched, Problem>>>;

/// A refresh in progress.
#[derive(Clone, Debug)]
pub struct Flight {
    outcomes: Outcomes,
    /// Who waits. A person is troubled only for those who do.
    demand: SharedDemand,
    /// When it started.
    pub started_at: SystemTime,
}

/// A place among those who wait for a flight. Who gives it up does not wait any more.
#[derive(Debug)]
pub(super) struct Seat {
    outcomes: Outcomes,
    _waits: Waits,
}

/// Pause before the second attempt of a flight; doubled before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Counts as a refresh in progress while it lives.
struct Flying(watch::Sender<usize>);

impl Flying {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|flying| *flying += 1);
        Self(count.clone())
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        self.0.send_modify(|flying| *flying -= 1);
    }
}

impl Flight {
    fn seat(&self, demand: Demand) -> Seat {
        Seat { outcomes: self.outcomes.clone(), _waits: self.demand.join(demand) }
    }
}

impl Seat {
    /// Waits for the end of the flight.
    pub(super) async fn outcome(mut self) -> Result<Fetched, Problem> {
        crate::life::announced(&mut self.outcomes).await
    }
}

impl Broker {
    /// Joins the flight of `entry`, or starts one.
    pub(super) fn fly(
        self: &Arc<Self>,
        entry: &mut Entry,
        key: SourceKey,
        cause: Cause,
        demand: Demand,
    ) -> Seat {
        if let Some(flight) = &entry.flight {
            return flight.seat(demand);
        }
        let (sender, outcomes) = watch::channel(None);
        let flight = Flight { outcomes, demand: SharedDemand::default(), started_at: self.host.clock.now() };
        let seat = flight.seat(demand);
        let demand = flight.demand.clone();
        entry.flight = Some(flight);
        let cause = if entry.state.current.is_none() { Cause::Initial } else { cause };
        let (broker, provider) = (self.clone(), entry.provider.clone());
        let flying = Flying::new(&self.flying);
        tokio::spawn(async move {
            let _flying = flying;
            let started = Instant::now();
            let outcome = loop {
                let attempts = tokio::spawn(broker.clone().attempts(key, provider.clone(), demand.clone()));
                // A panic in a provider must reach the waiters as an error, not leave them waiting.
                let provided = attempts.await.unwrap_or_else(|_| Err(panicked()));
                broker.note_files(key, &provider).await;
                if let Some(outcome) = broker.land(key, provided, started.elapsed(), cause, &demand) {
                    break outcome;
                }
            };
            sender.send_replace(Some(outcome));
        });
        entry.bump();
        seat
    }

    /// Asks the provider, up to three times where trying again may help.
    async fn attempts(
        self: Arc<Self>,
        key: SourceKey,
        provider: Arc<dyn CredentialProvider>,
        demand: SharedDemand,
    ) -> Result<Provided, ProvideError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.attempt(key, &*provider, &demand).await {
                Err(_) if let Some(problem) = self.recursion_of(key) => {
                    return Err(ProvideError::lasting(problem));
                }
                Err(error) if error.transient && attempt < self.limits().attempts => {
                    sleep(pause.mul_f64(1.0 + 0.2 * fastrand::f64())).await;
                    (pause, attempt) = (pause * 2, attempt + 1);
                }
                outcome => return outcome,
            }
        }
    }

    /// Why an attempt failed, if its command came back to us. Trying again would not help.
    fn recursion_of(&self, key: SourceKey) -> Option<Problem> {
        let entries = self.lock();
        entries
            .get(&key)
            .filter(|entry| entry.recursed)
            .map(|entry| super::recursion::problem(&*entry.provider, entry.at.as_ref()))
    }

    async fn attempt(
        &self,
        key: SourceKey,
        provider: &dyn CredentialProvider,
        demand: &SharedDemand,
    ) -> Result<Provided, ProvideError> {
        self.counters.runs.fetch_add(1, Relaxed);
        let mut held = None;
        if let Some(entry) = self.lock().get_mut(&key) {
            entry.runs += 1;
            entry.recursed = false;
            held = entry.facts.stored.filter(|_| entry.state.current.is_some());
        }
        let started = Instant::now();
        let mut on_line = |line: Line| {
            if let Some(entry) = self.lock().get_mut(&key) {
                entry.say(Progress { line, elapsed: started.elapsed() });
            }
        };
        let (host, auth_refreshes) = (&self.host, &self.auth_refreshes);
        let turns = &self.turns;
        let (accounts, store) = (&self.accounts, &self.store);
        let mut ask =
            Ask { host, turns, auth_refreshes, accounts, store, held, demand, on_line: &mut on_line };
        provider.provide(&mut ask).await
    }

    /// Notes the outcome in the entry. One that was dropped meanwhile is not brought back. `None` if it has to be tried
    /// again: a person could have helped and was left alone, but by now somebody waits.
    fn land(
        &self,
        key: SourceKey,
        provided: Result<Provided, ProvideError>,
        took: Duration,
        cause: Cause,
        demand: &SharedDemand,
    ) -> Option<Result<Fetched, Problem>> {
        let now = self.host.clock.now();
        let locked = provided.and_then(|provided| match LockedText::new(provided.secret.expose()) {
            Ok(text) => Ok((Arc::new(text), provided)),
            Err(_) => Err(no_memory()),
        });
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&key) else { return Some(Err(self.gone())) };
        // Whoever joins does so under the same lock, so nobody slips through.
        if demand.get() > Demand::Background && locked.as_ref().is_err_and(|error| error.asleep) {
            return None;
        }
        entry.flight = None;
        entry.recent.clear();
        let outcome = match locked {
            Ok((secret, provided)) => {
                report_recovery(key, entry);
                let issued_at = provided.facts.issued_at.unwrap_or(now);
                entry.told = false;
                entry.state.succeed(now, issued_at, provided.expires_at, took, cause, fastrand::f64());
                keep(entry, secret, provided.facts)
            }
            Err(error) => {
                entry.told |= entry.attended > 0;
                entry.state.fail(now, error.problem.clone(), error.asleep, fastrand::f64());
                // A credential that is still lent keeps its own.
                if !entry.state.is_valid(now) {
                    entry.facts = Arc::new(*error.facts);
                }
                report_failure(key, entry, &error.problem);
                Err(error.problem)
            }
        };
        entry.bump();
        self.attention.notify_one();
        Some(outcome)
    }
}

/// What a refresh brought, as the entry has it from now on.
fn keep(entry: &mut Entry, secret: Arc<LockedText>, facts: Facts) -> Result<Fetched, Problem> {
    let facts = Arc::new(facts);
    entry.secret = Some(secret.clone());
    entry.facts = facts.clone();
    let issue = entry.state.current.ok_or_else(crate::life::shutting_down)?;
    Ok(Fetched { issue, secret, facts })
}

impl Broker {
    /// The problem of a refresh whose entry was dropped meanwhile.
    fn gone(&self) -> Problem {
        self.refuse_while_locked().err().unwrap_or_else(|| {
            Problem::new(Reason::SourceUnavailable, "the credential was dropped while it was refreshed")
                .hint("try again")
                .retry_after(Duration::ZERO)
        })
    }
}

fn panicked() -> ProvideError {
    ProvideError::lasting(Problem::new(Reason::Bug, "the source panicked"))
}

fn no_memory() -> ProvideError {
    ProvideError::lasting(Problem::new(Reason::Limits, "no memory is left for the credential"))
}

fn report_failure(key: SourceKey, entry: &Entry, problem: &Problem) {
    let failures = entry.state.failure.as_ref().map_or(0, |failure| failure.count);
    let (source, reason) = (entry.source, problem.reason.as_str());
    // The sentence names file and line; by construction it holds no command and no output.
    match failures {
        1 => tracing::warn!(%key, source, reason, %problem, "refresh failed"),
        _ => tracing::debug!(%key, source, reason, failures, "refresh failed again"),
    }
}

fn report_recovery(key: SourceKey, entry: &Entry) {
    match &entry.state.failure {
        Some(failure) => {
            tracing::info!(%key, source = entry.source, failures = failure.count, "refresh works again")
        }
        None => tracing::debug!(%key, source = entry.source, "refreshed"),
    }
}
