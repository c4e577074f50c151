//! Serves from the cache: at once, or whatever a flight brings.

use super::{
    Broker,
    borrowers::Borrower,
    entry::{self, Entries, Entry},
    flight::{self, Fetched},
    inputs,
    loan::{Counters, LoanMaterial, Terms, Wanted},
    slot::{Cause, Decision, Validity},
    tend,
};
use crate::{demand::Demand, host::files::Stamp, key::SourceKey};
use claviger::reason::{Problem, Reason};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};

/// What a request for a cached credential gets.
enum Answer {
    /// The credential.
    Now(LoanMaterial),
    /// Whatever this flight brings.
    After(flight::Seat),
}

impl Broker {
    /// A cached credential, on these terms where that is possible.
    pub(super) async fn serve(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        terms: &Terms,
    ) -> Result<LoanMaterial, Problem> {
        let asked_at = self.host.clock.now();
        // A command that comes back to us is no session that doubts its key.
        let is_session = || self.refuse_recursion(wanted).is_ok();
        let doubted = terms.hook.as_ref().is_some_and(|hook| is_session() && self.heed(wanted, hook));
        let loan = self.lend_cached(wanted, terms.validity(wanted.winner.hook_ttl)).await?;
        if let Some(hook) = &terms.hook {
            self.remember(hook, &loan, asked_at, doubted);
        }
        Ok(loan)
    }

    async fn lend_cached(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        validity: Validity,
    ) -> Result<LoanMaterial, Problem> {
        let key = wanted.provider.key();
        let answer = self.answer(wanted, validity).await;
        // Streams look often, and are no requests.
        if wanted.demand == Demand::Session {
            self.counters.count(&answer);
        }
        let flight = match answer? {
            Answer::Now(loan) => return Ok(loan),
            Answer::After(flight) => flight,
        };
        let _attended = self.attend(key, wanted.session.interactive);
        let outcome = self.wait(flight).await;
        match outcome {
            Ok(Fetched { issue, secret, facts }) => {
                Ok(LoanMaterial::Cached { key, secret, issue, facts, stale: false })
            }
            Err(problem) => self.still_valid(key).ok_or(problem),
        }
    }

    async fn answer(self: &Arc<Self>, wanted: &Wanted<'_>, validity: Validity) -> Result<Answer, Problem> {
        self.refuse_recursion(wanted)?;
        let files = inputs::look(wanted.provider).await;
        let who = wanted.borrower();
        self.decide(wanted, who, validity, &files)
    }

    /// Serves at once, or says which flight to wait for.
    fn decide(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        who: Borrower,
        validity: Validity,
        files: &[Stamp],
    ) -> Result<Answer, Problem> {
        let now = self.host.clock.now();
        let key = wanted.provider.key();
        let mut entries = self.lock();
        let entry = self.entry(&mut entries, wanted, now)?;
        if wanted.demand == Demand::Session {
            entry.borrowers.asked(who, now);
        }
        entry.compare(files);
        match entry.state.decide(now, validity, wanted.demand > Demand::Background) {
            Decision::Serve => {}
            Decision::ServeAndPrefetch => drop(self.fly(entry, key, Cause::Due, Demand::Background)),
            Decision::Join => return Ok(Answer::After(self.fly(entry, key, Cause::Due, wanted.demand))),
            Decision::Reject => {
                entry.told |= wanted.session.interactive;
                return Err(entry.rejection(now));
            }
        }
        entry.served += 1;
        let loan = entry.loan(key).ok_or_else(|| Problem::new(Reason::Bug, "a valid entry has no secret"))?;
        Ok(Answer::Now(loan))
    }

    /// The entry of a key, made if there is none.
    pub(super) fn entry<'a>(
        self: &Arc<Self>,
        entries: &'a mut Entries,
        wanted: &Wanted<'_>,
        now: SystemTime,
    ) -> Result<&'a mut Entry, Problem> {
        // Again, now that nothing can come between: secrets are dropped under the same lock.
        self.refuse_while_locked()?;
        let key = wanted.provider.key();
        if !entries.contains_key(&key) {
            entry::make_room(entries, self.limits().slots)?;
            let mut entry = Entry::new(wanted, now, self.shown.clone());
            self.inherited.restore(key, &mut entry);
            entries.insert(key, entry);
            tokio::spawn(tend::tend(self.clone(), key));
        }
        let entry = entries.get_mut(&key).ok_or_else(|| Problem::new(Reason::Bug, "a new entry is gone"))?;
        entry.touch(wanted, now);
        Ok(entry)
    }

    fn still_valid(&self, key: SourceKey) -> Option<LoanMaterial> {
        let now = self.host.clock.now();
        self.lock().get(&key).filter(|entry| entry.state.is_valid(now)).and_then(|entry| entry.loan(key))
    }

    /// What a flight brings, unless the daemon stops first.
    pub(super) async fn wait(&self, seat: flight::Seat) -> Result<Fetched, Problem> {
        tokio::select! {
            outcome = seat.outcome() => outcome,
            () = self.life.cut_off() => Err(crate::life::shutting_down()),
        }
    }
}

impl Counters {
    fn count(&self, answer: &Result<Answer, Problem>) {
        let which = match answer {
            Ok(Answer::Now(_)) => &self.hits,
            Ok(Answer::After(_)) => &self.waits,
            Err(_) => &self.refused,
        };
        which.fetch_add(1, Relaxed);
    }
}
