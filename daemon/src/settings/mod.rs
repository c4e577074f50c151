//! What the settings files say, layer by layer, and where each value stands.
//!
//! Here lives the vocabulary and the pure merging. Parsing is in [`parse`], reading and caching in [`store`],
//! change events in [`watch`], finding the workspace in [`workspace`], a session's own variables beside those of the
//! files in [`effective`]. Nothing here decides about trust; the decision comes in from [`crate::trust`].

pub mod effective;
#[cfg(test)]
mod house;
mod load;
mod loaded;
mod memory;
pub mod parse;
pub mod store;
pub mod watch;
pub mod workspace;

use crate::{
    policy::Demand,
    trust::{Decision, Subject},
};
use claviger::{
    reason::{Location, Problem},
    session::SessionMode,
};
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};
pub use workspace::Workspace;

/// Settings layers from the highest to the lowest (DESIGN §4; `spec/behaviour.md` A1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// `/etc/claude-code/managed-settings.json` and its drop-ins.
    Managed,
    /// Passed with `--settings`.
    Explicit,
    /// `.claude/settings.local.json`.
    Local,
    /// `.claude/settings.json` of the workspace.
    Project,
    /// `~/.claude/settings.json` or `$CLAUDE_CONFIG_DIR/settings.json`.
    User,
    /// `[settings]` of `~/.config/claviger/config.toml`.
    Config,
}

pub use claviger::hook::COMMANDS;

/// The managed settings keys that restrict how anyone may log in.
pub const POLICIES: [&str; 2] = ["forceLoginMethod", "forceLoginOrgUUID"];

/// A value and where it stands. Its Debug text shows the place only: values can be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its layer.
    pub layer: Layer,
    /// Where it stands.
    pub at: Location,
}

/// What one file says, as far as claviger cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Commands by key of [`COMMANDS`].
    pub commands: BTreeMap<&'static str, Located<String>>,
    /// Commands that are claviger itself: they count as not set (DESIGN §4).
    pub hooks: BTreeMap<&'static str, Located<String>>,
    /// The `env` block: every entry with a valid name.
    pub env: BTreeMap<String, Located<String>>,
    /// Keys of [`POLICIES`] that the file sets, to whatever.
    pub policies: BTreeMap<&'static str, Located<Demand>>,
}

/// State of a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Does not exist.
    Absent,
    /// Read and used.
    Loaded,
    /// Broken; [`File::content`] is the last good one.
    KeptLastGood(Problem),
    /// Broken, and never was good.
    Invalid(Problem),
}

/// A settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its layer.
    pub layer: Layer,
    /// Its path as the user knows it (symlinks not resolved).
    pub path: PathBuf,
    /// Its state.
    pub state: FileState,
    /// What it says; empty if absent or invalid.
    pub content: Arc<Content>,
}

/// All files that can concern one workspace and one home, at one instant.
#[derive(Debug)]
pub struct Snapshot {
    /// The workspace.
    pub workspace: Workspace,
    /// Files from the highest layer to the lowest, without the explicit one. Within a layer the stronger file is first.
    pub files: Vec<File>,
    /// What the workspace's files ask for; `None` if they ask for nothing.
    pub subject: Option<Subject>,
}

/// Which layers count in a session. Managed ones always do: they carry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// What was passed with `--settings` (bare sessions).
    Explicit,
    /// None but policy (managed sessions).
    Policy,
}

/// The settings of one session: the view that sources bind against.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The files behind it.
    pub snapshot: Arc<Snapshot>,
    /// Settings passed with `--settings`.
    pub explicit: Option<Arc<File>>,
    /// What has been decided about the workspace.
    pub decision: Decision,
    /// Which layers count.
    pub scope: Scope,
}

/// What a lookup finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// No layer sets it.
    Unset,
    /// Set, and may be used.
    Set(&'a Located<String>),
    /// Set by a workspace about which nobody has decided.
    Untrusted(&'a Located<String>),
}

// === impl Located ===

impl<T> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Located({} layer, {})", self.layer.name(), self.at)
    }
}

// === impl Layer ===

