//! Runs the one refresh in progress of an entry. It belongs to the daemon: the client that caused it may disconnect,
//! and its result, good or bad, goes to all waiters.

use super::{
    Broker,
    counters::Count,
    entry::{Arrival, Entry},
    flights::{Pilot, Seat},
    recursion,
    serve::look,
    slot::Cause,
    stock::{Fetched, Looked},
    talk::Progress,
};
use crate::{
    demand::{Demand, SharedDemand},
    host::memory::LockedText,
    key::SourceKey,
    sources::{Ask, CredentialProvider, Declined, Line, Provided},
};
use claviger::reason::{Problem, Reason, Said};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// Pause before the second attempt of a flight; doubled before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

impl Broker {
    /// Joins the flight of `entry`, or starts one, which is ended when all its waiters have left.
    pub(super) fn fly(
        self: &Arc<Self>,
        entry: &mut Entry,
        key: SourceKey,
        cause: Cause,
        demand: Demand,
    ) -> Seat {
        self.board(entry, key, (cause, demand), SharedDemand::default())
    }

    /// Starts a flight of `entry` without waiters, unless there is one.
    pub(super) fn fly_ahead(self: &Arc<Self>, entry: &mut Entry, key: SourceKey, cause: Cause) {
        drop(self.board(entry, key, (cause, Demand::Background), SharedDemand::ahead()));
    }

    fn board(
        self: &Arc<Self>,
        entry: &mut Entry,
        key: SourceKey,
        (cause, demand): (Cause, Demand),
        waiting: SharedDemand,
    ) -> Seat {
        let (seat, begun) = entry.board(cause, demand, waiting);
        if let Some((pilot, cause)) = begun {
            let (broker, provider) = (self.clone(), entry.provider().clone());
            let flying = self.flights.start();
            tokio::spawn(async move {
                let _flying = flying;
                let outcome = broker.make(key, provider, cause, &pilot).await;
                pilot.announce(outcome);
            });
        }
        seat
    }

    async fn make(
        self: &Arc<Self>,
        key: SourceKey,
        provider: Arc<dyn CredentialProvider>,
        cause: Cause,
        pilot: &Pilot,
    ) -> Result<Fetched, Problem> {
        let started = Instant::now();
        loop {
            let attempts = self.clone().attempts(key, provider.clone(), pilot.demand().clone());
            // A panic in a provider must reach waiters as an error, not leave them waiting.
            let provided = tokio::spawn(attempts).await.unwrap_or_else(|_| Some(Err(panicked())));
            let Some(provided) = provided else {
                match self.abandon(key, pilot.demand()) {
                    Some(problem) => return Err(problem),
                    None => continue,
                }
            };
            let awaited = match &provided {
                Ok(_) => Vec::new(),
                Err(Declined { kept_in, .. }) => {
                    provider.awaited().iter().chain(kept_in.as_deref()).cloned().collect()
                }
            };
            let Looked { files, awaited } = look(&provider, awaited).await;
            if !files.is_empty() || !awaited.is_empty() {
                self.cache.with(key, |entry| {
                    entry.note_files(files);
                    entry.await_files(awaited);
                });
            }
            if let Some(outcome) = self.land(key, provided, started.elapsed(), cause, pilot.demand()) {
                return outcome;
            }
        }
    }

