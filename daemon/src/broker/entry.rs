//! One entry of the cache: a credential with its dates, its provider, and its followers.

mod refresh;
mod seen;

use super::{
    audience::Audience,
    borrowers::Borrower,
    flights::Flight,
    loan::{LoanMaterial, Wanted},
    slot::{Cause, Decision, Issue, Verdict},
    stock::{Looked, Stock},
    talk::{Progress, Talk},
    validity::Validity,
};
use crate::{
    demand::Demand,
    host::{command::Surroundings, memory::LockedText},
    key::SourceKey,
    resolve::Winner,
    settings::{Refresh, Whose},
    shown::Shown,
    sources::{CredentialProvider, Declined, Provided},
    tried::TryOrigin,
};
use claviger::{
    reason::{Location, Problem},
    session::SessionContext,
};
use std::{collections::VecDeque, sync::Arc, time::SystemTime};
use tokio::sync::{broadcast, watch};

/// One entry.
#[derive(Debug)]
pub struct Entry {
    lead: Lead,
    stock: Stock,
    audience: Audience,
    talk: Talk,
    tally: Tally,
    /// The refresh in progress.
    flight: Option<Flight>,
    /// Whether its running command asked the daemon for a credential.
    recursed: bool,
    /// Incremented after every change of state.
    changed: watch::Sender<u64>,
    shown: Shown,
}

/// The origin of an entry.
#[derive(Debug)]
struct Lead {
    /// The source's id.
    source: &'static str,
    /// Where the source is configured.
    at: Option<Location>,
    /// The most recent binding.
    provider: Arc<dyn CredentialProvider>,
    /// The session that asked last. A background refresh first checks that it still resolves to this entry; `None` once
    /// it does not.
    session: Option<Arc<SessionContext>>,
    /// Its workspace.
    whose: Whose,
    /// When it was last asked for.
    last_used: SystemTime,
    /// Whether it was lent to a session since its last refresh ahead of time. Streams and views do not count.
    is_used: bool,
}

/// Usage of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often it was lent from the cache.
    pub hits: u64,
    /// How often its command ran.
    pub runs: u64,
    /// Reports of a rejected credential that led to a refresh.
    pub rejections: u64,
}

/// An action that only a person can take for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HumanAction {
    /// Unlock the keyring.
    Unlock,
    /// Sign in.
    SignIn,
    /// Sign in after all: the person who was asked refused or did not finish.
    SignInAfterAll,
}

/// Result of a refresh: the secret in locked memory, or the reason for its absence.
pub(super) type Arrival = Result<(Arc<LockedText>, Provided), Declined>;

/// The surroundings of a provider's commands: those of the session that it was bound to.
pub(super) fn place_of(provider: &Arc<dyn CredentialProvider>) -> TryOrigin {
    provider.surroundings().map_or(0, Surroundings::digest)
}

// === impl Entry ===

impl Entry {
    /// An empty entry.
    pub(super) fn new(wanted: &Wanted<'_>, now: SystemTime, shown: Shown) -> Self {
        Self {
            lead: Lead {
                source: wanted.winner.source,
                at: wanted.winner.bound.at.clone(),
                provider: wanted.provider.clone(),
                session: None,
                whose: wanted.winner.whose,
                last_used: now,
                is_used: false,
            },
            stock: Stock::default(),
            audience: Audience::default(),
            talk: Talk::default(),
            tally: Tally::default(),
            flight: None,
            recursed: false,
            changed: watch::Sender::new(0),
            shown,
        }
    }

    /// Takes over state from another daemon.
    pub(super) fn restore(&mut self, stock: Stock, (last_used, is_used): (SystemTime, bool), tally: Tally) {
        (self.stock, self.lead.last_used, self.lead.is_used, self.tally) = (stock, last_used, is_used, tally);
    }

    /// The credential and its state.
    pub(super) fn stock(&self) -> &Stock {
        &self.stock
    }

    /// Records a use.
    pub(super) fn touch(&mut self, wanted: &Wanted<'_>, now: SystemTime) {
        self.lead.last_used = now;
        self.lead.is_used |= wanted.demand == Demand::Session;
        (self.lead.session, self.lead.whose) = (Some(wanted.session.clone()), wanted.winner.whose);
        self.bind(wanted.provider, wanted.winner);
        self.shown.touch();
    }

    /// Takes over a newer binding of the same key. An unchanged session brings the binding that is here already.
    pub(super) fn bind(&mut self, provider: &Arc<dyn CredentialProvider>, winner: &Winner) {
        if !Arc::ptr_eq(&self.lead.provider, provider) {
            self.lead.provider = provider.clone();
            self.lead.at.clone_from(&winner.bound.at);
        }
    }

