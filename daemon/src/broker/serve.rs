//! Serves from the cache, at once or after a flight.

use super::{
    Broker,
    attended::Attended,
    counters::Count,
    entry::{Entry, place_of},
    flights::{Recheck, Rechecked, Seat},
    hooks::{Call, Hint, HookCall},
    loan::{LoanMaterial, Terms, Wanted},
    recursion,
    slot::{Cause, Decision, Verdict},
    stock::{Fetched, Looked},
    tend,
    validity::Validity,
};
use crate::{
    demand::Demand,
    host::files::{self, Stamp},
    key::SourceKey,
    life::shutting_down,
    pauses::RECHECK_AFTER,
    resolve::Winner,
    sources::CredentialProvider,
    tried::MOST_ORIGINS,
};
use claviger::{
    reason::{Problem, Reason},
    session::SessionContext,
};
use std::{
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, timeout};

/// Answer to a request for a cached credential.
enum Answer {
    /// The credential.
    Now(LoanMaterial),
    /// The result of this flight.
    After(Seat),
}

impl Broker {
    /// A cached credential, on these terms where possible.
    pub(super) async fn serve(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        terms: &Terms,
    ) -> Result<LoanMaterial, Problem> {
        let hint = match &terms.hook {
            // A command that asks the daemon is not a session that doubts its key.
            Some(hook) if hook.session.is_some() && recursion::refuse(self, wanted).is_ok() => {
                let call = self.call(wanted, hook).await;
                let hint = self.hooks.hint(&call);
                self.heed(wanted, hint.0);
                Some((call, hint))
            }
            _ => None,
        };
        let loan = self.lend_cached(wanted, terms.validity(wanted.winner.hook_ttl)).await?;
        if let (Some((call, hint)), LoanMaterial::Cached { issue, .. }) = (hint, &loan) {
            self.hooks.remember(call, hint, issue, self.host.clock.now());
        }
        Ok(loan)
    }

    /// Whether the credential of `winner` is available, or known to be missing, so that an answer needs no fetch.
    pub(super) fn has(&self, winner: &Winner) -> bool {
        let Some(provider) = winner.provider() else { return true };
        let now = self.host.clock.now();
        let decision = |entry: &mut Entry| entry.state().decide(now, Duration::ZERO, Demand::Background);
        self.cache.with(provider.key(), decision).is_some_and(|decision| decision != Decision::Join)
    }

    /// A call of a hook, with facts that could explain it.
    async fn call<'a>(&self, wanted: &Wanted<'_>, hook: &'a HookCall) -> Call<'a> {
        let at = self.host.clock.now();
        let settings = self.settings_of(wanted.session).await;
        let files = settings.iter().flat_map(|settings| settings.files());
        let files = files.map(|file| file.path.clone()).collect();
        Call {
            hook,
            key: wanted.provider.key(),
            backend: wanted.winner.backend,
            at,
            ttl: wanted.winner.hook_ttl,
            files: stamps(files).await,
        }
    }

    /// Acts on what a hook's request implies: one refresh, if the session's last loan is still the current credential
    /// and the last refresh for a rejection is long enough ago.
    fn heed(self: &Arc<Self>, wanted: &Wanted<'_>, hint: Hint) {
        let (now, key) = (self.host.clock.now(), wanted.provider.key());
        match hint {
            Hint::None => {}
            Hint::Withdrawn(generation, fetched_at) => {
                self.cache.with(key, |entry| entry.withdraw((generation, fetched_at)));
            }
            Hint::Doubt(generation, fetched_at) => {
                self.counters.add(wanted.winner.source, Count::Rejections);
                self.cache.with(key, |entry| {
                    let Some(verdict) = entry.doubt(now, (generation, fetched_at)) else { return };
                    tracing::debug!(%key, generation, ?verdict, "a session asked its hook again as after a rejection");
                    if verdict == Verdict::Refresh {
                        drop(self.fly(entry, key, Cause::Rejected, Demand::Session));
                    }
                });
            }
        }
    }

    async fn lend_cached(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        validity: Validity,
    ) -> Result<LoanMaterial, Problem> {
        let key = wanted.provider.key();
        let answer = self.answer(wanted, validity).await;
        // Streams look often, and are not requests.
        if wanted.demand == Demand::Session {
            self.counters.add(wanted.winner.source, count(&answer));
        }
        let mut seat = match answer? {
            Answer::Now(loan) => return Ok(loan),
            Answer::After(seat) => seat,
        };
        let _attended = Attended::waiting(self, key, wanted.session.interactive);
        let own = place_of(wanted.provider);
        let mut tries = 1;
        loop {
            let (place, rechecked) = (seat.place(), seat.rechecked());
            // Boxed: a request that is answered at once should not reserve memory for this.
            let problem = match Box::pin(self.landing(key, seat)).await {
                Ok(loan) => {
                    // Decisions made meanwhile count: a revoked decision, a signed-out account.
                    Box::pin(self.resolve_again(wanted.session, &rechecked)).await?;
                    return Ok(loan);
                }
                Err(problem) => problem,
            };
            // A command that failed elsewhere, for example without a display, may succeed from here.
            if place == own || tries == MOST_ORIGINS || problem.reason == Reason::ShuttingDown {
                return Err(problem);
            }
            match self.answer(wanted, validity).await {
                Ok(Answer::Now(loan)) => return Ok(loan),
                Ok(Answer::After(next)) => seat = next,
                Err(_) => return Err(problem),
            }
            tries += 1;
        }
    }

