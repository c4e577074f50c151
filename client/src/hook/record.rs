//! The record of changes, for undoing them: `hooks.json` in the state directory, for this user only.

use super::{
    file::{Target, failed},
    splice::Splice,
};
use crate::failure::Failure;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Version of the format.
const VERSION: u32 = 1;

/// All hooks that were installed, by tool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Records {
    version: u32,
    /// Changes for each tool, in the order of writing.
    pub(crate) hooks: BTreeMap<String, Vec<Changed>>,
}

/// A file that was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Changed {
    /// Its path as given.
    pub(crate) path: PathBuf,
    /// Its format.
    pub(crate) kind: Kind,
    /// The configuration directory whose part of it was changed.
    #[serde(default)]
    pub(crate) directory: Option<String>,
    /// Whether it existed before.
    pub(crate) existed: bool,
    /// Directories created for it, the deepest first.
    pub(crate) directories: Vec<PathBuf>,
    /// Digest of the content before.
    pub(crate) before: String,
    /// Digest of the content after.
    pub(crate) after: String,
    /// Changes, in order.
    pub(crate) splices: Vec<Splice>,
}

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Settings in JSON.
    Json,
    /// Our configuration.
    Toml,
    /// Profiles of AWS.
    Ini,
    /// The whole file is ours.
    Whole,
}

/// The open file, with a lock that excludes other processes until drop.
#[derive(Debug)]
pub(crate) struct Ledger {
    target: Target,
    /// Its content.
    pub(crate) records: Records,
    _lock: Option<File>,
}

impl Ledger {
    /// The record of `tool`; empty if it has no hook.
    pub(crate) fn changed(&self, tool: &str) -> &[Changed] {
        self.records.hooks.get(tool).map(Vec::as_slice).unwrap_or_default()
    }

    /// Records what a step for `tool` makes of a file, so that other hooks in it do not mistake that for a person's
    /// edit.
    pub(crate) fn note(&mut self, tool: &str, path: &Path, (old, new): (Option<&str>, Option<&str>)) {
        let (old, new) = (digest(old), digest(new));
        let others = self.records.hooks.iter_mut().filter(|(id, _)| *id != tool);
        let others = others.flat_map(|(_, changed)| changed);
        for changed in others.filter(|changed| changed.path == path && changed.after == old) {
            changed.after.clone_from(&new);
        }
    }

    /// Removes the record of `tool`. Directories created for it now belong to the next hook in the same file.
    pub(crate) fn forget(&mut self, tool: &str) {
        for gone in self.records.hooks.remove(tool).into_iter().flatten().filter(|gone| !gone.existed) {
            let mut others = self.records.hooks.values_mut().flatten();
            if let Some(next) = others.find(|next| next.path == gone.path) {
                next.existed = false;
                next.directories = gone.directories;
            }
        }
    }

    /// Opens the file in `directory` for writing or reading; a writer waits while another process holds the lock.
    ///
    /// # Errors
    /// If it cannot be read, or this program did not write it.
    pub(crate) fn open(directory: &Path, writes: bool) -> Result<Self, Failure> {
        let cannot = |error: io::Error| failed(directory, &format!("cannot be used: {error}"), "");
        let lock = writes.then(|| lock(directory)).transpose().map_err(cannot)?;
        let target = Target::read(&directory.join("hooks.json"))?;
        let records = match &target.text {
            None => Records { version: VERSION, hooks: BTreeMap::new() },
            Some(text) => serde_json::from_str(text)
                .ok()
                .filter(|records: &Records| records.version == VERSION)
                .ok_or_else(|| {
                    failed(
                        &target.path,
                        "is not in the format of this release",
                        "remove it, and remove the hooks by hand",
                    )
                })?,
        };
        Ok(Self { target, records, _lock: lock })
    }

    /// Writes it; without any hook, removes it.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn save(&mut self) -> Result<(), Failure> {
        let text = format!("{:#}\n", serde_json::json!(self.records));
        match (self.records.hooks.is_empty(), &self.target.text) {
            (true, None) => return Ok(()),
            (false, Some(old)) if *old == text => return Ok(()),
            (true, Some(_)) => self.target.write(None)?,
            (false, _) => self.target.write(Some(&text))?,
        };
        self.target = Target::read(&self.target.path)?;
        Ok(())
    }
}

fn lock(directory: &Path) -> io::Result<File> {
    super::file::make(directory)?;
    let mut options = File::options();
    // Opened without blocking: the path may be a FIFO without a reader.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    options.create(true).truncate(false).write(true).mode(0o600).custom_flags(flags);
    let file = options.open(directory.join("hooks.lock"))?;
    file.lock()?;
    Ok(file)
}

/// The digest of a content; `None` if the file does not exist.
pub(crate) fn digest(text: Option<&str>) -> String {
    let hex = |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    text.map(hex).unwrap_or_default()
}
