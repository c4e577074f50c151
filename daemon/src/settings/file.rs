//! One settings file: its layer, its state, and its content.

use super::{Confirmations, Demand};
use claviger::{
    passed::Passed,
    reason::{Location, Problem},
};
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

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

/// A value and its place. Its Debug text shows only the place: values can be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its layer.
    pub layer: Layer,
    /// Its place.
    pub at: Location,
}

/// The content of one file that claviger uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Commands by key of [`super::COMMANDS`].
    pub commands: BTreeMap<&'static str, Located<String>>,
    /// Commands that are claviger itself, and variables that lead to its gate: they count as not set (DESIGN §4).
    pub hooks: BTreeMap<&'static str, Located<String>>,
    /// The `env` block: every entry with a valid name.
    pub env: BTreeMap<String, Located<String>>,
    /// Keys of [`super::POLICIES`] that the file sets, to any value.
    pub policies: BTreeMap<&'static str, Located<Demand>>,
    /// Permitted destinations of a helper's key: `audience` of claviger's own configuration. As written.
    pub audience: Vec<Located<String>>,
    /// When commands that print credentials run, by key: `refresh` of claviger's own configuration.
    pub refresh: BTreeMap<&'static str, Refresh>,
    /// Directories searched for programs of every command: `path` of claviger's own configuration. As written.
    pub path: Vec<Located<String>>,
    /// Variables that commands get in addition to the list: `pass_environment` of claviger's own configuration.
    pub passed: Passed,
    /// Variables that the user declares harmless: `[trust]` of claviger's own configuration.
    pub harmless: Vec<Located<String>>,
    /// Required confirmations: `[account.NAME]` and `[source.NAME]` of claviger's own configuration.
    pub confirmations: Confirmations,
    /// Keys that win over the user's: `locked` of the administrator's configuration.
    pub locked: Vec<Located<String>>,
    /// The keys of `[daemon]` in claviger's own configuration.
    pub daemon: BTreeMap<String, Location>,
    /// Values that come first with one configuration directory: `[settings.directory."PATH"]` of claviger's own
    /// configuration.
    pub directories: BTreeMap<PathBuf, Content>,
}

/// When a command that prints a credential runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
pub enum Refresh {
    /// Ahead of the expiry of its output, once for each use, and when a session asks.
    #[default]
    Ahead,
    /// Only when a session asks.
    OnDemand,
}

// === impl Refresh ===

impl Refresh {
    /// The words in the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("ahead", Self::Ahead), ("on-demand", Self::OnDemand)];
}

/// Overhead of an entry.
const ENTRY: usize = 256;

/// State of a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Does not exist.
    Absent,
    /// Read and used.
    Loaded,
    /// Broken; [`File::content`] is the last valid one.
    KeptLastGood(Problem),
    /// Broken and never valid.
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
    /// Its content; empty if absent or invalid.
    pub content: Arc<Content>,
}

// === impl Located ===

impl<T> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Located({} layer, {})", self.layer.name(), self.at)
    }
}

// === impl Content ===

impl Content {
    /// Approximate memory in bytes.
    pub(super) fn size(&self) -> usize {
        let Self { commands, hooks, env, directories, .. } = self;
        let texts = commands.iter().chain(hooks).map(|(name, text)| (name.len(), text));
        let variables = env.iter().map(|(name, text)| (name.len(), text));
        let own: usize = texts
            .chain(variables)
            .map(|(name, text)| name + text.value.len() + text.at.file.len() + ENTRY)
            .sum();
        own + directories.values().map(Self::size).sum::<usize>()
    }

    /// The commands whose keys are locked, and nothing else.
    pub(super) fn locked(&self) -> Self {
        let is_locked =
            |key: &str| self.locked.iter().any(|locked| locked.value.strip_prefix("settings.") == Some(key));
        let locked = self.commands.iter().filter(|(key, _)| is_locked(key));
        let as_managed = |(key, command): (&&'static str, &Located<String>)| {
            (*key, Located { layer: Layer::Managed, ..command.clone() })
        };
        Self { commands: locked.map(as_managed).collect(), ..Self::default() }
    }

    /// The content for sessions of a configuration directory: its own values come first.
    pub(super) fn within(&self, own: &Self) -> Self {
        // Without "..": each key is either set for a directory, or cannot be.
        let Self {
            commands,
            hooks,
            env,
            audience,
            refresh,
            policies: _,
            path: _,
            passed: _,
            harmless: _,
            confirmations: _,
            directories: _,
            locked: _,
            daemon: _,
        } = own.clone();
        let mut content = self.clone();
        content.commands.extend(commands);
        content.hooks.extend(hooks);
        content.env.extend(env);
        content.audience.extend(audience);
        content.refresh.extend(refresh);
        content
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
