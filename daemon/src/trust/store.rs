//! The recorded decisions: in memory for every look-up, on disk before any of them takes effect.

use crate::{
    host::files::{self, Stamp},
    live::lock,
    settings::{Decision, Item, Subject},
};
use claviger::reason::{Location, Problem, Reason};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, task::spawn_blocking};

/// Version of the format that this code writes and reads.
const VERSION: u32 = 1;
const MAX_FILE: usize = 64 * 1024 * 1024;
/// Decisions kept about one root: enough for switching between branches.
const MAX_PER_ROOT: usize = 64;
/// How long to wait for another machine that is writing the file.
const LOCK_WAIT: Duration = Duration::from_secs(5);

type Records = BTreeMap<(PathBuf, String), Record>;

/// All decisions.
#[derive(Debug)]
pub struct TrustStore {
    path: PathBuf,
    state: Mutex<State>,
    /// Held while the file is read, so that the latest reading counts.
    looking: Mutex<()>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    records: Records,
    /// Why the file is unusable. Until it is usable, nothing counts as decided and nothing is written.
    fault: Option<Problem>,
    /// Stamp of the file before it was read, if an equal stamp proves later that it has not changed.
    stamp: Option<Stamp>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Canonical path of the workspace's root.
    pub root: PathBuf,
    /// Device of the root.
    pub device: u64,
    /// Inode of the root.
    pub inode: u64,
    /// Digest of the subject.
    pub digest: String,
    /// The decision.
    pub decision: Decision,
    /// Its time.
    pub decided_at: SystemTime,
    /// The items shown.
    pub items: Vec<RecordedItem>,
}

/// An item as it was shown when the decision was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedItem {
    /// Settings key.
    pub name: String,
    /// Shown text.
    pub value: String,
    /// Fingerprint of the real value.
    pub fingerprint: String,
    /// Whether it is a command.
    pub command: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    records: Vec<&'a Record>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Stored {
    records: Vec<Record>,
}

// === impl TrustStore ===

impl TrustStore {
    /// Opens the store; a file that does not exist is an empty store.
    ///
    /// # Errors
    /// `settings-invalid` if the file is not exclusively ours, damaged, or newer than this daemon. It stays as it is;
    /// [`TrustStore::closed`] continues without it.
    pub fn open(path: PathBuf) -> Result<Self, Problem> {
        let state = read(&path);
        match state.fault {
            Some(fault) => Err(fault),
            None => Ok(Self::with(path, state)),
        }
    }

    /// A store with an unusable file: nothing counts as decided, and nothing can be decided until the file is fixed.
    pub fn closed(path: PathBuf, fault: Problem) -> Self {
        Self::with(path, State { fault: Some(fault), ..State::default() })
    }

    fn with(path: PathBuf, state: State) -> Self {
        Self { path, state: Mutex::new(state), looking: Mutex::default(), changes: watch::Sender::new(0) }
    }

