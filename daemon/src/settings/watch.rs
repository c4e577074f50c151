//! Detects changes while a session waits for them.
//!
//! One task serves all guards; it ends with the last of them, and with it every inotify watch and notify's thread. An
//! event only triggers a look: changes are determined by comparing snapshots, and the content of an event is ignored.

use super::{
    Snapshot,
    loaded::Loaded,
    roots::Key,
    store::SettingsStore,
    watching::{Task, Watched},
};
use crate::live::lock;
use claviger::{reason::Problem, session::SessionContext};
use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

mod armed;
mod chain;

use armed::Armed;
use chain::Chain;

/// An edit causes several events; this is how long to wait for the others.
const COALESCE: Duration = Duration::from_millis(20);
/// Interval of looks where events are not available.
const POLL: Duration = Duration::from_secs(2);
/// Most attempts to move the watches before a look is final.
const ROUNDS: usize = 8;

/// While it lives, changes to the files of one session are counted in [`SettingsStore::changes`].
#[derive(Debug)]
#[must_use = "watching ends when the guard is dropped"]
pub struct WatchGuard {
    store: Arc<SettingsStore>,
    key: Key,
}

/// The task's own state.
struct Watcher {
    store: Arc<SettingsStore>,
    events: mpsc::Receiver<()>,
    armed: Armed,
    seen: HashMap<Key, Reported>,
}

type Reported = Option<Result<Arc<Snapshot>, Problem>>;

/// Result of one look.
#[derive(Default)]
struct Look {
    paths: BTreeSet<PathBuf>,
    changed: bool,
    remote: bool,
}

// === impl SettingsStore ===

impl SettingsStore {
    /// Watches the files of `session` while the guard lives. Take the guard first and a snapshot after it: then no
    /// change is missed. The counter may rise without a difference; look again and compare.
    ///
    /// Must be called on a tokio runtime.
    pub fn watch_session(self: &Arc<Self>, session: &SessionContext) -> WatchGuard {
        let key = Key::of(session);
        let seen = self.cached(&key).map(|loaded| Arc::clone(&loaded.snapshot));
        let mut watching = lock(&self.watching);
        watching.sessions.entry(key.clone()).or_insert(Watched { guards: 0, seen }).guards += 1;
        watching.task.get_or_insert_with(|| Watcher::start(self)).nudge();
        WatchGuard { store: Arc::clone(self), key }
    }

    fn watched(&self) -> Vec<(Key, Option<Arc<Snapshot>>)> {
        let watching = lock(&self.watching);
        watching.sessions.iter().map(|(key, watched)| (key.clone(), watched.seen.clone())).collect()
    }

    fn may_use_events(&self) -> bool {
        #[cfg(test)]
        return !lock(&self.watching).without_events;
        #[cfg(not(test))]
        true
    }
}

// === impl WatchGuard ===

impl Drop for WatchGuard {
    fn drop(&mut self) {
        let mut watching = lock(&self.store.watching);
        let Some(watched) = watching.sessions.get_mut(&self.key) else { return };
        watched.guards -= 1;
        if watched.guards == 0 {
            watching.sessions.remove(&self.key);
        }
        if !watching.sessions.is_empty() {
            watching.task.as_ref().inspect(|task| task.nudge());
        } else if let Some(task) = watching.task.take() {
            task.handle.abort();
        }
    }
}

// === impl Watcher ===

impl Watcher {
    fn start(store: &Arc<SettingsStore>) -> Task {
        let (nudge, events) = mpsc::channel(1);
        let watcher =
            Self { store: Arc::clone(store), events, armed: Armed::new(nudge.clone()), seen: HashMap::new() };
        Task { nudge, handle: tokio::spawn(watcher.run()) }
    }

    async fn run(mut self) {
        loop {
            let poll = self.settle().await;
            let tick = Instant::now() + POLL;
            tokio::select! {
                event = self.events.recv() => if event.is_none() { return },
                () = sleep_until(tick), if poll => {}
            }
            sleep(COALESCE).await;
            while self.events.try_recv().is_ok() {}
        }
    }

    // Watches are set before the look that counts; if that look leads to other paths, they are set again. Returns
    // whether events alone are not enough.
    async fn settle(&mut self) -> bool {
        for _ in 0..ROUNDS {
            let look = self.look().await;
            if look.changed {
                self.store.changes.send_modify(|count| *count += 1);
            }
            let usable = self.store.may_use_events();
            let moved = self.armed.follow(Chain::of(&look.paths), usable);
            if !moved {
                return look.remote || self.armed.is_blind();
            }
        }
        true
    }

    // All sessions at once: one on a dead mount must not delay the others.
    async fn look(&mut self) -> Look {
        let mut looks = JoinSet::new();
        let watched = self.store.watched();
        self.seen.retain(|key, _| watched.iter().any(|(watched, _)| watched == key));
        for (key, before) in watched {
            self.seen.entry(key.clone()).or_insert(before.map(Ok));
            let store = Arc::clone(&self.store);
            looks.spawn(async move {
                let outcome = store.loaded(&key).await;
                (key, outcome)
            });
        }
        let mut look = Look::default();
        while let Some(done) = looks.join_next().await {
            if let Ok((key, outcome)) = done {
                self.add(&mut look, key, outcome);
            }
        }
        look
    }

    fn add(&mut self, look: &mut Look, key: Key, outcome: Result<Arc<Loaded>, Problem>) {
        match &outcome {
            Ok(loaded) if loaded.remote => look.remote = true,
            Ok(loaded) => look.paths.extend(loaded.paths().map(PathBuf::from)),
            // Unreadable: the directory may return. A hanging mount is only polled.
            Err(problem) if problem.reason == claviger::reason::Reason::SourceTimeout => look.remote = true,
            Err(_) => drop(look.paths.insert(key.cwd.join(".git"))),
        }
        let now = Some(outcome.map(|loaded| Arc::clone(&loaded.snapshot)));
        let before = self.seen.insert(key, now.clone());
        look.changed |= !before.is_some_and(|before| is_same(&before, &now));
    }
}

// The store keeps a snapshot while its content is the same. Another one with the same content means that files changed
// and changed back between two of our looks, and a session may have seen them in between.
fn is_same(before: &Reported, now: &Reported) -> bool {
    match (before, now) {
        (Some(Ok(before)), Some(Ok(now))) => Arc::ptr_eq(before, now),
        (Some(Err(before)), Some(Err(now))) => before == now,
        _ => false,
    }
}

// Only limits how long a test may wait.
#[cfg(test)]
pub(super) async fn within<T>(limit: Duration, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, what).await.expect("in time")
}

#[cfg(test)]
mod tests;
