//! Cache of each settings file: its last reading, its last valid content, and whether its problem was reported.

use super::{Content, File, FileState, Layer, parse};
use crate::{
    host::files::{self, Owner, Stamp},
    live::lock,
};
use claviger::reason::Problem;
use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// Time for a writer that truncates first to finish.
const WRITER_PAUSE: Duration = Duration::from_millis(20);

/// All cached files, by layer and path. No lock is held while a file is read.
#[derive(Debug, Default)]
pub(super) struct FileCache {
    slots: Mutex<HashMap<(Layer, PathBuf), Slot>>,
    warned: Mutex<HashSet<PathBuf>>,
}

/// A file, its stamp, and whether that stamp is reliable.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) file: File,
    pub(super) stamp: Stamp,
    pub(super) settled: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    known: Known,
    last_good: Option<Good>,
    version: u64,
}

/// The last valid content of a file.
#[derive(Clone, Debug)]
struct Good {
    content: Arc<Content>,
    /// If it may have been read during a write: its stamp, and the content before that write.
    unfinished: Option<(Stamp, Option<Arc<Content>>)>,
}

struct Taken {
    stamp: Stamp,
    settled: bool,
    outcome: Reading,
}

enum Reading {
    Absent,
    Good(Arc<Content>),
    /// Not even read: [`files::read_settings`] returns why.
    Refused(Problem),
    Broken(Problem),
}

// === impl Memory ===

impl FileCache {
    /// Drops contents, which can hold secrets. A broken file then has no last valid content any more.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    /// The file at `path`, read again unless its stamp proves that it has not changed.
    pub(super) fn file(&self, layer: Layer, path: &Path, owner: Owner) -> Known {
        let before = self.lock().get(&(layer, path.to_owned())).cloned();
        if let Some(slot) = &before
            && slot.known.settled
            // Who may change a managed file depends on its directory, too, which no stamp shows.
            && !matches!(owner, Owner::Managed(_))
            && slot.known.stamp == files::stamp(path)
        {
            return slot.known.clone();
        }
        let last_good = before.as_ref().and_then(|slot| slot.last_good.as_ref());
        let mut taken = Taken::new(layer, path, owner);
        if taken.is_doubtful(last_good.map(|good| &*good.content)) {
            #[expect(clippy::disallowed_methods, reason = "this thread is for calls that block")]
            std::thread::sleep(WRITER_PAUSE);
            taken = Taken::new(layer, path, owner);
        }
        let last_good = last_good.and_then(|good| good.before(&taken.stamp));
        let slot = taken.judge(layer, path, last_good, before.as_ref().map_or(0, |slot| slot.version) + 1);
        log(before.as_ref().map(|slot| &slot.known.file.state), &slot.known.file);
        let known = slot.known.clone();
        self.put(slot);
        known
    }

    // Another task may have read a newer version meanwhile, or found the file missing: its result stays.
    fn put(&self, slot: Slot) {
        let mut slots = self.lock();
        let key = (slot.known.file.layer, slot.known.file.path.clone());
        if slots.get(&key).is_none_or(|present| present.version < slot.version) {
            slots.insert(key, slot);
        }
    }

    /// Drops files of `directory` that are not among `names`: a deleted file must not return as "last good".
    pub(super) fn forget_others(&self, layer: Layer, directory: &Path, names: &[OsString]) {
        self.lock().retain(|(of, path), _| {
            *of != layer
                || path.parent() != Some(directory)
                || path.file_name().is_some_and(|name| names.iter().any(|listed| listed == name))
        });
    }

    /// Drops everything below a directory that does not exist any more.
    pub(super) fn forget_below(&self, layer: Layer, directory: &Path) {
        self.lock().retain(|(of, path), _| *of != layer || !path.starts_with(directory));
    }

    /// Drops every file that `in_use` does not name, if there are more than `files`, or they use more than `bytes`.
    pub(super) fn prune(
        &self,
        files: usize,
        bytes: usize,
        in_use: impl FnOnce() -> HashSet<(Layer, PathBuf)>,
    ) {
        let len = self.lock().len();
        if len > files || self.size() > bytes {
            let in_use = in_use();
            self.lock().retain(|key, _| in_use.contains(key));
        }
    }

    /// Bytes of the contents.
    pub(super) fn size(&self) -> usize {
        self.lock().values().map(Slot::size).sum()
    }

    /// Whether this is the first call for `path`.
    pub(super) fn first_time(&self, path: &Path) -> bool {
        lock(&self.warned).insert(path.to_owned())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Layer, PathBuf), Slot>> {
        lock(&self.slots)
    }
}

// === impl Slot ===

impl Slot {
    fn size(&self) -> usize {
        let last = self.last_good.iter().flat_map(Good::contents);
        // Usually the same as the content in use.
        let others = last.filter(|last| !Arc::ptr_eq(last, &self.known.file.content));
        self.known.file.content.size() + others.map(|content| content.size()).sum::<usize>()
    }
}

