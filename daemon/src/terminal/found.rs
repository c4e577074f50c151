//! Facts about a terminal. Pure.

use std::collections::BTreeMap;

/// `PATH` of a command with an unknown terminal.
const SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

/// Facts about a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// By the text of each command.
    pub(super) commands: BTreeMap<String, Programs>,
    /// For the programs that a cloud's files name, and its own tools.
    pub(super) chain: Programs,
    /// For commands that name no program.
    pub(super) other: Programs,
    /// Every directory searched for programs of commands, as a `PATH`.
    pub searched: String,
    /// Surroundings that the session lends to the commands that it starts.
    pub lent: BTreeMap<String, String>,
    /// Surroundings that others could change, so they are part of a command's identity.
    pub kept: BTreeMap<String, String>,
    /// Targets of variables whose paths contain symlinks.
    pub leads: BTreeMap<String, String>,
}

/// The programs of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Its `PATH`.
    pub path: String,
    /// The files of its words.
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

    /// The programs of a command that names none.
    pub fn other(&self) -> &Programs {
        &self.other
    }
}
