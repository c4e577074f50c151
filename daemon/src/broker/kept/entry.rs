//! One cache entry for the next daemon.

use super::text;
use crate::{
    broker::{
        entry::{Entry, Tally},
        slot::{Failure, Issue, State},
        stock::Stock,
    },
    host::{files::Stamp, memory::LockedText},
    key::SourceKey,
    session_text,
    sources::Facts,
    tried::Tried,
};
use claviger::{reason::Problem, session::SessionContext};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::SystemTime};

/// One cache entry. Its binding is not kept: each caller brings one, which proves that its settings still lead here.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::broker) struct KeptEntry {
    key: SourceKey,
    current: Option<Issue>,
    failure: Option<KeptFailure>,
    rejected: bool,
    outdated: bool,
    hold_reports_until: Option<SystemTime>,
    rejections: u32,
    #[serde(default)]
    unchanged: u32,
    #[serde(with = "text")]
    secret: Option<Arc<LockedText>>,
    facts: Facts,
    files: Option<Vec<Stamp>>,
    last_used: SystemTime,
    #[serde(default)]
    is_used: bool,
    hits: u64,
    runs: u64,
    account: Option<String>,
    /// An entry with secrets from its session is not kept: they are not ours to pass on.
    #[serde(with = "session_text")]
    session: Option<Arc<SessionContext>>,
}

/// A current failure. The trail of its problem is not kept: it belongs to a session.
#[derive(Debug, Serialize, Deserialize)]
struct KeptFailure {
    problem: Problem,
    count: u32,
    retry_at: SystemTime,
    asleep: bool,
    #[serde(default)]
    tried: Tried,
    #[serde(default)]
    insisted_at: Option<SystemTime>,
}

// === impl KeptEntry ===

impl KeptEntry {
    /// State of an entry for the next daemon.
    pub(in crate::broker) fn of(key: SourceKey, entry: &Entry) -> Self {
        let (stock, tally) = (entry.stock(), entry.tally());
        let State { current, failure, rejected, outdated, hold_reports_until, rejections, unchanged } =
            stock.state().clone();
        Self {
            key,
            current,
            failure: failure.map(KeptFailure::of),
            rejected,
            outdated,
            hold_reports_until,
            rejections,
            unchanged,
            secret: stock.secret().cloned(),
            facts: stock.facts().clone(),
            files: stock.files().cloned(),
            last_used: entry.last_used(),
            is_used: entry.is_used(),
            hits: tally.hits,
            runs: tally.runs,
            account: entry.provider().account().map(|account| account.name.clone()),
            session: entry.session().filter(|session| session.lent.is_empty()).cloned(),
        }
    }

    /// Restores the state of the last daemon in a new entry.
    pub(in crate::broker) fn restore(self, entry: &mut Entry) {
        let Self { current, rejected, outdated, hold_reports_until, rejections, unchanged, .. } = self;
        let failure = self.failure.map(KeptFailure::into_failure);
        let state = State { current, failure, rejected, outdated, hold_reports_until, rejections, unchanged };
        let tally = Tally { hits: self.hits, runs: self.runs, ..Tally::default() };
        let stock = Stock::restored(state, self.secret, self.facts, self.files);
        entry.restore(stock, (self.last_used, self.is_used), tally);
    }

    /// Its identity.
    pub(in crate::broker) fn key(&self) -> SourceKey {
        self.key
    }

    /// Whether it has a credential.
    pub(in crate::broker) fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether it belongs to this account.
    pub(in crate::broker) fn is_of(&self, account: &str) -> bool {
        self.account.as_deref() == Some(account)
    }

    /// The session that asked last, and when.
    pub(in crate::broker) fn last(&self) -> Option<(SystemTime, Arc<SessionContext>)> {
        Some((self.last_used, self.session.clone()?))
    }

    /// More bytes than its text needs.
    pub(super) fn size(&self) -> usize {
        let secret = self.secret.as_ref().map_or(0, |secret| secret.expose().len());
        let session = self.session.as_ref().map_or(0, |session| session.to_proto().encoded_len());
        8192 + 6 * secret + 2 * session
    }
}

// === impl KeptFailure ===

impl KeptFailure {
    fn of(failure: Failure) -> Self {
        let Failure { mut problem, count, retry_at, asleep, tried, insisted_at } = failure;
        problem.trail.clear();
        Self { problem, count, retry_at, asleep, tried, insisted_at }
    }

    fn into_failure(self) -> Failure {
        let Self { problem, count, retry_at, asleep, tried, insisted_at } = self;
        Failure { problem, count, retry_at, asleep, tried, insisted_at }
    }
}