    /// Reads the file again if it has changed: another machine may have decided, or a container with the same home.
    pub fn look_again(&self) {
        let _looking = lock(&self.looking);
        let now = files::stamp(&self.path);
        if self.lock().stamp.as_ref() == Some(&now) {
            return;
        }
        let found = read(&self.path);
        let mut state = self.lock();
        let differs = state.records != found.records || state.fault != found.fault;
        *state = found;
        if differs {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// Runs `act` on its own thread, where it may wait for the disk or for another machine; to the end, even if the
    /// caller disconnects.
    ///
    /// # Errors
    /// Those of `act`.
    pub async fn on_a_thread<T: Send + 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.clone();
        let done = spawn_blocking(move || act(&store)).await;
        done.unwrap_or_else(|_| Err(Problem::new(Reason::Bug, "a change of the trust store panicked")))
    }

    /// The decision about exactly `subject`. Without requests it is undecided.
    pub fn decision(&self, subject: Option<&Subject>) -> Decision {
        subject
            .and_then(|subject| self.find(subject, |record| record.decision))
            .unwrap_or(Decision::Undecided)
    }

    /// Records a decision about exactly `subject`; [`Decision::Undecided`] removes it. It takes effect once it is on
    /// disk.
    ///
    /// # Errors
    /// `settings-invalid` if the file is not usable, `source-unavailable` if it cannot be written.
    pub fn decide(&self, subject: &Subject, decision: Decision, now: SystemTime) -> Result<(), Problem> {
        self.change(|records| {
            let key = (subject.root.clone(), subject.digest.clone());
            if decision == Decision::Undecided {
                records.remove(&key);
            } else {
                records.insert(key, Record::of(subject, decision, now));
                forget_oldest(records, &subject.root);
            }
        })
    }

    /// The decision about exactly `subject`, with the items shown.
    pub fn record(&self, subject: &Subject) -> Option<Record> {
        self.find(subject, Record::clone)
    }

    /// The latest decision about `root`, whatever it requested at the time.
    pub fn last_for_root(&self, root: &Path) -> Option<Record> {
        self.lock()
            .records
            .values()
            .filter(|record| record.root == root)
            .max_by_key(|record| record.decided_at)
            .cloned()
    }

    /// All decisions, ordered by root and then from the latest to the oldest.
    pub fn list(&self) -> Vec<Record> {
        let mut records: Vec<_> = self.lock().records.values().cloned().collect();
        records.sort_by(|one, other| one.root.cmp(&other.root).then(other.decided_at.cmp(&one.decided_at)));
        records
    }

    /// Removes every decision about `root` and returns their number.
    ///
    /// # Errors
    /// As for [`TrustStore::decide`].
    pub fn revoke(&self, root: &Path) -> Result<u32, Problem> {
        let mut removed = 0;
        self.change(|records| {
            let before = records.len();
            records.retain(|_, record| record.root != root);
            removed = u32::try_from(before - records.len()).unwrap_or(u32::MAX);
        })?;
        Ok(removed)
    }

    /// Removes every decision and returns their number.
    ///
    /// # Errors
    /// As for [`TrustStore::decide`].
    pub fn clear(&self) -> Result<usize, Problem> {
        let mut removed = 0;
        self.change(|records| {
            removed = records.len();
            records.clear();
        })?;
        Ok(removed)
    }

    /// Number of changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Why nothing can be decided, if so.
    pub fn fault(&self) -> Option<Problem> {
        self.lock().fault.clone()
    }

    fn find<T>(&self, subject: &Subject, pick: impl FnOnce(&Record) -> T) -> Option<T> {
        let state = self.lock();
        // The digest covers root, device and inode; comparing them again costs nothing.
        let same = |record: &&Record| record.device == subject.device && record.inode == subject.inode;
        state.records.get(&(subject.root.clone(), subject.digest.clone())).filter(same).map(pick)
    }

    fn change(&self, edit: impl FnOnce(&mut Records)) -> Result<(), Problem> {
        // Changes of another daemon must neither be lost nor undone.
        let _lock = files::FileLock::take(&self.path.with_extension("lock"), LOCK_WAIT)?;
        let before = load(&self.path)?;
        let mut records = before.clone();
        edit(&mut records);
        if records != before {
            save(&self.path, &records)?;
        }
        self.look_again();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

// === impl Record ===

impl Record {
    fn of(subject: &Subject, decision: Decision, decided_at: SystemTime) -> Self {
        let Subject { root, device, inode, digest, items } = subject.clone();
        let items = items.into_iter().map(RecordedItem::from).collect();
        Self { root, device, inode, digest, decision, decided_at, items }
    }
}

impl From<Item> for RecordedItem {
    fn from(Item { name, value, fingerprint, command, whole: _, at: _ }: Item) -> Self {
        Self { name, value, fingerprint, command }
    }
}

fn forget_oldest(records: &mut Records, root: &Path) {
    while records.values().filter(|record| record.root == root).count() > MAX_PER_ROOT {
        let of_root = records.iter().filter(|(_, record)| record.root == root);
        let Some(oldest) = of_root.min_by_key(|(_, record)| record.decided_at).map(|(key, _)| key.clone())
        else {
            return;
        };
        records.remove(&oldest);
    }
}

fn read(path: &Path) -> State {
    let stamp = files::stamp(path);
    let stamp = Some(stamp).filter(Stamp::settled);
    match load(path) {
        Ok(records) => State { records, fault: None, stamp },
        Err(problem) => State { fault: Some(problem), stamp, ..State::default() },
    }
}

fn load(path: &Path) -> Result<Records, Problem> {
    let Some(bytes) = files::read_private(path, MAX_FILE)? else { return Ok(Records::new()) };
    let unusable = |message: &str, hint: &str| {
        Problem::new(Reason::SettingsInvalid, message).hint(hint).at(&Location::of_file(path))
    };
    let damaged = |_| unusable("the trust store is damaged", "move the file away and decide again");
    let Version { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version != VERSION {
        return Err(unusable("the trust store was written by a newer claviger", "start the newer daemon"));
    }
    let stored: Stored = serde_json::from_slice(&bytes).map_err(damaged)?;
    Ok(stored
        .records
        .into_iter()
        .map(|record| ((record.root.clone(), record.digest.clone()), record))
        .collect())
}

fn save(path: &Path, records: &Records) -> Result<(), Problem> {
    let written = Written { version: VERSION, records: records.values().collect() };
    let bytes = serde_json::to_vec_pretty(&written).map_err(|_| {
        Problem::new(Reason::SettingsInvalid, "the path of the workspace is not UTF-8")
            .hint("give the workspace a path in UTF-8")
    })?;
    files::write_private(path, &bytes)
}

#[cfg(test)]
mod tests;
