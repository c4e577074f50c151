//! One entry of the cache: a credential with its dates, the provider it comes from, and those who follow it.

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
    /// Whether its running command asked us for a credential.
    recursed: bool,
    /// Bumped after every change of state.
    changed: watch::Sender<u64>,
    shown: Shown,
}

/// What leads to an entry.
#[derive(Debug)]
struct Lead {
    /// The source's id.
    source: &'static str,
    /// Where the source is configured.
    at: Option<Location>,
    /// The last binding.
    provider: Arc<dyn CredentialProvider>,
    /// The session that asked last. A refresh in the background first makes sure that it still resolves to this entry;
    /// `None` once it does not.
    session: Option<Arc<SessionContext>>,
    /// Its workspace.
    whose: Whose,
    /// When it was last asked for.
    last_used: SystemTime,
    /// Whether it was lent to a session since it was refreshed ahead last. Streams and views do not count.
    is_used: bool,
}

/// How much an entry was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often it was lent from the cache.
    pub hits: u64,
    /// How often its command was run.
    pub runs: u64,
    /// Reports of a rejected credential that led to a refresh.
    pub rejections: u64,
}

/// What only a person can do for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HumanAction {
    /// Unlock the keyring.
    Unlock,
    /// Sign in.
    SignIn,
    /// Sign in after all: the person who was asked to refused, or did not finish.
    SignInAfterAll,
}

/// What a refresh came back with: the secret in locked memory, or why there is none.
pub(super) type Arrival = Result<(Arc<LockedText>, Provided), Declined>;

/// From where a provider's commands run: the surroundings of the session that it was bound to.
pub(super) fn place_of(provider: &Arc<dyn CredentialProvider>) -> TryOrigin {
    provider.surroundings().map_or(0, Surroundings::digest)
}

// === impl Entry ===

impl Entry {
    /// One with nothing in it.
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

    /// Takes over what another daemon had.
    pub(super) fn restore(&mut self, stock: Stock, (last_used, is_used): (SystemTime, bool), tally: Tally) {
        (self.stock, self.lead.last_used, self.lead.is_used, self.tally) = (stock, last_used, is_used, tally);
    }

    /// What it has.
    pub(super) fn stock(&self) -> &Stock {
        &self.stock
    }

    /// Notes a use.
    pub(super) fn touch(&mut self, wanted: &Wanted<'_>, now: SystemTime) {
        self.lead.last_used = now;
        self.lead.is_used |= wanted.demand == Demand::Session;
        (self.lead.session, self.lead.whose) = (Some(wanted.session.clone()), wanted.winner.whose);
        self.bind(wanted.provider, wanted.winner);
        self.shown.touch();
    }

    /// Takes over a newer binding of the same key. An unchanged session comes with the binding that is here already.
    pub(super) fn bind(&mut self, provider: &Arc<dyn CredentialProvider>, winner: &Winner) {
        if !Arc::ptr_eq(&self.lead.provider, provider) {
            self.lead.provider = provider.clone();
            self.lead.at.clone_from(&winner.bound.at);
        }
    }

    /// Notes that `session` does not lead here any more, unless another has asked since.
    pub(super) fn desert(&mut self, session: &Arc<SessionContext>) {
        if self.session().is_some_and(|last| Arc::ptr_eq(last, session)) {
            self.lead.session = None;
            self.bump();
        }
    }

    /// What to do for a request, given what the provider's files look like.
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

    /// Lends what is there, as one that was served at once.
    pub(super) fn serve(&mut self, key: SourceKey) -> Option<LoanMaterial> {
        self.tally.hits += 1;
        self.stock.loan(key)
    }

    /// Turns a request away with the last failure.
    pub(super) fn reject(&mut self, wanted: &Wanted<'_>, now: SystemTime) -> Problem {
        if wanted.session.interactive {
            self.audience.tell();
        }
        self.stock.rejection(now, wanted.insistence())
    }

    /// The demand of a refresh that is to start for a request: that of a person who insists while a pause holds up all others.
    pub(super) fn demand_of(&self, wanted: &Wanted<'_>, now: SystemTime) -> Demand {
        if self.state().backs_off(now) { wanted.insistence() } else { wanted.demand }
    }

    /// Judges a report of a session that `generation` was rejected.
    pub(super) fn report(&mut self, now: SystemTime, generation: u64) -> Verdict {
        let verdict = self.stock.report(now, generation);
        self.tally.rejections += u64::from(verdict == Verdict::Refresh);
        verdict
    }

    /// Takes back the doubt of a session that has turned out to ask often: the next rejection is not held back for it.
    pub(super) fn withdraw(&mut self, (generation, fetched_at): (u64, SystemTime)) {
        let same = |issue: Issue| (issue.generation, issue.fetched_at) == (generation, fetched_at);
        if self.state().current.is_some_and(|issue| same(issue) && issue.cause == Cause::Rejected) {
            self.stock.withdraw();
        }
    }

    /// Judges the doubt of a session that asked its hook again; `None` if it is about another credential.
    pub(super) fn doubt(
        &mut self,
        now: SystemTime,
        (generation, fetched_at): (u64, SystemTime),
    ) -> Option<Verdict> {
        let same = |issue: Issue| issue.fetched_at == fetched_at;
        self.state().current.is_some_and(same).then(|| self.stock.report(now, generation))
    }
}

// === impl Entry: its audience ===

impl Entry {
    /// A stream of `who` was opened; what it can follow.
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

    /// A stream of `who` has ended. Without any other, the entry counts as idle from now on.
    pub(super) fn close(&mut self, who: Borrower, now: SystemTime) {
        self.audience.closed(who, now);
        self.lead.last_used = now;
        self.shown.touch();
        if self.watchers() == 0 {
            self.bump();
        }
    }

    /// A session in a terminal follows or waits from now on.
    pub(super) fn attend(&mut self) {
        self.audience.attend();
    }

    /// It does no longer.
    pub(super) fn leave(&mut self) {
        self.audience.leave();
    }

    /// Counts changes of state.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Wakes all that follow this entry.
    pub(super) fn bump(&self) {
        self.changed.send_modify(|version| *version += 1);
        self.shown.touch();
    }
}
