//! Subject of trust: a workspace and exactly the requests of its files; and the decision about it.

use super::{
    Content, File, FileState, Located, Script, Workspace,
    harmless::{harmless_of, is_harmless},
    visible::{self, Visible},
};
use claviger::reason::{Location, Problem};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The decision about a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Nothing, or nothing about exactly these items.
    Undecided,
    /// Use what the workspace configures.
    Trusted,
    /// Leave the workspace's files out.
    Ignored,
}

/// A workspace and the requests of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Canonical path of the workspace's root.
    pub root: PathBuf,
    /// Device of the root.
    pub device: u64,
    /// Inode of the root.
    pub inode: u64,
    /// Hex SHA-256 over root, device, inode, and layer, name and value of each item.
    pub digest: String,
    /// The requests of the files.
    pub items: Vec<Item>,
}

/// One request of a workspace's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Settings key: "apiKeyHelper", "env.ANTHROPIC_BASE_URL", …; "file key.sh" for a file.
    pub name: String,
    /// Its value as it can be shown: without the user's secrets, and without characters that control a terminal.
    pub value: String,
    /// Hex SHA-256 over root, layer, name and the real value.
    pub fingerprint: String,
    /// Whether the value is a command that would be run.
    pub command: bool,
    /// Whether a person can see all of it. Otherwise it cannot be trusted.
    pub whole: bool,
    /// Its place.
    pub at: Location,
}

/// A digest over fields, each preceded by its length so that none can imitate another's end.
struct Fields(Sha256);

/// Items in the order found, and the digest over all of them.
struct Collector<'a> {
    workspace: &'a Workspace,
    digest: Fields,
    items: Vec<Item>,
}

// === impl Subject ===

impl Subject {
    /// The requests of the workspace layers of `files`, with the `scripts` that their commands name; `None` if there
    /// are none. Harmless variables are not requests.
    pub fn of(workspace: &Workspace, files: &[File], scripts: &[Script]) -> Option<Self> {
        let mut found = Collector::new(workspace);
        let harmless = harmless_of(files);
        for file in files.iter().filter(|file| file.layer.is_workspace()) {
            if let FileState::Invalid(problem) = &file.state {
                found.broken(file, problem);
            }
            // Without "..": a key that a workspace may set has to become part of the decision, or a trusted one could add it.
            let Content {
                commands,
                env,
                // Claviger itself, and policies, which count in managed settings only.
                hooks: _,
                policies: _,
                // Keys of claviger's own configuration.
                audience: _,
                refresh: _,
                path: _,
                passed: _,
                harmless: _,
                confirmations: _,
                directories: _,
                locked: _,
                daemon: _,
            } = &*file.content;
            for (name, value) in commands {
                found.add((*name).to_owned(), value, visible::command(&value.value), true);
            }
            let asked = env.iter().filter(|(name, _)| !is_harmless(name, harmless));
            for (name, value) in asked {
                let visible = visible::variable(file.layer, name, &value.value);
                found.add(format!("env.{name}"), value, visible, false);
            }
        }
        scripts.iter().for_each(|script| found.script(script));
        let Collector { digest, items, .. } = found;
        let Workspace { root, device, inode } = workspace.clone();
        (!items.is_empty()).then(|| Self { root, device, inode, digest: digest.hex(), items })
    }

    /// An item that cannot be shown in full, and so cannot be trusted.
    pub fn hidden(&self) -> Option<&Item> {
        self.items.iter().find(|item| !item.whole)
    }
}

// === impl Collector ===

impl<'a> Collector<'a> {
    fn new(workspace: &'a Workspace) -> Self {
        let mut digest = Fields::new("claviger trust subject 1");
        digest.path(&workspace.root);
        digest.add(&workspace.device.to_be_bytes());
        digest.add(&workspace.inode.to_be_bytes());
        Self { workspace, digest, items: Vec::new() }
    }

    fn add(
        &mut self,
        name: String,
        value: &Located<String>,
        Visible { text, whole }: Visible,
        command: bool,
    ) {
        let fingerprint = self.note([value.layer.name(), &name, &value.value]);
        self.items.push(Item { name, value: text, fingerprint, command, whole, at: value.at.clone() });
    }

    fn script(&mut self, script: &Script) {
        let (name, value) = (format!("file {}", script.name), script.state.clone());
        let fingerprint = self.note(["file", &name, &value]);
        self.items.push(Item {
            name,
            value,
            fingerprint,
            command: false,
            whole: true,
            at: script.at.clone(),
        });
    }

    /// An unusable file can be ignored, but not trusted. Its error identifies it: none of its content counts.
    fn broken(&mut self, file: &File, problem: &Problem) {
        let below = file.path.strip_prefix(&self.workspace.root).unwrap_or(&file.path).to_string_lossy();
        let name = format!("file {below}");
        let fingerprint = self.note(["broken", &name, &problem.message]);
        let at = problem.location.clone().unwrap_or_else(|| Location::of_file(&file.path));
        let value = format!("cannot be used: {}", problem.message);
        self.items.push(Item { name, value, fingerprint, command: false, whole: false, at });
    }

    /// Adds fields to the digest of the subject, and returns their own digest.
    fn note(&mut self, fields: [&str; 3]) -> String {
        let mut own = Fields::new("claviger trust item 1");
        own.path(&self.workspace.root);
        for field in fields {
            own.add(field.as_bytes());
            self.digest.add(field.as_bytes());
        }
        own.hex()
    }
}

// === impl Fields ===

impl Fields {
    fn new(domain: &str) -> Self {
        let mut fields = Self(Sha256::new());
        fields.add(domain.as_bytes());
        fields
    }

    fn add(&mut self, field: &[u8]) {
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
    }

    fn path(&mut self, path: &Path) {
        self.add(path.as_os_str().as_encoded_bytes());
    }

    fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
