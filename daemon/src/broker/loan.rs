//! What the broker lends, what a session wants of it, and how much of that there was.

use super::slot::Issue;
use crate::{
    host::memory::LockedText,
    resolve::Winner,
    sources::{CredentialProvider, SourceKey},
};
use claviger::session::SessionContext;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64},
};

/// A credential on loan.
#[derive(Debug)]
pub struct Loan {
    /// The source, where it is configured, and what goes along.
    pub winner: Arc<Winner>,
    /// Where the secret is.
    pub material: LoanMaterial,
}

/// Where the secret of a loan is.
#[derive(Debug)]
pub enum LoanMaterial {
    /// In the session's own environment.
    OwnVariable(&'static str),
    /// In a settings file; the winner has it.
    Fixed,
    /// In the cache.
    Cached {
        /// The entry.
        key: SourceKey,
        /// The secret.
        secret: Arc<LockedText>,
        /// Its dates.
        issue: Issue,
        /// Whether its refresh failed or the API rejected it.
        stale: bool,
    },
}

/// What a session wants from the cache.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub(super) winner: &'a Winner,
    pub(super) provider: &'a Arc<dyn CredentialProvider>,
    pub(super) session: &'a Arc<SessionContext>,
    pub(super) pid: Option<u32>,
}

/// Totals since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests for a credential.
    pub requests: AtomicU64,
    /// Of these, answered at once.
    pub hits: AtomicU64,
    /// Of these, waited for a refresh.
    pub waits: AtomicU64,
    /// Of these, ended with a problem.
    pub errors: AtomicU64,
    /// Commands run.
    pub runs: AtomicU64,
    /// Reports of rejected credentials.
    pub rejections: AtomicU64,
    /// Open watch streams.
    pub watchers: AtomicU32,
}