    /// Records that `session` does not resolve to this entry any more, unless another has asked since.
    pub(super) fn desert(&mut self, session: &Arc<SessionContext>) {
        if self.session().is_some_and(|last| Arc::ptr_eq(last, session)) {
            self.lead.session = None;
            self.bump();
        }
    }

    /// Decides a request, given the current stamp of the provider's files.
    pub(super) fn decide(
        &mut self,
        wanted: &Wanted<'_>,
        (now, looked): (SystemTime, &Looked),
        who: Borrower,
        validity: Validity,
    ) -> Decision {
        if wanted.demand == Demand::Session {
            self.audience.asked(who, now);
        }
        self.stock.compare(&looked.files);
        self.stock.compare_awaited(&looked.awaited);
        let waits = wanted.demand > Demand::Background;
        match self.state().decide(now, validity, wanted.insistence()) {
            Decision::Reject if waits && self.state().may_try(place_of(wanted.provider)) => Decision::Join,
            Decision::ServeAndPrefetch if self.provider().refresh() == Refresh::OnDemand => Decision::Serve,
            decision => decision,
        }
    }

    /// Lends the current credential, and counts a request of a session as answered at once.
    pub(super) fn serve(&mut self, key: SourceKey, demand: Demand) -> Option<LoanMaterial> {
        self.tally.hits += u64::from(demand == Demand::Session);
        self.stock.loan(key)
    }

    /// Refuses a request with the last failure.
    pub(super) fn reject(&mut self, wanted: &Wanted<'_>, now: SystemTime) -> Problem {
        if wanted.session.interactive {
            self.audience.tell();
        }
        self.stock.rejection(now, wanted.insistence())
    }

    /// The demand of a refresh that a request starts: if a person insists during a pause, a person's demand.
    pub(super) fn demand_of(&self, wanted: &Wanted<'_>, now: SystemTime) -> Demand {
        if self.state().backs_off(now) { wanted.insistence() } else { wanted.demand }
    }

    /// Decides about a session's report that `generation` was rejected. While a refresh is under way, whatever for, nothing else is run: so
    /// its result is what the session waits for, however soon after the last rejection, and the next report is not held back for it.
    pub(super) fn report(&mut self, now: SystemTime, generation: u64, had_worked: bool) -> Verdict {
        if self.flight.is_some() && self.stock.reject_during(generation) {
            return Verdict::Refresh;
        }
        let verdict = self.stock.report(now, generation, had_worked);
        self.tally.rejections += u64::from(verdict == Verdict::Refresh);
        verdict
    }

    /// Withdraws the doubt of a session that turned out to ask often: the next rejection is not delayed by it.
    pub(super) fn withdraw(&mut self, (generation, fetched_at): (u64, SystemTime)) {
        let same = |issue: Issue| (issue.generation, issue.fetched_at) == (generation, fetched_at);
        if self.state().current.is_some_and(|issue| same(issue) && issue.cause == Cause::Rejected) {
            self.stock.withdraw();
        }
    }

    /// Decides about a session that asked its hook again; `None` if it is about another credential.
    pub(super) fn doubt(
        &mut self,
        now: SystemTime,
        (generation, fetched_at): (u64, SystemTime),
    ) -> Option<Verdict> {
        let same = |issue: Issue| issue.fetched_at == fetched_at;
        self.state().current.is_some_and(same).then(|| self.stock.report(now, generation, false))
    }
}

// === impl Entry: its audience ===

impl Entry {
    /// A stream of `who` was opened; returns what it follows.
    pub(super) fn open(
        &mut self,
        who: Borrower,
        interactive: bool,
        now: SystemTime,
    ) -> (watch::Receiver<u64>, (VecDeque<Progress>, broadcast::Receiver<Progress>)) {
        self.audience.opened(who, now);
        if interactive {
            self.audience.tell();
        }
        self.shown.touch();
        (self.changed.subscribe(), self.talk.listen())
    }

    /// A stream of `who` has ended. Without another, the entry counts as idle from now on.
    pub(super) fn close(&mut self, who: Borrower, now: SystemTime) {
        self.audience.closed(who, now);
        self.lead.last_used = now;
        self.shown.touch();
        if self.watchers() == 0 {
            self.bump();
        }
    }

    /// A session in a terminal starts to follow or wait.
    pub(super) fn attend(&mut self) {
        self.audience.attend();
    }

    /// It stops.
    pub(super) fn leave(&mut self) {
        self.audience.leave();
    }

    /// Counts changes of state.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Wakes all followers of this entry.
    pub(super) fn bump(&self) {
        self.changed.send_modify(|version| *version += 1);
        self.shown.touch();
    }
}
