//! Lends credentials: picks the source, serves from the cache, refreshes once for all waiters.
//!
//! The broker is made of values that own what they guard: `cache`, `flights`, `hooks`, `resolver`, `counters`. Each
//! action has its own file: `serve`, `fly`, `tend`, `watch`, `refresh`, `inherit`, `locked`, `trial`.
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

/// The central state of the daemon.
#[derive(Debug)]
pub struct Broker {
    /// Clock and processes.
    pub host: Host,
    /// Resolves sessions.
    pub resolver: Resolver,
    /// The local store of accounts' secrets.
    pub store: Store,
    /// Totals.
    pub counters: Counters,
    /// When the daemon started.
    pub started_at: SystemTime,
    /// The commands that sign a person in.
    pub auth_refreshes: Arc<AuthRefreshes>,
    /// Notified when the need for a person may have changed.
    pub attention: Notify,
    /// Phase of the daemon.
    pub life: Life,
    cache: Cache,
    hooks: Hooks,
    flights: Flights,
    turns: Turns,
    /// Servers that asked for a pause, for every session.
    busy: BusyServers,
    /// Looks at decisions of other daemons with the same state.
    looks: Looks,
    /// Notified of everything that a status shows.
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

    /// Returns a credential, on these `terms` where possible; waits for a refresh if there is no valid one. `asker` is
    /// the caller, if known.
    ///
    /// # Errors
    /// The typed problem that stopped resolution or refresh, with the source if resolution got that far;
    /// `not-confirmed` before anything is run, if the terms lack a required confirmation.
    pub async fn get(
        self: &Arc<Self>,
        session: &Arc<SessionContext>,
        asker: Asker,
        terms: &Terms,
    ) -> Result<Loan, Denied> {
        // After a confirmation it is still the same request.
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
    /// The typed problem that stopped resolution.
    pub async fn winner(&self, session: &Arc<SessionContext>) -> Result<Arc<Winner>, Problem> {
        self.agree().await?;
        self.refuse_while_locked()?;
        self.resolver.winner(session).await
    }

    /// Settings of a session, with the decision about its workspace.
    ///
    /// # Errors
    /// If the settings cannot be read at all, or the explicit ones are broken.
    pub async fn settings_of(&self, session: &SessionContext) -> Result<Settings, Problem> {
        self.agree().await?;
        self.refuse_while_locked()?;
        self.resolver.settings_of(session).await
    }

    /// The current limits.
    pub fn limits(&self) -> Limits {
        self.resolver.limits()
    }

    /// Replaces the limits. The cache is kept: running commands keep their deadlines, and a cache that is too large
    /// shrinks as new entries come. Returns whether the limits differ.
    pub fn tune(&self, limits: Limits) -> bool {
        let before = self.resolver.tune(limits);
        if before == limits {
            return false;
        }
        self.turns.resize(limits.commands);
        // The idle time of entries may have changed.
        self.each_entry(|_, entry| entry.bump());
        true
    }

    /// Counts the entries. It takes the lock that every request takes.
    pub fn census(&self) -> Census {
        self.cache.census()
    }

    /// Calls `show` with every entry.
    pub fn each_entry(&self, show: impl FnMut(SourceKey, &Entry)) {
        self.cache.each(show);
    }

    /// Calls `show` with one entry, if it exists.
    pub fn entry<T>(&self, key: SourceKey, show: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.cache.with(key, |entry| show(entry))
    }

    /// Changes of what a status shows, from now on.
    pub fn changes(&self) -> Changes {
        self.shown.changes()
    }

    /// Reports a change of what a status shows beside the cache.
    pub fn touch(&self) {
        self.shown.touch();
    }

    /// Resolves when no refresh is in progress.
    pub async fn landed(&self) {
        self.flights.landed().await;
    }
}
