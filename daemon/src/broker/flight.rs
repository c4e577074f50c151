//! The one refresh in progress for an entry. It belongs to the daemon: the client that caused it may leave, and its
//! outcome, success or failure, goes to everyone who waits.

use super::{
    Broker,
    entry::{Entry, Progress},
    slot::{Cause, Issue},
};
use crate::{
    host::memory::LockedText,
    sources::{CredentialProvider, ProvideError, Provided, SourceKey},
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
}

/// Where the outcome of a flight appears; `None` while it is under way.
pub type Outcomes = watch::Receiver<Option<Result<Fetched, Problem>>>;

/// A refresh in progress.
#[derive(Clone, Debug)]
pub struct Flight {
    outcomes: Outcomes,
    /// When it started.
    pub started_at: SystemTime,
}

/// Pause before the second attempt of a flight; doubled before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Waits for the end of a flight.
pub(super) async fn outcome(outcomes: &mut Outcomes) -> Result<Fetched, Problem> {
    match outcomes.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
        Ok(Some(outcome)) => outcome,
        // The sender goes only when the runtime ends.
        _ => Err(super::shutting_down()),
    }
}

impl Broker {
    /// Joins the flight of `entry`, or starts one.
    pub(super) fn fly(self: &Arc<Self>, entry: &mut Entry, key: SourceKey, cause: Cause) -> Outcomes {
        if let Some(flight) = &entry.flight {
            return flight.outcomes.clone();
        }
        let (sender, outcomes) = watch::channel(None);
        entry.flight = Some(Flight { outcomes: outcomes.clone(), started_at: self.host.clock.now() });
        let cause = if entry.state.current.is_none() { Cause::Initial } else { cause };
        let (broker, provider) = (self.clone(), entry.provider.clone());
        tokio::spawn(async move {
            let started = Instant::now();
            let attempts = tokio::spawn(broker.clone().attempts(key, provider));
            // A panic in a provider must reach the waiters as an error, not leave them waiting.
            let provided =
                attempts.await.unwrap_or_else(|_| Err(Problem::new(Reason::Bug, "the source panicked")));
            let outcome = broker.land(key, provided, started.elapsed(), cause);
            sender.send_replace(Some(outcome));
        });
        entry.bump();
        outcomes
    }

    /// Asks the provider, up to three times where trying again may help.
    async fn attempts(
        self: Arc<Self>,
        key: SourceKey,
        provider: Arc<dyn CredentialProvider>,
    ) -> Result<Provided, Problem> {
        let Ok(_permit) = self.commands.acquire().await else { return Err(super::shutting_down()) };
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.attempt(key, &*provider).await {
                Err(_) if let Some(problem) = self.recursion_of(key) => return Err(problem),
                Err(error) if error.transient && attempt < self.limits.attempts => {
                    sleep(pause.mul_f64(1.0 + 0.2 * fastrand::f64())).await;
                    (pause, attempt) = (pause * 2, attempt + 1);
                }
                outcome => return outcome.map_err(|error| error.problem),
            }
        }
    }

    /// Why an attempt failed, if its command came back to us. Trying again would not help.
    fn recursion_of(&self, key: SourceKey) -> Option<Problem> {
        let entries = self.lock();
        entries.get(&key).filter(|entry| entry.recursed).map(|entry| super::recursion(entry.at.as_ref()))
    }

    async fn attempt(
        &self,
        key: SourceKey,
        provider: &dyn CredentialProvider,
    ) -> Result<Provided, ProvideError> {
        self.counters.runs.fetch_add(1, Relaxed);
        if let Some(entry) = self.lock().get_mut(&key) {
            entry.runs += 1;
            entry.recursed = false;
        }
        let started = Instant::now();
        let mut on_line = |line: String| {
            if let Some(entry) = self.lock().get_mut(&key) {
                entry.say(Progress { line: line.into(), elapsed: started.elapsed() });
            }
        };
        provider.provide(&self.host, &mut on_line).await
    }

    /// Notes the outcome in the entry. One that was dropped meanwhile is not brought back.
    fn land(
        &self,
        key: SourceKey,
        provided: Result<Provided, Problem>,
        took: Duration,
        cause: Cause,
    ) -> Result<Fetched, Problem> {
        let now = self.host.clock.now();
        let locked = provided.and_then(|provided| match LockedText::new(provided.secret.expose()) {
            Ok(text) => Ok((Arc::new(text), provided.expires_at)),
            Err(_) => Err(Problem::new(Reason::Limits, "no memory is left for the credential")),
        });
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&key) else { return Err(super::shutting_down()) };
        entry.flight = None;
        entry.recent.clear();
        let outcome = match locked {
            Ok((secret, expires_at)) => {
                report_recovery(key, entry);
                entry.state.succeed(now, expires_at, took, cause, fastrand::f64());
                entry.secret = Some(secret.clone());
                entry.state.current.map(|issue| Fetched { issue, secret }).ok_or_else(super::shutting_down)
            }
            Err(problem) => {
                entry.state.fail(now, problem.clone(), fastrand::f64());
                report_failure(key, entry, &problem);
                Err(problem)
            }
        };
        entry.bump();
        outcome
    }
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
