//! What one daemon leaves to the next: the cache with its secrets, and when commands that sign in may run again.
//!
//! It travels in memory only (`host/successor.rs`). Fields are added, never changed: the reader may be of another
//! release, and whatever it cannot read costs a refresh, no more.

mod entry;
mod text;

use super::counters::Totals;
use crate::{auth_refresh::Past, key::SourceKey};
use claviger_child::Busy;
pub(super) use entry::KeptEntry;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Everything that is handed over.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub(super) entries: Vec<KeptEntry>,
    pub(super) sign_ins: Vec<(SourceKey, Past)>,
    /// Servers that want to be left alone.
    pub(super) busy: Busy,
    /// What was counted, by source.
    pub(super) totals: BTreeMap<String, Totals>,
    /// Whether it is locked. The note on disk may be missing: the disk was full.
    pub(super) locked: bool,
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
        4096 + 1024 * self.totals.len()
            + 256 * self.sign_ins.len()
            + self.entries.iter().map(KeptEntry::size).sum::<usize>()
    }

    /// How many credentials there are.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.has_secret()).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
