//! The snapshots in use: limited in number and in bytes. The least recently used are dropped first.

use super::{Layer, loaded::Loaded, roots::Key};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

/// Most snapshots.
pub(super) const MAX_SNAPSHOTS: usize = 256;
/// Most bytes of all snapshots. A workspace takes a few KiB; a file can have 2 MiB at most.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Snapshots by their inputs, each with the time of its last use.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<Key, (Arc<Loaded>, u64)>,
    clock: u64,
}

impl Cache {
    pub(super) fn get(&mut self, key: &Key) -> Option<Arc<Loaded>> {
        self.clock += 1;
        let (loaded, used) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(Arc::clone(loaded))
    }

    pub(super) fn put(&mut self, key: &Key, loaded: &Arc<Loaded>) {
        self.clock += 1;
        self.entries.insert(key.clone(), (Arc::clone(loaded), self.clock));
        while self.entries.len() > MAX_SNAPSHOTS || (self.entries.len() > 1 && self.size() > MAX_BYTES) {
            let oldest = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.iter().for_each(|oldest| self.remove(oldest));
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Those on filesystems that answer at once.
    pub(super) fn local(&self) -> Vec<Key> {
        let local = self.entries.iter().filter(|(_, (loaded, _))| !loaded.remote);
        local.map(|(key, _)| key.clone()).collect()
    }

    /// Their files.
    pub(super) fn files(&self) -> HashSet<(Layer, PathBuf)> {
        let files = self.entries.values().flat_map(|(loaded, _)| &loaded.snapshot.files);
        files.map(|file| (file.layer, file.path.clone())).collect()
    }

    /// Bytes in all. A file shared by several workspaces counts once.
    pub(super) fn size(&self) -> usize {
        let mut seen = HashSet::new();
        let size = |(loaded, _): &(Arc<Loaded>, u64)| {
            let fresh = loaded.snapshot.files.iter().filter(|file| seen.insert(Arc::as_ptr(&file.content)));
            loaded.snapshot.own_size() + fresh.map(|file| file.content.size()).sum::<usize>()
        };
        self.entries.values().map(size).sum()
    }
}
