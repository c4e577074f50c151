//! The runs of `awsAuthRefresh` and `gcpAuthRefresh`: one for all sessions that need the same command. The pause
//! between runs grows while they do not help. `claviger pending` shows a run, and `claviger pending --cancel` cancels
//! it.
//!
//! A run belongs to the daemon. Refreshes of several cache entries may wait for it, and any number of sessions for each.

mod hearing;
mod record;
mod sign_in;

use crate::{
    demand::Demand,
    host::{Host, command},
    key::SourceKey,
    live::lock,
    shown::Shown,
};
use claviger::reason::{Location, Problem, Reason, Said};
pub use hearing::Heard;
use hearing::Hearing;
pub use record::Past;
use record::{cancelled, failed};
pub use sign_in::{SignIn, Wanted};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::sleep,
};

/// Number of lines kept for later callers; a slow reader may lag behind by as many.
const BACKLOG: usize = 64;
/// Time limit for a command to end by itself when no session needs it any more.
const LEFT: Duration = Duration::from_secs(10);
/// Most commands whose last run is remembered.
const MOST: usize = 256;

/// All runs and the times of the last ones; and the followers to notify when one starts or ends.
#[derive(Debug, Default)]
pub struct AuthRefreshes {
    records: Mutex<HashMap<SourceKey, Record>>,
    shown: Shown,
    changed: Notify,
}

/// State of one command.
#[derive(Debug, Default)]
struct Record {
    running: Option<Running>,
    past: Past,
    /// The files that waiters of its last run looked at.
    files: Vec<PathBuf>,
    /// The last lines of its last run, if it failed: later callers need them as well.
    said: Said,
}

/// A run in progress.
#[derive(Clone, Debug)]
struct Running {
    name: &'static str,
    at: Location,
    started_at: SystemTime,
    deadline: Duration,
    waiting: u32,
    recent: Vec<Arc<str>>,
    lines: broadcast::Sender<Arc<str>>,
    outcome: watch::Receiver<Option<Result<(), Problem>>>,
    cancel: Arc<Notify>,
    needless: Arc<Notify>,
}

/// A run as `claviger pending` shows it.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Identity of the run.
    pub key: SourceKey,
    /// Settings key of the command.
    pub name: &'static str,
    /// Where it is configured.
    pub at: Location,
    /// When it started.
    pub started_at: SystemTime,
    /// When it times out.
    pub deadline: SystemTime,
    /// Number of refreshes that wait for it.
    pub waiting: u32,
    /// Its output so far.
    pub lines: Vec<Arc<str>>,
}

/// A waiter for a run.
pub struct Waiter {
    runs: Arc<AuthRefreshes>,
    key: SourceKey,
    started_at: SystemTime,
    hearing: Hearing,
}

// === impl AuthRefreshes ===

impl AuthRefreshes {
    /// None yet; `shown` is notified of every change.
    pub fn new(shown: Shown) -> Self {
        Self { records: Mutex::default(), shown, changed: Notify::new() }
    }

    /// Runs the command, or joins the run in progress. If a run succeeded after the credentials were looked at, nothing
    /// is run: the credentials only have to be read again. The same holds for another command that signs in to the same
    /// file.
    ///
    /// # Errors
    /// `login-required` during a pause after earlier runs.
    pub fn join(self: &Arc<Self>, host: &Host, wanted: &Wanted<'_>) -> Result<Option<Waiter>, Problem> {
        let (sign_in, now) = (wanted.sign_in, host.clock.now());
        let mut records = lock(&self.records);
        let file = wanted.kept_in.map(Path::to_owned);
        let serves = |record: &Record| {
            let is_as_good = record.running.is_some() || record.past.ended_well_between(wanted.since, now);
            is_as_good && file.as_ref().is_some_and(|file| record.files.contains(file))
        };
        let key = records.iter().find(|(_, record)| serves(record)).map_or(sign_in.key, |(key, _)| *key);
        if records.len() >= MOST && !records.contains_key(&key) {
            // Forgets pauses, never runs.
            records.retain(|_, record| record.running.is_some());
        }
        let record = records.entry(key).or_default();
        if record.running.is_none() {
            if record.past.ended_well_between(wanted.since, now) {
                return Ok(None);
            }
            record.files.clear();
            if wanted.demand.get() < Demand::Person {
                let place = sign_in.spec.surroundings.digest();
                let paused = record.past.pause(sign_in.name, &sign_in.at, now, place);
                paused.map_err(|problem| problem.said(record.said.clone()))?;
            }
            record.said = Said::default();
            record.running = Some(self.start(sign_in, host, now));
        }
        let Some(running) = &mut record.running else {
            return Err(Problem::new(Reason::Bug, "a run that was just started is gone"));
        };
        running.waiting += 1;
        record.files.extend(file);
        self.shown.touch();
        Ok(Some(Waiter {
            runs: self.clone(),
            key,
            started_at: running.started_at,
            hearing: Hearing::of(&running.recent, running.lines.subscribe(), running.outcome.clone()),
        }))
    }