    async fn answer(self: &Arc<Self>, wanted: &Wanted<'_>, validity: Validity) -> Result<Answer, Problem> {
        recursion::refuse(self, wanted)?;
        let key = wanted.provider.key();
        let awaited = self.cache.with(key, |entry| entry.awaited()).unwrap_or_default();
        let looked = look(wanted.provider, awaited).await;
        let (who, now) = (wanted.borrower(), self.host.clock.now());
        self.open(wanted, now, |entry| match entry.decide(wanted, (now, &looked), who, validity) {
            Decision::Serve => now_of(entry, key, wanted.demand),
            Decision::ServeAndPrefetch => {
                self.fly_ahead(entry, key, Cause::Due);
                now_of(entry, key, wanted.demand)
            }
            Decision::Join => {
                let demand = entry.demand_of(wanted, now);
                Ok(Answer::After(self.fly(entry, key, Cause::Due, demand)))
            }
            Decision::Reject => Err(entry.reject(wanted, now)),
        })?
    }

    /// Applies `act` to the entry of a session, which is created if necessary.
    pub(super) fn open<T>(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        now: SystemTime,
        act: impl FnOnce(&mut Entry) -> T,
    ) -> Result<T, Problem> {
        let (done, is_new) = self.cache.open(wanted, now, self.limits().entries, act)?;
        if is_new {
            tokio::spawn(tend::tend(self.clone(), wanted.provider.key()));
        }
        Ok(done)
    }

    fn still_valid(&self, key: SourceKey) -> Option<LoanMaterial> {
        let now = self.host.clock.now();
        self.cache.with(key, |entry| entry.stock().loan(key).filter(|_| entry.state().is_valid(now)))?
    }

    /// Resolves again. After a flight many waiters wake at once, and their last look at programs is old. So one looks
    /// for all, and others use its result while the look counts.
    async fn resolve_again(
        &self,
        session: &Arc<SessionContext>,
        rechecked: &Rechecked,
    ) -> Result<(), Problem> {
        let first = || async {
            let (session, at) = (session.clone(), Instant::now());
            let outcome = self.winner(&session).await;
            Recheck { session, at, outcome }
        };
        let check = rechecked.get_or_init(first).await;
        self.refuse_while_locked()?;
        let counts = check.at.elapsed() <= RECHECK_AFTER && Arc::ptr_eq(&check.session, session);
        match counts {
            true => check.outcome.as_ref().map(drop).map_err(Clone::clone),
            false => self.winner(session).await.map(drop),
        }
    }

    /// The result of a flight; else the current credential if still valid: a failed or slow refresh is not a reason to
    /// lend nothing.
    async fn landing(&self, key: SourceKey, seat: Seat) -> Result<LoanMaterial, Problem> {
        let now = self.host.clock.now();
        let patience = self.cache.with(key, |entry| entry.state().patience(now)).flatten();
        let mut wait = pin!(self.wait(seat));
        let outcome = match patience {
            None => wait.await,
            Some(patience) => match (timeout(patience, &mut wait).await, self.still_valid(key)) {
                (Ok(outcome), _) => outcome,
                (Err(_), Some(loan)) => return Ok(loan),
                (Err(_), None) => wait.await,
            },
        };
        match outcome {
            Ok(Fetched { issue, secret, facts }) => {
                Ok(LoanMaterial::Cached { key, secret, issue, facts, stale: false })
            }
            Err(problem) => self.still_valid(key).ok_or(problem),
        }
    }

    /// The result of a flight, unless the daemon stops first.
    pub(super) async fn wait(&self, seat: Seat) -> Result<Fetched, Problem> {
        tokio::select! {
            outcome = seat.outcome() => outcome,
            () = self.life.cut_off() => Err(shutting_down()),
        }
    }
}

fn now_of(entry: &mut Entry, key: SourceKey, demand: Demand) -> Result<Answer, Problem> {
    let loan =
        entry.serve(key, demand).ok_or_else(|| Problem::new(Reason::Bug, "a valid entry has no secret"))?;
    Ok(Answer::Now(loan))
}

fn count(answer: &Result<Answer, Problem>) -> Count {
    match answer {
        Ok(Answer::Now(_)) => Count::Hits,
        Ok(Answer::After(_)) => Count::Waits,
        Err(_) => Count::Refused,
    }
}

/// The current stamp of a provider's files. They are not part of its key: they are compared when a session asks, so
/// that an edited profile or a manual sign-in takes effect at once. A home on a network can delay that request, but no
/// other.
pub(super) async fn look(provider: &Arc<dyn CredentialProvider>, awaited: Vec<PathBuf>) -> Looked {
    let mut files = stamps([provider.files(), &awaited].concat()).await;
    let rest = files.split_off(files.len().saturating_sub(awaited.len()));
    Looked { files, awaited: awaited.into_iter().zip(rest).collect() }
}

/// The current stamp of files.
async fn stamps(paths: Vec<PathBuf>) -> Vec<Stamp> {
    if paths.is_empty() {
        return Vec::new();
    }
    let look = move || paths.iter().map(|path| files::stamp(path)).collect();
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}
