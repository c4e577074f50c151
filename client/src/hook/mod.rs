//! Points a tool's own hook at claviger, and undoes that exactly.
//!
//! The new content of a file is computed without effects, from its content without the hook; only [`file`](mod@file)
//! writes. The record is written first, then the file that receives a command, then the file that loses it: no command
//! is lost, whenever this process ends.

pub(crate) mod aws;
pub(crate) mod claude;
pub(crate) mod cloud;
pub(crate) mod diff;
pub(crate) mod file;
pub(crate) mod google;
pub(crate) mod ini;
pub(crate) mod json;
pub(crate) mod plan;
pub(crate) mod program;
pub(crate) mod record;
pub(crate) mod splice;
pub(crate) mod toml;
pub(crate) mod undo;

use record::Kind;
use splice::Splice;
use std::path::{Path, PathBuf};

/// A file that is being changed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its format.
    pub(crate) kind: Kind,
    /// The configuration directory whose part of it is changed, if it has parts.
    pub(crate) directory: Option<String>,
    /// Its content so far.
    pub(crate) text: String,
    /// Whether it exists without the hook.
    pub(crate) existed: bool,
    /// Changes so far.
    pub(crate) splices: Vec<Splice>,
}

/// Messages for a person besides the changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Guidance {
    /// Sentences.
    pub(crate) notes: Vec<String>,
    /// Variables to set where the tool runs.
    pub(crate) variables: Vec<(String, String)>,
    /// The commands behind the hooks, by their keys.
    pub(crate) behind: Vec<(&'static str, String)>,
    /// Next steps after the installation.
    pub(crate) next: Option<String>,
}

// === impl Draft ===

impl Draft {
    /// Starts with the content without the hook.
    pub(crate) fn new(path: &Path, kind: Kind, base: Option<&str>) -> Self {
        let text = base.unwrap_or_default().to_owned();
        let (path, existed) = (path.to_owned(), base.is_some());
        Self { path, kind, directory: None, text, existed, splices: Vec::new() }
    }

    /// Its path as text.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Adds a change, if there is one.
    pub(crate) fn add(&mut self, change: Option<Splice>) {
        if let Some(change) = change {
            self.text = change.apply(&self.text);
            self.splices.push(change);
        }
    }
}