    /// Starts the command in its own task.
    fn start(self: &Arc<Self>, sign_in: &SignIn, host: &Host, now: SystemTime) -> Running {
        let (sender, outcome) = watch::channel(None);
        let (cancel, needless) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let running = Running {
            name: sign_in.name,
            at: sign_in.at.clone(),
            started_at: now,
            deadline: sign_in.spec.deadline,
            waiting: 0,
            recent: Vec::new(),
            lines: broadcast::Sender::new(BACKLOG),
            outcome,
            cancel: cancel.clone(),
            needless: needless.clone(),
        };
        let (runs, host, spec) = (self.clone(), host.clone(), sign_in.spec.clone());
        let (key, name, at) = (sign_in.key, sign_in.name, sign_in.at.clone());
        tracing::info!(%key, name, %at, "signing in");
        self.changed.notify_one();
        tokio::spawn(async move {
            let outcome = tokio::select! {
                (ended, said) = command::run_saying(&host, &spec, |line| runs.say(key, line.into())) => match ended {
                    Ok(_) => Ok(()),
                    Err(error) => Err(failed(name, &at, &error).said(said)),
                },
                () = cancel.notified() => Err(cancelled(name, &at)),
                () = needless.notified() => Ok(()),
            };
            tracing::info!(%key, name, ok = outcome.is_ok(), "signing in ended");
            runs.land(key, host.clock.now(), &outcome, spec.surroundings.digest());
            sender.send_replace(Some(outcome));
        });
        running
    }

    fn say(&self, key: SourceKey, line: Arc<str>) {
        if let Some(running) = lock(&self.records).get_mut(&key).and_then(|record| record.running.as_mut()) {
            if running.recent.len() >= BACKLOG {
                running.recent.remove(0);
            }
            running.recent.push(line.clone());
            // Fails if there is no listener.
            drop(running.lines.send(line));
            self.shown.touch();
        }
    }

    fn land(&self, key: SourceKey, now: SystemTime, outcome: &Result<(), Problem>, place: u64) {
        if let Some(record) = lock(&self.records).get_mut(&key) {
            record.running = None;
            record.past.end(now, outcome.is_ok(), place);
            record.said = outcome.as_ref().err().map_or_else(Said::default, |problem| problem.said.clone());
            self.shown.touch();
        }
        self.changed.notify_one();
    }

    /// Resolves when a run has started or ended.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// State of earlier runs, for the next daemon.
    pub fn keep(&self) -> Vec<(SourceKey, Past)> {
        lock(&self.records).iter().map(|(key, record)| (*key, record.past.clone())).collect()
    }

    /// Takes over the state of the last daemon.
    pub fn inherit(&self, runs: Vec<(SourceKey, Past)>) {
        let record = |past| Record { past, ..Record::default() };
        lock(&self.records).extend(runs.into_iter().take(MOST).map(|(key, past)| (key, record(past))));
    }

    /// Records whether a credential was available after a run.
    pub fn note_use(&self, key: SourceKey, useful: bool) {
        if let Some(record) = lock(&self.records).get_mut(&key) {
            record.past.note_use(useful);
        }
    }

    /// All runs in progress, the oldest first.
    pub fn pending(&self) -> Vec<Pending> {
        let of = |(key, record): (&SourceKey, &Record)| {
            let running = record.running.as_ref()?;
            Some(Pending {
                key: *key,
                name: running.name,
                at: running.at.clone(),
                started_at: running.started_at,
                deadline: running.started_at + running.deadline,
                waiting: running.waiting,
                lines: running.recent.clone(),
            })
        };
        let mut pending: Vec<_> = lock(&self.records).iter().filter_map(of).collect();
        pending.sort_by_key(|run| run.started_at);
        pending
    }

    /// Cancels the runs whose id starts with `id`, and returns their number.
    pub fn cancel(&self, id: &str) -> u32 {
        let records = lock(&self.records);
        let wanted = records.iter().filter(|(key, _)| key.to_string().starts_with(id));
        let mut cancelled = 0;
        for running in wanted.filter_map(|(_, record)| record.running.as_ref()) {
            running.cancel.notify_one();
            cancelled += 1;
        }
        cancelled
    }
}

// === impl Waiter ===

impl Waiter {
    /// The next event of the run.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Heard {
        self.hearing.next().await
    }

    /// Leaves the run because a person has signed in elsewhere. If no one else waits, the command is ended some seconds
    /// later: it may be the one that signed in, with something left to do.
    pub fn leave(self) {
        let (runs, key, started_at) = (self.runs.clone(), self.key, self.started_at);
        drop(self);
        tokio::spawn(async move {
            sleep(LEFT).await;
            if let Some(running) = lock(&runs.records).get(&key).and_then(|record| record.running.as_ref())
                && (running.started_at, running.waiting) == (started_at, 0)
            {
                running.needless.notify_one();
            }
        });
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(running) =
            lock(&self.runs.records).get_mut(&self.key).and_then(|record| record.running.as_mut())
        {
            running.waiting = running.waiting.saturating_sub(1);
        }
    }
}
