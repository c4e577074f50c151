//! Lends credentials: picks the source, serves from the cache, refreshes once for all who wait.
//!
//! The broker is made of values that own what they guard: `cache`, `flights`, `hooks`, `resolver`, `counters`.
//! What it does with them has a file for each verb: `serve`, `fly`, `tend`, `watch`, `refresh`, `inherit`, `locked`, `trial`.
//!
//! Locking rule: one mutex guards all entries. It is held for lookups and decisions only, never across an `.await`.

mod agree;
mod attended;
mod audience;
pub mod borrowers;
pub mod cache;
pub mod counters;
pub mod entry;
mod flights;
mod fly;
pub mod hooks;
mod inherit;
pub mod kept;
pub mod loan;
mod lockdown;
mod locked;
mod looks;
pub mod news;
pub mod next;
mod recall;
mod recursion;
pub mod refresh;
pub mod resolver;
mod serve;
pub mod slot;
mod stock;
pub mod talk;
mod tend;
pub mod trial;
pub mod validity;
pub mod watch;

use crate::{
    accounts::{Accounts, Store},
    auth_refresh::AuthRefreshes,
    busy::BusyServers,
    config::Limits,
    cookie::Cookie,
    demand::Demand,
    host::{Host, files::is_remote, process::Asker},
    key::SourceKey,
    life::Life,
    resolve::Winner,
    settings::{Settings, store::SettingsStore},
    shown::{Changes, Shown},
    sources::{Material, Turns},
    trust::TrustStore,
};
use cache::{Cache, Census};
use claviger::{reason::Problem, session::SessionContext};
use counters::{Count, Counters};
use entry::Entry;
use flights::Flights;
use hooks::Hooks;
use loan::{Consent, Denied, Loan, LoanMaterial, Terms, Wanted};
use looks::Looks;
use resolver::Resolver;
use std::{sync::Arc, time::SystemTime};
use tokio::sync::{Notify, watch::Receiver};

/// The heart of the daemon.
#[derive(Debug)]
pub struct Broker {
    /// Clock and processes.
    pub host: Host,
    /// Who wins for a session.
    pub resolver: Resolver,
    /// Where the secrets of accounts are.
    pub store: Store,
    /// Totals.
    pub counters: Counters,
    /// When the daemon started.
    pub started_at: SystemTime,
    /// The commands that sign a person in.
    pub auth_refreshes: Arc<AuthRefreshes>,
    /// Poked when a person may be needed, or not any more.
    pub attention: Notify,
    /// What the daemon is doing.
    pub life: Life,
    cache: Cache,
    hooks: Hooks,
    flights: Flights,
    turns: Turns,
    /// Servers that want to be left alone, by every session.
    busy: BusyServers,
    /// At what other daemons with the same state decide.
    looks: Looks,
    /// Told of everything that a status shows.
    shown: Shown,
    /// Jumps of the clock.
    jumps: Receiver<u64>,
}

// === impl Broker ===

impl Broker {
    /// A broker with nothing in its cache.
    pub fn new(
        host: Host,
        settings: Arc<SettingsStore>,
        trust: Arc<TrustStore>,
        (accounts, store): (Arc<Accounts>, Store),
        (cookie, limits): (Arc<Cookie>, Limits),
    ) -> Arc<Self> {
        let shown = Shown::default();
        Arc::new(Self {
            started_at: host.clock.now(),
            jumps: host.clock.jumps(),
            host,
            resolver: Resolver::new(settings, trust, accounts, (cookie, limits)),
            cache: Cache::new(&store.directory, shown.clone()),
            looks: Looks::new(is_remote(&store.directory)),
            store,
            counters: Counters::default(),
            auth_refreshes: Arc::new(AuthRefreshes::new(shown.clone())),
            attention: Notify::new(),
            life: Life::default(),
            hooks: Hooks::default(),
            flights: Flights::default(),
            turns: Turns::new(limits.commands),
            busy: BusyServers::default(),
            shown,
        })
    }