impl Layer {
    /// Name for people, logs and the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Explicit => "explicit",
            Self::Local => "local",
            Self::Project => "project",
            Self::User => "user",
            Self::Config => "config",
        }
    }

    /// Whether the repository, not the user, writes this layer.
    pub fn is_workspace(self) -> bool {
        matches!(self, Self::Local | Self::Project)
    }
}

// === impl Scope ===

impl Scope {
    /// What counts in sessions of `mode`.
    pub fn of(mode: SessionMode) -> Self {
        match mode {
            SessionMode::Standard | SessionMode::Homespace => Self::All,
            SessionMode::Bare => Self::Explicit,
            SessionMode::Managed => Self::Policy,
        }
    }
}

// === impl Settings ===

impl Settings {
    /// Every file that takes part, from the highest layer to the lowest.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        let explicit = self.explicit.as_deref();
        let (above, below) = self.snapshot.files.split_at(
            self.snapshot
                .files
                .iter()
                .position(|file| file.layer > Layer::Explicit)
                .unwrap_or(self.snapshot.files.len()),
        );
        above.iter().chain(explicit).chain(below).filter(|file| self.takes_part(file.layer))
    }

    /// Every file whose commands and variables count. In a bare session managed settings are policy and nothing else
    /// (`spec/behaviour.md` A6: a helper comes from `--settings` only), and in a managed one.
    pub fn sources(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| self.scope == Scope::All || file.layer != Layer::Managed)
    }

    /// Whether a layer counts in this session at all. Managed settings always do: they carry policy.
    pub fn takes_part(&self, layer: Layer) -> bool {
        match layer {
            Layer::Managed => true,
            Layer::Explicit => self.scope != Scope::Policy,
            Layer::Local | Layer::Project => self.scope == Scope::All && self.decision != Decision::Ignored,
            Layer::User | Layer::Config => self.scope == Scope::All,
        }
    }

    /// The command under `key` of [`COMMANDS`].
    pub fn command(&self, key: &str) -> Lookup<'_> {
        self.judge(self.sources().find_map(|file| file.content.commands.get(key)))
    }

    /// The variable `name` of the merged `env` blocks. Set to an empty string it means "unset".
    pub fn variable(&self, name: &str) -> Lookup<'_> {
        self.judge(self.sources().find_map(|file| file.content.env.get(name)))
    }

    /// What is said under `key` of [`POLICIES`], the strongest file first: by managed settings, or by the others, which
    /// have no say in it.
    pub fn demands(&self, key: &str, managed: bool) -> impl Iterator<Item = &Located<Demand>> {
        let files = self.files().filter(move |file| (file.layer == Layer::Managed) == managed);
        files.filter_map(move |file| file.content.policies.get(key))
    }

    /// The merged `env` blocks of all layers that may be used, for the environment of commands.
    pub fn environment(&self) -> BTreeMap<&str, &str> {
        let mut merged = BTreeMap::new();
        for file in self.sources() {
            for (name, value) in &file.content.env {
                if !self.is_untrusted(value.layer) {
                    merged.entry(name.as_str()).or_insert(value.value.as_str());
                }
            }
        }
        merged
    }

    /// The first broken file that has no last good content; while there is one, nothing may be resolved.
    pub fn broken(&self) -> Option<&Problem> {
        self.files().find_map(|file| match &file.state {
            FileState::Invalid(problem) => Some(problem),
            _ => None,
        })
    }

    /// What is wrong with broken files whose last good content still counts.
    pub fn kept(&self) -> impl Iterator<Item = &Problem> {
        self.files().filter_map(|file| match &file.state {
            FileState::KeptLastGood(problem) => Some(problem),
            _ => None,
        })
    }

    fn judge<'a>(&self, found: Option<&'a Located<String>>) -> Lookup<'a> {
        match found {
            None => Lookup::Unset,
            Some(value) if self.is_untrusted(value.layer) => Lookup::Untrusted(value),
            Some(value) => Lookup::Set(value),
        }
    }

    fn is_untrusted(&self, layer: Layer) -> bool {
        layer.is_workspace() && self.decision != Decision::Trusted
    }
}

#[cfg(test)]
mod tests;
