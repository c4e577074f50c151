//! Snapshots of the settings files: correct at every call, and cheap if nothing has changed.
//!
//! Each snapshot records the facts it depends on, and is reused only while they are valid. Work that may hang runs on a
//! thread for blocking work, with a deadline.

use super::{
    Content, File, FileState, Layer, Located, Snapshot,
    cache::Cache,
    file_cache::FileCache,
    load::Load,
    loaded::{Loaded, Progress},
    parse,
    roots::{Key, Roots},
    watching::Watching,
};
use crate::{host::files::DEADLINE, live::lock};
use claviger::{
    reason::{Location, Problem, Reason},
    session::SessionContext,
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Most files that are cached, in use or not.
const MAX_FILES: usize = 4096;
/// Most bytes of their contents. Files in use take as much at most.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Most loads in progress; more means that a mount hangs.
const MAX_LOADS: usize = 256;

/// The settings files of all sessions.
#[derive(Debug)]
pub struct SettingsStore {
    roots: Roots,
    memory: FileCache,
    cache: Mutex<Cache>,
    loads: Mutex<Loads>,
    deadline: Duration,
    pub(super) watching: Mutex<Watching>,
    pub(super) changes: watch::Sender<u64>,
}

/// Loads in progress, at most one per key.
#[derive(Debug, Default)]
struct Loads {
    running: HashMap<Key, Running>,
    started: u64,
}

type LoadResult = Result<Arc<Loaded>, Problem>;

#[derive(Clone, Debug)]
struct Running {
    number: u64,
    since: Instant,
    progress: Arc<Progress>,
    outcome: watch::Receiver<Option<LoadResult>>,
}

/// Removes a load from the list, even if it panics.
struct Registration {
    store: Arc<SettingsStore>,
    key: Key,
}

// === impl SettingsStore ===

impl SettingsStore {
    /// An empty store.
    pub fn new(roots: Roots) -> Arc<Self> {
        Arc::new(Self::with_deadline(roots, DEADLINE))
    }

    /// The administrator's configuration, and who has to own it.
    pub fn system(&self) -> (&std::path::Path, u32) {
        (&self.roots.system, self.roots.managed_owner)
    }

    fn with_deadline(roots: Roots, deadline: Duration) -> Self {
        Self {
            roots,
            memory: FileCache::default(),
            cache: Mutex::default(),
            loads: Mutex::default(),
            deadline,
            watching: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Drops contents, which can be secret. The next look reads them again.
    pub fn forget(&self) {
        self.memory.forget();
        lock(&self.cache).clear();
    }

    /// The current settings files of a session.
    ///
    /// # Errors
    /// `malformed-request` if the working directory does not exist, `source-timeout` if a filesystem hangs. A broken
    /// file is not an error: its state reports it.
    pub async fn snapshot(self: &Arc<Self>, session: &SessionContext) -> Result<Arc<Snapshot>, Problem> {
        let key = Key::of(session);
        match self.cached(&key) {
            Some(loaded) if !loaded.remote && loaded.holds_for(self.roots.recheck_after) => {
                Ok(Arc::clone(&loaded.snapshot))
            }
            // Boxed: a request should not reserve memory for a rare step.
            _ => Ok(Arc::clone(&Box::pin(self.load(&key)).await?.snapshot)),
        }
    }

    /// As [`SettingsStore::snapshot`], but ignores looks from before this call: watching would miss an edit between
    /// that look and its first watch.
    pub(super) async fn loaded(self: &Arc<Self>, key: &Key) -> LoadResult {
        match self.cached(key) {
            Some(loaded) if !loaded.remote && loaded.holds() => Ok(loaded),
            _ => self.load(key).await,
        }
    }

    /// The snapshot that is known without looking.
    pub(super) fn cached(&self, key: &Key) -> Option<Arc<Loaded>> {
        lock(&self.cache).get(key)
    }

    // A caller that joins a load in progress may ask after an edit that the load missed, so only a load that began
    // after the call may answer it.
    async fn load(self: &Arc<Self>, key: &Key) -> LoadResult {
        let asked = lock(&self.loads).started;
        let work = {
            let (store, key) = (Arc::clone(self), key.clone());
            move |progress: &Progress| store.look(&key, progress)
        };
        loop {
            let mut running = self.join_or_start(key, work.clone())?;
            let left = (running.since + self.deadline).saturating_duration_since(Instant::now());
            let outcome = match tokio::time::timeout(left, running.outcome.wait_for(Option::is_some)).await {
                Err(_) => return Err(too_slow(&running.progress)),
                Ok(Err(_)) => return Err(Problem::new(Reason::Bug, "loading the settings failed")),
                Ok(Ok(outcome)) => outcome.clone(),
            };
            if let Some(outcome) = outcome.filter(|_| running.number > asked) {
                return outcome;
            }
        }
    }

    fn join_or_start(
        self: &Arc<Self>,
        key: &Key,
        work: impl FnOnce(&Progress) -> LoadResult + Send + 'static,
    ) -> Result<Running, Problem> {
        let mut loads = lock(&self.loads);
        if let Some(running) = loads.running.get(key) {
            return Ok(running.clone());
        }
        if loads.running.len() >= MAX_LOADS {
            return Err(loads.running.values().min_by_key(|running| running.since).map_or_else(
                || Problem::new(Reason::Bug, "no load is under way"),
                |oldest| too_slow(&oldest.progress),
            ));
        }
        loads.started += 1;
        let (sender, outcome) = watch::channel(None);
        let progress = Arc::new(Progress::default());
        let running = Running { number: loads.started, since: Instant::now(), progress, outcome };
        loads.running.insert(key.clone(), running.clone());
        // A runtime that shuts down drops the work at once, and with it the registration, which takes the lock.
        drop(loads);
        let registration = Registration { store: Arc::clone(self), key: key.clone() };
        let progress = Arc::clone(&running.progress);
        tokio::task::spawn_blocking(move || {
            let outcome = work(&progress);
            drop(registration);
            sender.send_replace(Some(outcome));
        });
        Ok(running)
    }

    fn look(&self, key: &Key, progress: &Progress) -> LoadResult {
        let before = self.cached(key);
        if let Some(loaded) = before.as_ref().filter(|loaded| loaded.holds_slowly(progress)) {
            return Ok(Arc::clone(loaded));
        }
        let mut loaded = Load::new(&self.roots, &self.memory, progress).run(key)?;
        if let Some(before) = before.filter(|before| before.snapshot.says_the_same_as(&loaded.snapshot)) {
            loaded.snapshot = Arc::clone(&before.snapshot);
        }
        let loaded = Arc::new(loaded);
        self.remember(key, &loaded);
        Ok(loaded)
    }

    fn remember(&self, key: &Key, loaded: &Arc<Loaded>) {
        let gone = lock(&self.cache).local().into_iter().filter(Key::is_gone).collect::<Vec<_>>();
        let mut cache = lock(&self.cache);
        gone.iter().for_each(|key| cache.remove(key));
        cache.put(key, loaded);
        drop(cache);
        self.memory.prune(MAX_FILES, MAX_BYTES, || lock(&self.cache).files());
    }

    /// Number of changes that watching has noticed; see [`SettingsStore::watch_session`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

// === impl Registration ===

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.store.loads).running.remove(&self.key);
    }
}

/// The place of variables chosen on a command line.
const COMMAND_LINE: &str = "the command line";

/// The choices of the command line: the settings passed with `--settings`, if any, and its variables.
///
/// # Errors
/// `settings-invalid` with the place of the mistake.
pub fn explicit(session: &SessionContext) -> Result<Option<Arc<File>>, Problem> {
    let (path, mut content) = match &session.explicit {
        None if session.chosen.is_empty() => return Ok(None),
        None => (COMMAND_LINE, Content::default()),
        Some(explicit) => (&*explicit.name, parse::json(Layer::Explicit, &explicit.name, &explicit.content)?),
    };
    content.env.extend(session.chosen.iter().map(|(name, value)| (name.clone(), chosen(value))));
    let (path, content) = (PathBuf::from(path), Arc::new(content));
    Ok(Some(Arc::new(File { layer: Layer::Explicit, path, state: FileState::Loaded, content })))
}

fn chosen(value: &str) -> Located<String> {
    let layer = Layer::Explicit;
    let at =
        Location { layer: layer.name().to_owned(), file: COMMAND_LINE.to_owned(), ..Location::default() };
    Located { value: value.to_owned(), layer, at }
}

fn too_slow(progress: &Progress) -> Problem {
    Problem::new(Reason::SourceTimeout, "a filesystem does not answer")
        .hint(format!("check the mount that holds {}", progress.path().display()))
}

#[cfg(test)]
mod tests;