    /// Answers with a credential, on these `terms` where that is possible, waiting for a refresh if there is no valid
    /// one. `asker` is the caller, if known.
    ///
    /// # Errors
    /// The typed problem that stopped the walk or the refresh, with the source if the walk came so far; `not-confirmed` before
    /// anything is run, if a person has to allow it and the terms do not say so.
    pub async fn get(
        self: &Arc<Self>,
        session: &Arc<SessionContext>,
        asker: Asker,
        terms: &Terms,
    ) -> Result<Loan, Denied> {
        // One that a person was asked about is the same request.
        if terms.consent == Consent::Missing {
            self.counters.add("", Count::Requests);
        }
        let loan = self.lend(session, asker, terms, Demand::Session).await;
        if let Err(denied) = &loan
            && denied.unconfirmed().is_none()
        {
            self.counters.add(denied.winner.as_ref().map_or("", |winner| winner.source), Count::Failed);
        }
        self.shown.touch();
        loan
    }

    async fn lend(
        self: &Arc<Self>,
        session: &Arc<SessionContext>,
        asker: Asker,
        terms: &Terms,
        demand: Demand,
    ) -> Result<Loan, Denied> {
        let count = |source, which| {
            if demand == Demand::Session {
                self.counters.add(source, which);
            }
        };
        let winner = self.winner(session).await.inspect_err(|_| count("", Count::Refused))?;
        terms.admit(&winner, || self.has(&winner)).map_err(Denied::of(&winner))?;
        if !matches!(winner.bound.material, Material::Provided(_)) {
            count(winner.source, Count::Own);
        }
        let material = match &winner.bound.material {
            Material::OwnVariable(name) => LoanMaterial::OwnVariable(name),
            Material::Fixed(_) => LoanMaterial::Fixed,
            Material::Provided(provider) => {
                let wanted = Wanted { winner: &winner, provider, session, asker, demand };
                self.serve(&wanted, terms).await.map_err(Denied::of(&winner))?
            }
        };
        Ok(Loan { winner, material })
    }

    /// Counts a request for a credential of `source` that a person did not allow.
    pub fn count_denied(&self, source: &str) {
        self.counters.add(source, Count::Refused);
        self.counters.add(source, Count::Failed);
        self.shown.touch();
    }

    /// The source that provides a session's credential. Runs nothing.
    ///
    /// # Errors
    /// The typed problem that stopped the walk.
    pub async fn winner(&self, session: &Arc<SessionContext>) -> Result<Arc<Winner>, Problem> {
        self.agree().await?;
        self.refuse_while_locked()?;
        self.resolver.winner(session).await
    }

    /// Settings of a session, with what has been decided about its workspace.
    ///
    /// # Errors
    /// If the settings cannot be read at all, or the explicit ones are broken.
    pub async fn settings_of(&self, session: &SessionContext) -> Result<Settings, Problem> {
        self.agree().await?;
        self.refuse_while_locked()?;
        self.resolver.settings_of(session).await
    }

    /// The bounds that hold now.
    pub fn limits(&self) -> Limits {
        self.resolver.limits()
    }

    /// Has other bounds from now on. Nothing in the cache is dropped for it: commands that run keep their deadlines, and a
    /// cache that is too large shrinks as new entries come. Returns whether they are others.
    pub fn tune(&self, limits: Limits) -> bool {
        let before = self.resolver.tune(limits);
        if before == limits {
            return false;
        }
        self.turns.resize(limits.commands);
        // How long an idle entry is looked after may be another time now.
        self.each_entry(|_, entry| entry.bump());
        true
    }

    /// Counts what is there. It takes the lock that every request takes.
    pub fn census(&self) -> Census {
        self.cache.census()
    }

    /// Calls `show` with every entry.
    pub fn each_entry(&self, show: impl FnMut(SourceKey, &Entry)) {
        self.cache.each(show);
    }

    /// Has `show` look at one entry, if it is there.
    pub fn entry<T>(&self, key: SourceKey, show: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.cache.with(key, |entry| show(entry))
    }

    /// Changes of what a status shows, from now on.
    pub fn changes(&self) -> Changes {
        self.shown.changes()
    }

    /// Resolves when no refresh is in progress.
    pub async fn landed(&self) {
        self.flights.landed().await;
    }
}
