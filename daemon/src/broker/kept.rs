//! What one daemon leaves to the next: the cache with its secrets, and when commands that sign in may run again.
//!
//! It travels in memory only (`host/successor.rs`). Fields are added, never changed: the reader may be of another
//! release, and whatever it cannot read costs a refresh, no more.

mod session;
mod text;

use super::{
    Broker,
    entry::Entry,
    loan::Wanted,
    slot::{Failure, Issue, State},
};
use crate::{
    auth_refresh::Past,
    demand::Demand,
    host::{files::Stamp, memory::LockedText},
    key::SourceKey,
    lock::lock,
    sources::{Facts, Material},
};
use claviger::{
    reason::{Location, Problem, Reason},
    session::SessionContext,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::AtomicU64, atomic::Ordering::Relaxed, atomic::Ordering::SeqCst},
    time::SystemTime,
};
use zeroize::Zeroizing;

/// Everything that is handed over.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    entries: Vec<KeptEntry>,
    sign_ins: Vec<(SourceKey, Past)>,
    /// In the order of [`Broker::totals`], which only grows at its end.
    totals: Vec<u64>,
    /// Whether somebody has locked it. The note on disk may be missing: the disk was full.
    locked: bool,
}

/// Entries of the last daemon that nobody has asked this one for.
#[derive(Debug, Default)]
pub(super) struct Inherited(Mutex<HashMap<SourceKey, KeptEntry>>);

/// One cache entry. Its binding is not kept: whoever asks brings one, and only then is it known that his settings
/// still lead here.
#[derive(Debug, Serialize, Deserialize)]
struct KeptEntry {
    key: SourceKey,
    current: Option<Issue>,
    failure: Option<KeptFailure>,
    rejected: bool,
    outdated: bool,
    hold_reports_until: Option<SystemTime>,
    rejections: u32,
    #[serde(with = "text")]
    secret: Option<Arc<LockedText>>,
    facts: Facts,
    files: Option<Vec<Stamp>>,
    last_used: SystemTime,
    served: u64,
    runs: u64,
    account: Option<String>,
    /// One that brought secrets of its own is not kept: those are not ours to pass on.
    #[serde(with = "session")]
    session: Option<Arc<SessionContext>>,
}

/// A failure in force. The trail of its problem is not kept: it belongs to a session.
#[derive(Debug, Serialize, Deserialize)]
struct KeptFailure {
    reason: String,
    message: String,
    hint: Option<String>,
    /// Layer, file, line and column.
    at: Option<(String, String, u32, u32)>,
    count: u32,
    retry_at: SystemTime,
    asleep: bool,
}

// === impl Kept ===

impl Kept {
    /// Reads what the last daemon wrote.
    ///
    /// # Errors
    /// What is wrong with it; never a part of it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        // serde quotes values of the wrong type.
        serde_json::from_slice(bytes)
            .map_err(|error| format!("it is not readable at byte {}", error.column()))
    }

    /// Writes it for the next daemon.
    ///
    /// # Errors
    /// If there is no room for it.
    pub fn write(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.size()));
        serde_json::to_writer(&mut *bytes, self).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// More bytes than it takes: a buffer that grew would leave copies of secrets behind.
    fn size(&self) -> usize {
        let of = |entry: &KeptEntry| {
            let secret = entry.secret.as_ref().map_or(0, |secret| secret.expose().len());
            let session = entry.session.as_ref().map_or(0, |session| session.to_proto().encoded_len());
            8192 + 6 * secret + 2 * session
        };
        4096 + 256 * self.sign_ins.len() + self.entries.iter().map(of).sum::<usize>()
    }

    /// How many credentials there are.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.secret.is_some()).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// === impl Inherited ===

impl Inherited {
    pub(super) fn clear(&self) -> usize {
        let entries = std::mem::take(&mut *lock(&self.0));
        entries.values().filter(|entry| entry.secret.is_some()).count()
    }

    pub(super) fn drop_account(&self, name: &str) {
        lock(&self.0).retain(|_, entry| entry.account.as_deref() != Some(name));
    }

    /// Gives a new entry of `key` what the last daemon had.
    pub(super) fn restore(&self, key: SourceKey, entry: &mut Entry) {
        if let Some(kept) = lock(&self.0).remove(&key) {
            kept.restore(entry);
        }
    }

    fn sessions(&self) -> Vec<(SourceKey, SystemTime, Arc<SessionContext>)> {
        let of =
            |(key, entry): (&SourceKey, &KeptEntry)| Some((*key, entry.last_used, entry.session.clone()?));
        lock(&self.0).iter().filter_map(of).collect()
    }
}

