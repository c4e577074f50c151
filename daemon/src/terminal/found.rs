//! What was found in a terminal. Pure.

use std::collections::BTreeMap;

/// `PATH` of a command about whose terminal nothing is known.
const SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// By the text of each command.
    pub(super) commands: BTreeMap<String, Programs>,
    /// For the programs that the files of a cloud name, and its own tools.
    pub(super) chain: Programs,
    /// For what names no program.
    pub(super) other: Programs,
    /// Every directory that is searched for the programs of commands, as a `PATH`.
    pub searched: String,
    /// Surroundings that the session lends to the commands that it starts.
    pub lent: BTreeMap<String, String>,
    /// Surroundings that others could change, so they are part of a command's identity.
    pub kept: BTreeMap<String, String>,
    /// Where variables lead that hold the path of a symlink, or one through it.
    pub leads: BTreeMap<String, String>,
}

/// The programs of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Its `PATH`.
    pub path: String,
    /// The files that its words mean.
    pub files: Vec<String>,
}

impl Default for Programs {
    fn default() -> Self {
        Self { path: SYSTEM.to_owned(), files: Vec::new() }
    }
}

// === impl Terminal ===

impl Terminal {
    /// The programs of the command `text`.
    pub fn programs(&self, text: &str) -> &Programs {
        self.commands.get(text).unwrap_or(&self.other)
    }

    /// The programs of a cloud's SDK.
    pub fn chain(&self) -> &Programs {
        &self.chain
    }

    /// The programs of what names none.
    pub fn other(&self) -> &Programs {
        &self.other
    }
}
