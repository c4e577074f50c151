//! Points a tool's own hook at claviger, and undoes that exactly.
//!
//! What a file becomes is computed purely, from what it would be without the hook; [`file`](mod@file) alone writes. The
//! record of what was done is written first, then the file that receives a command, then the one that loses it: no command
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
    /// How it is written.
    pub(crate) kind: Kind,
    /// The configuration directory whose part of it is changed, if it has parts.
    pub(crate) directory: Option<String>,
    /// Its content so far.
    pub(crate) text: String,
    /// Whether it exists without the hook.
    pub(crate) existed: bool,
    /// What was changed so far.
    pub(crate) splices: Vec<Splice>,
}

/// What a person has to know beside the changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Guidance {
    /// Sentences.
    pub(crate) notes: Vec<String>,
    /// Variables to set where the tool runs.
    pub(crate) variables: Vec<(String, String)>,
    /// The commands behind the hooks, by their keys.
    pub(crate) behind: Vec<(&'static str, String)>,
}

// === impl Draft ===

impl Draft {
    /// Begins with what the file is without the hook.
    pub(crate) fn new(path: &Path, kind: Kind, base: Option<&str>) -> Self {
        let text = base.unwrap_or_default().to_owned();
        let (path, existed) = (path.to_owned(), base.is_some());
        Self { path, kind, directory: None, text, existed, splices: Vec::new() }
    }

    /// Its path as text.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Makes a change, if there is one.
    pub(crate) fn add(&mut self, change: Option<Splice>) {
        if let Some(change) = change {
            self.text = change.apply(&self.text);
            self.splices.push(change);
        }
    }
}