    /// Asks the provider, up to three times where a retry may help. `None` if no session waits any more.
    async fn attempts(
        self: Arc<Self>,
        key: SourceKey,
        provider: Arc<dyn CredentialProvider>,
        demand: SharedDemand,
    ) -> Option<Result<Provided, Declined>> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.attempt(key, &*provider, &demand).await? {
                Err(_) if let Some(problem) = recursion::of(&self, key) => {
                    return Some(Err(problem.into()));
                }
                Err(error) if error.transient && attempt < self.limits().attempts => {
                    sleep(pause.mul_f64(1.0 + 0.2 * fastrand::f64())).await;
                    (pause, attempt) = (pause * 2, attempt + 1);
                }
                outcome => return Some(outcome),
            }
        }
    }

    async fn attempt(
        &self,
        key: SourceKey,
        provider: &dyn CredentialProvider,
        demand: &SharedDemand,
    ) -> Option<Result<Provided, Declined>> {
        let (held, rejected, whose) = self
            .cache
            .with(key, |entry| {
                self.counters.add(entry.source(), Count::Runs);
                entry.run()
            })
            .unwrap_or_default();
        let started = Instant::now();
        let mut on_line = |line: Line| {
            self.cache.with(key, |entry| entry.say(Progress { line, elapsed: started.elapsed() }));
        };
        let recursed = || recursion::of(self, key).is_some();
        let mut ask = Ask {
            recursed: &recursed,
            host: &self.host,
            turns: &self.turns,
            whose,
            auth_refreshes: &self.auth_refreshes,
            busy: &self.busy,
            accounts: &self.resolver.accounts,
            store: &self.store,
            held,
            rejected,
            demand,
            is_abandoned: false,
            said: Said::default(),
            on_line: &mut on_line,
        };
        let provided = provider.provide(&mut ask).await;
        let said = std::mem::take(&mut ask.said);
        let is_abandoned = ask.is_abandoned && provided.is_err();
        let told = |declined: Declined| match said.0.is_empty() {
            // The sign-in command may have printed something.
            true => declined,
            false => Declined { problem: declined.problem.said(said), ..declined },
        };
        (!is_abandoned).then(|| provided.map_err(told))
    }

    /// Ends a refresh without waiters; `None` if one has joined meanwhile.
    fn abandon(&self, key: SourceKey, demand: &SharedDemand) -> Option<Problem> {
        tracing::debug!(%key, "no session waits any more");
        // Sessions join under the same lock, so none is missed.
        let abandon = |entry: &mut Entry| (!demand.is_waited_for()).then(|| entry.abandon());
        self.cache.with(key, abandon).unwrap_or_else(|| Some(self.gone()))
    }

    /// Records the result in the entry. An entry that was dropped meanwhile is not restored. `None` if it must be
    /// repeated: only a person could have helped and none was waiting, but now a session waits.
    fn land(
        &self,
        key: SourceKey,
        provided: Result<Provided, Declined>,
        took: Duration,
        cause: Cause,
        demand: &SharedDemand,
    ) -> Option<Result<Fetched, Problem>> {
        let now = self.host.clock.now();
        let arrival: Arrival =
            provided.and_then(|provided| match LockedText::new(provided.secret.expose()) {
                Ok(text) => Ok((Arc::new(text), provided)),
                Err(_) => Err(no_memory()),
            });
        let landed = self.cache.with(key, |entry| {
            // Sessions join under the same lock, so none is missed.
            let is_missed = demand.get() > Demand::Background;
            match is_missed && arrival.as_ref().is_err_and(|error| error.asleep) {
                true => None,
                false => {
                    self.counters.refreshed(entry.source(), arrival.is_ok(), took);
                    Some(entry.land(key, arrival, (now, took), cause))
                }
            }
        });
        let outcome = landed.unwrap_or_else(|| Some(Err(self.gone())))?;
        self.attention.notify_one();
        Some(outcome)
    }

    /// The problem of a refresh whose entry was dropped meanwhile.
    fn gone(&self) -> Problem {
        self.refuse_while_locked().err().unwrap_or_else(|| {
            Problem::new(Reason::SourceUnavailable, "the credential was dropped during its refresh")
                .hint("try again")
                .retry_after(Duration::ZERO)
        })
    }
}

fn panicked() -> Declined {
    Declined::new(Reason::Bug, "the source panicked")
}

fn no_memory() -> Declined {
    Declined::new(Reason::Limits, "no memory is left for the credential")
}
