//! Lends credentials: picks the source, serves from the cache, refreshes once for everybody.
//!
//! Locking rule: one mutex guards all entries. It is held for lookups and decisions only, never across an `.await`.

mod attended;
pub mod borrowers;
pub mod entry;
pub mod flight;
pub mod hook;
mod inputs;
pub mod kept;
pub mod loan;
mod locked;
pub mod news;
pub mod next;
mod recall;
mod recursion;
pub mod refresh;
mod serve;
pub mod slot;
pub mod tend;
pub mod tune;
pub mod watch;

use crate::{
    accounts::{Accounts, Store},
    auth_refresh::AuthRefreshes,
    config::Limits,
    demand::Demand,
    host::{Host, files},
    key::SourceKey,
    life::Life,
    lock::{Live, lock},
    resolve::{self, Given, Winner},
    settings::{self, Scope, Settings, Snapshot, store::SettingsStore},
    shown::{Changes, Shown},
    sources::{Material, Turns},
    trust::TrustStore,
};
use claviger::{
    reason::Problem,
    session::{SessionContext, SessionMode},
};
use entry::{Entries, Entry};
use kept::Inherited;
use loan::{Counters, Loan, LoanMaterial, Terms, Wanted};
use recall::{Inputs, Recall};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};
use tokio::sync::{
    Notify,
    watch::{Receiver, Sender},
};

/// The heart of the daemon.
#[derive(Debug)]
pub struct Broker {
    /// Clock and processes.
    pub host: Host,
    /// The settings files.
    pub settings: Arc<SettingsStore>,
    /// The trust decisions.
    pub trust: Arc<TrustStore>,
    /// The list of accounts.
    pub accounts: Arc<Accounts>,
    /// Where their secrets are.
    pub store: Store,
    /// Bounds.
    limits: Live<Limits>,
    /// Totals.
    pub counters: Counters,
    /// When the daemon started.
    pub started_at: SystemTime,
    entries: Mutex<Entries>,
    recall: Recall,
    hooks: hook::Sessions,
    turns: Turns,
    /// The commands that sign a person in.
    pub auth_refreshes: Arc<AuthRefreshes>,
    /// Whether nothing is lent.
    locked: AtomicBool,
    /// The file that says so to the next start.
    lock_mark: PathBuf,
    inherited: Inherited,
    /// Told of everything that a status shows.
    shown: Shown,
    /// Poked when a person may be needed, or not any more.
    pub attention: Notify,
    /// Jumps of the clock.
    jumps: Receiver<u64>,
    /// Refreshes in progress.
    flying: Sender<usize>,
    /// What the daemon is doing.
    pub life: Life,
}

// === impl Broker ===

impl Broker {
    /// A broker with nothing in its cache.
    pub fn new(
        host: Host,
        settings: Arc<SettingsStore>,
        trust: Arc<TrustStore>,
        (accounts, store): (Arc<Accounts>, Store),
        limits: Limits,
    ) -> Arc<Self> {
        let (started_at, jumps) = (host.clock.now(), host.clock.jumps());
        let lock_mark = store.directory.join("locked");
        let (counters, entries, recall, hooks, inherited, attention) = Default::default();
        let shown = Shown::default();
        let auth_refreshes = Arc::new(AuthRefreshes::new(shown.clone()));
        Arc::new(Self {
            host,
            settings,
            trust,
            accounts,
            store,
            limits: Live::new(limits),
            counters,
            started_at,
            entries,
            recall,
            hooks,
            turns: Turns::new(limits.commands),
            auth_refreshes,
            locked: AtomicBool::new(!files::stamp(&lock_mark).is_absent()),
            lock_mark,
            inherited,
            shown,
            attention,
            jumps,
            flying: Sender::default(),
            life: Life::default(),
        })
    }