// === impl KeptEntry ===

impl KeptEntry {
    fn of(key: SourceKey, entry: &Entry) -> Self {
        let State { current, failure, rejected, outdated, hold_reports_until, rejections } =
            entry.state.clone();
        Self {
            key,
            current,
            failure: failure.map(KeptFailure::of),
            rejected,
            outdated,
            hold_reports_until,
            rejections,
            secret: entry.secret.clone(),
            facts: (*entry.facts).clone(),
            files: entry.files.clone(),
            last_used: entry.last_used,
            served: entry.served,
            runs: entry.runs,
            account: entry.provider.account().map(|account| account.name.clone()),
            session: entry.session.clone().filter(|session| session.lent.is_empty()),
        }
    }

    fn restore(self, entry: &mut Entry) {
        let Self { failure, rejected, outdated, hold_reports_until, rejections, secret, .. } = self;
        // A state without its secret would be a bug to serve from.
        let current = self.current.filter(|_| secret.is_some());
        let failure = failure.map(KeptFailure::into_failure);
        entry.state = State { current, failure, rejected, outdated, hold_reports_until, rejections };
        (entry.secret, entry.facts, entry.files) = (secret, self.facts.into(), self.files);
        (entry.last_used, entry.served, entry.runs) = (self.last_used, self.served, self.runs);
    }
}

// === impl KeptFailure ===

impl KeptFailure {
    fn of(failure: Failure) -> Self {
        let Failure { problem, count, retry_at, asleep } = failure;
        let at = problem.location.map(|Location { layer, file, line, column }| (layer, file, line, column));
        let (reason, message, hint) = (problem.reason.as_str().into(), problem.message, problem.hint);
        Self { reason, message, hint, at, count, retry_at, asleep }
    }

    fn into_failure(self) -> Failure {
        let location = |(layer, file, line, column)| Location { layer, file, line, column };
        let reason = Reason::parse(&self.reason).unwrap_or(Reason::SourceUnavailable);
        let problem = Problem {
            hint: self.hint,
            location: self.at.map(location),
            ..Problem::new(reason, self.message)
        };
        Failure { problem, count: self.count, retry_at: self.retry_at, asleep: self.asleep }
    }
}

// === impl Broker ===

impl Broker {
    /// What the next daemon needs, so that no command has to run again.
    pub fn keep(&self) -> Kept {
        let mut entries: Vec<_> = self.lock().iter().map(|(key, entry)| KeptEntry::of(*key, entry)).collect();
        entries.extend(lock(&self.inherited.0).drain().map(|(_, entry)| entry));
        let totals = self.totals().map(|total| total.load(Relaxed)).into();
        let locked = self.is_locked();
        Kept { entries, sign_ins: self.auth_refreshes.keep(), totals, locked }
    }

    /// Takes over what the last daemon had. An entry comes back to life when a session asks for it, and those whose last
    /// session still leads to it at once, so that they go on being refreshed ahead.
    pub fn inherit(self: &Arc<Self>, kept: Kept) {
        self.locked.fetch_or(kept.locked, SeqCst);
        if self.is_locked() {
            return;
        }
        let all = self.totals().into_iter().zip(kept.totals);
        all.for_each(|(total, before)| total.store(before, Relaxed));
        self.auth_refreshes.inherit(kept.sign_ins);
        *lock(&self.inherited.0) = kept.entries.into_iter().map(|entry| (entry.key, entry)).collect();
        for (key, last_used, session) in self.inherited.sessions() {
            let broker = self.clone();
            tokio::spawn(async move { broker.bind_again(key, last_used, &session).await });
        }
        let broker = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(broker.limits().idle).await;
            broker.inherited.clear();
        });
    }

    async fn bind_again(
        self: &Arc<Self>,
        key: SourceKey,
        last_used: SystemTime,
        session: &Arc<SessionContext>,
    ) {
        let Ok(winner) = self.winner(session).await else { return };
        let Material::Provided(provider) = &winner.bound.material else { return };
        if provider.key() != key {
            return;
        }
        let wanted = Wanted { winner: &winner, provider, session, pid: None, demand: Demand::Background };
        let mut entries = self.lock();
        // Whoever has asked meanwhile knows better.
        if !entries.contains_key(&key) {
            drop(self.entry(&mut entries, &wanted, last_used));
        }
    }

    fn totals(&self) -> [&AtomicU64; 8] {
        let counters = &self.counters;
        [
            &counters.requests,
            &counters.hits,
            &counters.waits,
            &counters.errors,
            &counters.runs,
            &counters.rejections,
            &counters.own,
            &counters.refused,
        ]
    }
}
