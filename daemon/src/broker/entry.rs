//! One entry of the cache: the pure state of [`super::slot`] with the secret, the provider and whoever follows it.

use super::{
    borrowers::{Borrower, Borrowers},
    flight::Flight,
    loan::{LoanMaterial, Wanted},
    slot::{Failure, State},
};
use crate::{
    host::{files::Stamp, memory::LockedText},
    key::SourceKey,
    resolve::Winner,
    shown::Shown,
    sources::{CredentialProvider, Facts, Line},
};
use claviger::{
    reason::{Location, Problem, Reason},
    session::SessionContext,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::{broadcast, watch};

/// All entries.
pub type Entries = HashMap<SourceKey, Entry>;

/// Lines a watcher may lag behind before it misses some.
const PROGRESS_BACKLOG: usize = 32;

/// A line of a running command.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The line.
    pub line: Line,
    /// How long the command has been running.
    pub elapsed: Duration,
}

/// One entry.
#[derive(Debug)]
pub struct Entry {
    /// The source's id.
    pub source: &'static str,
    /// Where the source is configured.
    pub at: Option<Location>,
    /// Dates, failures, generations.
    pub state: State,
    /// The secret of `state.current`.
    pub secret: Option<Arc<LockedText>>,
    /// What became known with the last refresh, good or bad.
    pub facts: Arc<Facts>,
    /// What the provider's files looked like after the last refresh.
    pub files: Option<Vec<Stamp>>,
    /// The refresh in progress.
    pub flight: Option<Flight>,
    /// When it was last asked for.
    pub last_used: SystemTime,
    /// Open watch streams.
    pub watchers: u32,
    /// Sessions that follow it, or wait for it, in a terminal.
    pub attended: u32,
    /// Whether somebody was told of the last failure in a terminal.
    pub told: bool,
    /// Sessions that borrow it.
    pub borrowers: Borrowers,
    /// Reports of a rejected credential that led to a refresh.
    pub rejections: u64,
    /// How often it was served at once.
    pub served: u64,
    /// How often its command was run.
    pub runs: u64,
    /// Whether its running command asked us for a credential.
    pub recursed: bool,
    /// The last binding.
    pub provider: Arc<dyn CredentialProvider>,
    /// Who asked last. A refresh in the background first makes sure that this session still resolves to this entry;
    /// `None` once it does not.
    pub session: Option<Arc<SessionContext>>,
    /// Bumped after every change of state.
    pub changed: watch::Sender<u64>,
    /// Told of everything that a status shows.
    pub shown: Shown,
    /// What running commands say.
    pub progress: broadcast::Sender<Progress>,
    /// What the running command has said so far, for whoever comes later: a login link is useless to nobody but them.
    pub recent: VecDeque<Progress>,
}

/// What only a person can do for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Unlock the keyring.
    Unlock,
    /// Sign in.
    SignIn,
    /// Sign in after all: whoever was asked to refused, or did not finish.
    SignInAfterAll,
}

impl Entry {
    pub(super) fn new(wanted: &Wanted<'_>, now: SystemTime, shown: Shown) -> Self {
        Self {
            source: wanted.winner.source,
            at: wanted.winner.bound.at.clone(),
            state: State::default(),
            secret: None,
            facts: Arc::default(),
            files: None,
            flight: None,
            last_used: now,
            watchers: 0,
            attended: 0,
            told: false,
            borrowers: Borrowers::default(),
            rejections: 0,
            served: 0,
            runs: 0,
            recursed: false,
            provider: wanted.provider.clone(),
            session: None,
            changed: watch::Sender::new(0),
            shown,
            progress: broadcast::Sender::new(PROGRESS_BACKLOG),
            recent: VecDeque::new(),
        }
    }

    /// Notes a use.
    pub(super) fn touch(&mut self, wanted: &Wanted<'_>, now: SystemTime) {
        self.last_used = now;
        self.session = Some(wanted.session.clone());
        self.bind(wanted.provider, wanted.winner);
        self.shown.touch();
    }

    /// Notes that a stream of `who` was opened, or (`false`) has ended.
    pub(super) fn watch(&mut self, who: Borrower, open: bool, now: SystemTime) {
        if open {
            self.watchers += 1;
            self.borrowers.opened(who, now);
        } else {
            self.watchers = self.watchers.saturating_sub(1);
            self.borrowers.closed(who, now);
            // From now on it counts as idle.
            self.last_used = now;
        }
        self.shown.touch();
    }

    /// Takes over a newer binding of the same key. An unchanged session comes with the binding that is here already.
    pub(super) fn bind(&mut self, provider: &Arc<dyn CredentialProvider>, winner: &Winner) {
        if !Arc::ptr_eq(&self.provider, provider) {
            self.provider = provider.clone();
            self.at.clone_from(&winner.bound.at);
        }
    }

    /// The current generation; 0 if there never was one.
    pub fn generation(&self) -> u64 {
        self.state.current.map_or(0, |issue| issue.generation)
    }

    /// The current credential as a loan.
    pub fn loan(&self, key: SourceKey) -> Option<LoanMaterial> {
        let (issue, secret) = (self.state.current?, self.secret.clone()?);
        let (facts, stale) = (self.facts.clone(), self.state.is_stale());
        Some(LoanMaterial::Cached { key, secret, issue, facts, stale })
    }

    /// The problem of the last refresh, with the time left until the next attempt.
    pub fn rejection(&self, now: SystemTime) -> Problem {
        match &self.state.failure {
            Some(Failure { problem, retry_at, .. }) => {
                problem.clone().retry_after(retry_at.duration_since(now).unwrap_or_default())
            }
            None => Problem::new(Reason::Bug, "an entry without failure was rejected"),
        }
    }

    /// What a person has to do, if the last refresh failed for want of one.
    pub fn remedy(&self) -> Option<Remedy> {
        let failure = self.state.failure.as_ref()?;
        let can_sign_in = self.provider.sign_in().is_some();
        match failure.problem.reason {
            Reason::KeyringLocked => Some(Remedy::Unlock),
            Reason::LoginRequired => Some(Remedy::SignIn),
            _ if failure.asleep => Some(Remedy::SignIn),
            Reason::CommandFailed | Reason::Cancelled | Reason::SourceTimeout if can_sign_in => {
                Some(Remedy::SignInAfterAll)
            }
            _ => None,
        }
    }

    /// Passes on a line of the running command.
    pub fn say(&mut self, progress: Progress) {
        if self.recent.len() >= PROGRESS_BACKLOG {
            self.recent.pop_front();
        }
        self.recent.push_back(progress.clone());
        // Fails when nobody listens.
        drop(self.progress.send(progress));
    }

    /// Tells everyone who follows this entry.
    pub fn bump(&self) {
        self.changed.send_modify(|version| *version += 1);
        self.shown.touch();
    }
}

/// Makes room for one more entry: the one that nobody has used for longest goes.
///
/// # Errors
/// `limits` if every entry is in use.
pub(super) fn make_room(entries: &mut Entries, most: usize) -> Result<(), Problem> {
    if entries.len() < most {
        return Ok(());
    }
    let unused = entries.iter().filter(|(_, entry)| entry.flight.is_none() && entry.watchers == 0);
    let Some(oldest) = unused.min_by_key(|(_, entry)| entry.last_used).map(|(key, _)| *key) else {
        return Err(Problem::new(Reason::Limits, format!("all {most} cache entries are in use"))
            .hint("end some sessions, or raise max_slots in ~/.config/claviger/config.toml"));
    };
    if let Some(entry) = entries.remove(&oldest) {
        entry.bump();
    }
    Ok(())
}