    /// Answers with a credential, on these `terms` where that is possible, waiting for a refresh if there is no valid
    /// one. `pid` is the caller, if known.
    ///
    /// # Errors
    /// The typed problem that stopped the walk or the refresh.
    pub async fn get(
        self: &Arc<Self>,
        session: &Arc<SessionContext>,
        pid: Option<u32>,
        terms: &Terms,
    ) -> Result<Loan, Problem> {
        self.counters.requests.fetch_add(1, Relaxed);
        let loan = self.lend(session, pid, terms, Demand::Session).await;
        if loan.is_err() {
            self.counters.errors.fetch_add(1, Relaxed);
        }
        self.shown.touch();
        loan
    }

    async fn lend(
        self: &Arc<Self>,
        session: &Arc<SessionContext>,
        pid: Option<u32>,
        terms: &Terms,
        demand: Demand,
    ) -> Result<Loan, Problem> {
        let count = |which: &AtomicU64| {
            if demand == Demand::Session {
                which.fetch_add(1, Relaxed);
            }
        };
        let winner = self.winner(session).await.inspect_err(|_| count(&self.counters.refused))?;
        if !matches!(winner.bound.material, Material::Provided(_)) {
            count(&self.counters.own);
        }
        let material = match &winner.bound.material {
            Material::OwnVariable(name) => LoanMaterial::OwnVariable(name),
            Material::Fixed(_) => LoanMaterial::Fixed,
            Material::Provided(provider) => {
                self.serve(&Wanted { winner: &winner, provider, session, pid, demand }, terms).await?
            }
        };
        Ok(Loan { winner, material })
    }

    /// The source that provides a session's credential. Runs nothing.
    ///
    /// # Errors
    /// The typed problem that stopped the walk.
    pub async fn winner(&self, session: &Arc<SessionContext>) -> Result<Arc<Winner>, Problem> {
        self.refuse_while_locked()?;
        let trust = *self.trust.changes().borrow();
        let snapshot = self.settings.snapshot(session).await?;
        let (limits, accounts) = (self.limits(), self.accounts.current());
        let inputs = Inputs { session: session.clone(), snapshot, trust, accounts, limits };
        if let Some(winner) = self.recall.get(&inputs) {
            return Ok(winner);
        }
        let settings = self.judged(session, inputs.snapshot.clone())?;
        let (accounts, limits) = (&*inputs.accounts, &limits);
        let given = Given { session, settings: &settings, accounts, limits };
        let winner = Arc::new(resolve::resolve(&given).winner?);
        self.recall.put(inputs, winner.clone());
        Ok(winner)
    }

    /// Settings of a session, with what has been decided about its workspace.
    ///
    /// # Errors
    /// If the settings cannot be read at all, or the explicit ones are broken.
    pub async fn settings_of(&self, session: &SessionContext) -> Result<Settings, Problem> {
        self.refuse_while_locked()?;
        let snapshot = self.settings.snapshot(session).await?;
        self.judged(session, snapshot)
    }

    fn judged(&self, session: &SessionContext, snapshot: Arc<Snapshot>) -> Result<Settings, Problem> {
        // A managed session ignores whatever is passed, be it broken.
        let explicit = match session.mode {
            SessionMode::Managed => None,
            _ => settings::store::explicit(session)?,
        };
        let decision = self.trust.decision(snapshot.subject.as_ref());
        Ok(Settings { snapshot, explicit, decision, scope: Scope::of(session.mode) })
    }

    /// Changes of what a status shows, from now on.
    pub fn changes(&self) -> Changes {
        self.shown.changes()
    }

    /// Resolves when no refresh is in progress.
    pub async fn landed(&self) {
        drop(self.flying.subscribe().wait_for(|flying| *flying == 0).await);
    }

    /// Calls `show` with every entry.
    pub fn each_entry(&self, mut show: impl FnMut(SourceKey, &Entry)) {
        self.lock().iter().for_each(|(key, entry)| show(*key, entry));
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }
}
