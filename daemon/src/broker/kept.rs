//! State that one daemon passes to the next: the cache with its secrets, and the pauses of sign-in commands.
//!
//! It travels in memory only (`host/successor.rs`). Fields are added, never changed: the reader may be of another
//! release, and if it cannot read a field, the cost is one refresh.

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
    /// Servers that asked for a pause.
    pub(super) busy: Busy,
    /// Counts per source.
    pub(super) totals: BTreeMap<String, Totals>,
    /// Whether it is locked. The record on disk may be missing, if the disk was full.
    pub(super) locked: bool,
}

// === impl Kept ===

impl Kept {
    /// Reads the state from the last daemon.
    ///
    /// # Errors
    /// The fault; never a part of the content.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        // serde quotes values of the wrong type.
        serde_json::from_slice(bytes)
            .map_err(|error| format!("it is not readable at byte {}", error.column()))
    }

    /// Serialises it for the next daemon.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn write(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.size()));
        serde_json::to_writer(&mut *bytes, self).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// More bytes than needed: a buffer that grows would leave copies of secrets behind.
    fn size(&self) -> usize {
        4096 + 1024 * self.totals.len()
            + 256 * self.sign_ins.len()
            + self.entries.iter().map(KeptEntry::size).sum::<usize>()
    }

    /// Number of credentials.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.has_secret()).count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