// === impl Good ===

impl Good {
    fn new(content: Arc<Content>, taken: (Stamp, bool), before: Option<Arc<Content>>) -> Self {
        let (stamp, settled) = taken;
        Self { content, unfinished: (!settled).then_some((stamp, before)) }
    }

    /// The content to use if the file is broken under `stamp`. A file can be valid in the middle of a write although
    /// the whole is not.
    fn before(&self, stamp: &Stamp) -> Option<Arc<Content>> {
        match &self.unfinished {
            Some((part, before)) if part.is_of_one_writing_with(stamp) => before.clone(),
            _ => Some(Arc::clone(&self.content)),
        }
    }

    fn contents(&self) -> impl Iterator<Item = &Arc<Content>> {
        [Some(&self.content), self.unfinished.as_ref().and_then(|(_, before)| before.as_ref())]
            .into_iter()
            .flatten()
    }
}

// === impl Taken ===

impl Taken {
    fn new(layer: Layer, path: &Path, owner: Owner) -> Self {
        let files::Reading { stamp, settled, bytes } = files::read_settings(path, owner);
        let parse = match (layer, owner) {
            (Layer::Config, Owner::Managed(_)) => parse::administrators,
            (Layer::Config, Owner::User | Owner::Workspace) => parse::toml,
            _ => parse::json,
        };
        let outcome = match bytes {
            Ok(None) => Reading::Absent,
            Ok(Some(bytes)) => match parse(layer, &path.to_string_lossy(), &bytes) {
                Ok(content) => Reading::Good(Arc::new(content)),
                Err(problem) => Reading::Broken(problem),
            },
            Err(problem) => Reading::Refused(in_layer(problem, layer)),
        };
        Self { stamp, settled, outcome }
    }

    // A file that changed just now may be written in part: it does not parse, or is suddenly empty.
    fn is_doubtful(&self, last_good: Option<&Content>) -> bool {
        let nothing = Content::default();
        !self.settled
            && match &self.outcome {
                Reading::Broken(_) => true,
                Reading::Good(content) => {
                    **content == nothing && last_good.is_some_and(|last| *last != nothing)
                }
                Reading::Absent | Reading::Refused(_) => false,
            }
    }

    fn judge(self, layer: Layer, path: &Path, last_good: Option<Arc<Content>>, version: u64) -> Slot {
        let kept = |content: &Arc<Content>| Good { content: Arc::clone(content), unfinished: None };
        let (state, content, last_good) = match (self.outcome, last_good) {
            (Reading::Absent, _) => (FileState::Absent, None, None),
            (Reading::Good(content), last) => {
                let good = Good::new(Arc::clone(&content), (self.stamp.clone(), self.settled), last);
                (FileState::Loaded, Some(content), Some(good))
            }
            // A policy that others than root can change must not count, not even its last valid form.
            (Reading::Refused(problem), last) if layer == Layer::Managed => {
                (FileState::Invalid(problem), None, last.as_ref().map(kept))
            }
            (Reading::Refused(problem) | Reading::Broken(problem), Some(last)) => {
                let good = kept(&last);
                (FileState::KeptLastGood(problem), Some(last), Some(good))
            }
            (Reading::Refused(problem) | Reading::Broken(problem), None) => {
                (FileState::Invalid(problem), None, None)
            }
        };
        let file = File { layer, path: path.to_owned(), state, content: content.unwrap_or_default() };
        Slot { known: Known { file, stamp: self.stamp, settled: self.settled }, last_good, version }
    }
}

/// Adds the layer, which a callee does not know.
pub(super) fn in_layer(mut problem: Problem, layer: Layer) -> Problem {
    if let Some(location) = &mut problem.location {
        layer.name().clone_into(&mut location.layer);
    }
    problem
}

// The first failure is a warning, repetitions are debug, and recovery is logged once.
fn log(before: Option<&FileState>, file: &File) {
    let failing = |state: &FileState| matches!(state, FileState::KeptLastGood(_) | FileState::Invalid(_));
    let was_failing = before.is_some_and(failing);
    let path = file.path.display();
    match &file.state {
        FileState::KeptLastGood(problem) | FileState::Invalid(problem) => {
            let kept = matches!(file.state, FileState::KeptLastGood(_));
            let place = problem.location.as_ref().map(|at| (at.line, at.column)).unwrap_or_default();
            if was_failing {
                tracing::debug!(%path, reason = %problem.reason, ?place, kept, "settings file is still unusable");
            } else {
                tracing::warn!(%path, reason = %problem.reason, ?place, kept, "settings file is unusable");
            }
        }
        FileState::Absent | FileState::Loaded if was_failing => {
            tracing::info!(%path, "settings file is usable again");
        }
        FileState::Absent | FileState::Loaded => {}
    }
}
