//! All files of one session, and their merged values. Pure.

use super::{
    Confirm, Confirmations, Decision, Demand, File, FileState, Layer, Located, Refresh, Subject, Workspace,
    harmless::{harmless_of, is_harmless},
};
use claviger::{
    passed::Passed,
    reason::{Location, Problem},
    session::SessionMode,
    variables,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// All files for one workspace and one home, at one instant.
#[derive(Debug)]
pub struct Snapshot {
    /// The workspace.
    pub workspace: Workspace,
    /// Files from the highest layer to the lowest, without the explicit one. Within a layer the stronger file is first.
    pub files: Vec<File>,
    /// The requests of the workspace's files; `None` if there are none.
    pub subject: Option<Subject>,
    /// The home and configuration directory.
    pub directories: Directories,
}

/// Device and inode of a session's directories: the same path leads to another one after a symlink was changed, as
/// tools do that switch between profiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directories {
    /// Of `HOME`.
    pub home: Option<(u64, u64)>,
    /// Of `CLAUDE_CONFIG_DIR`, else `~/.claude`.
    pub config: Option<(u64, u64)>,
}

/// Overhead of a snapshot besides contents and items: paths and checks.
const SIZE: usize = 4 * 1024;
/// Overhead of an item.
const ITEM: usize = 256;

/// The layers that count in a session. Managed ones always do: they carry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Only `--settings` (bare sessions).
    Explicit,
    /// Only policy (managed sessions).
    Policy,
}

/// The settings of one session, for binding sources.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its files.
    pub snapshot: Arc<Snapshot>,
    /// Settings passed with `--settings`.
    pub explicit: Option<Arc<File>>,
    /// The decision about the workspace.
    pub decision: Decision,
    /// Layers that count.
    pub scope: Scope,
}

/// Result of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// No layer sets it.
    Unset,
    /// Set, and may be used.
    Set(&'a Located<String>),
    /// Set by an undecided workspace.
    Untrusted(&'a Located<String>),
}

// === impl Snapshot ===

impl Snapshot {
    /// The variables that the user lets commands have in addition to the list.
    pub fn passed(&self) -> &Passed {
        const NONE: &Passed = &Passed::NONE;
        // The user's own: the administrator's has none.
        let config = self.files.iter().find(|file| file.layer == Layer::Config);
        config.map_or(NONE, |file| &file.content.passed)
    }

    /// The variables that the user declares harmless.
    pub fn harmless(&self) -> &[Located<String>] {
        harmless_of(&self.files)
    }

    /// Whether workspace, files and requests are the same; requests can depend on more than the files' content.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        self.workspace == other.workspace
            && self.files == other.files
            && self.subject == other.subject
            && self.directories == other.directories
    }

    /// Approximate memory in bytes, including shared parts.
    pub fn size(&self) -> usize {
        self.own_size() + self.files.iter().map(|file| file.content.size()).sum::<usize>()
    }

    /// The same without its files.
    pub(super) fn own_size(&self) -> usize {
        let items = self.subject.iter().flat_map(|subject| &subject.items);
        SIZE + items.map(|item| ITEM + item.value.len() + item.at.file.len()).sum::<usize>()
    }
}

// === impl Scope ===

impl Scope {
    /// The scope of sessions of `mode`.
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

    /// Every file whose commands and variables count. In bare and in managed sessions, managed settings are only policy
    /// (`spec/behaviour.md` A6: a helper comes from `--settings` only).
    pub fn sources(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| self.scope == Scope::All || file.layer != Layer::Managed)
    }

    /// Whether a layer counts in this session. Managed settings always do: they carry policy.
    pub fn takes_part(&self, layer: Layer) -> bool {
        match layer {
            Layer::Managed => true,
            Layer::Explicit => self.scope != Scope::Policy,
            Layer::Local | Layer::Project => self.scope == Scope::All && self.decision != Decision::Ignored,
            Layer::User | Layer::Config => self.scope == Scope::All,
        }
    }

    /// When a person is asked before the credential of `source` is lent, or of its `account`, which comes first. The
    /// layer counts in every mode, because it only restricts.
    ///
    /// # Errors
    /// The problem of an unreadable configuration: it may require confirmations.
    pub fn confirm(&self, source: &str, account: Option<&str>) -> Result<Confirm, Problem> {
        let mut strictest = Confirm::Never;
        for file in self.snapshot.files.iter().filter(|file| file.layer == Layer::Config) {
            if let FileState::Invalid(problem) = &file.state {
                return Err(problem.clone());
            }
            let Confirmations { accounts, sources } = &file.content.confirmations;
            let own = account.and_then(|account| accounts.get(account));
            strictest = strictest.max(own.or_else(|| sources.get(source)).copied().unwrap_or_default());
        }
        Ok(strictest)
    }

    /// The user's values without effect, because the administrator's configuration locks their keys: the key, where the
    /// value is, and where the key is locked.
    pub fn overruled(&self) -> Vec<(&str, &Location, &Location)> {
        let is_config = |file: &&File| file.layer == Layer::Config;
        let Some(system) = self.snapshot.files.iter().rev().find(is_config) else { return Vec::new() };
        let mut found = Vec::new();
        for locked in &system.content.locked {
            for file in self.files().filter(|file| file.layer > Layer::Managed && file.path != system.path) {
                let at = match locked.value.split_once('.') {
                    Some(("daemon", key)) => file.content.daemon.get(key),
                    Some((_, key)) => file.content.commands.get(key).map(|command| &command.at),
                    None => None,
                };
                found.extend(at.map(|at| (locked.value.as_str(), at, &locked.at)));
            }
        }
        found
    }

    /// When the command under `key` runs. The user's own configuration decides that for a command of any layer.
    pub fn refresh(&self, key: &str) -> Refresh {
        let said = self.snapshot.files.iter().find_map(|file| file.content.refresh.get(key));
        said.copied().unwrap_or_default()
    }

    /// The command under `key` of [`super::COMMANDS`].
    pub fn command(&self, key: &str) -> Lookup<'_> {
        self.judge(self.sources().find_map(|file| file.content.commands.get(key)), false)
    }

    /// The variable `name` of the merged `env` blocks. An empty string means "unset". A harmless one of a workspace
    /// counts without a decision.
    pub fn variable(&self, name: &str) -> Lookup<'_> {
        let found = self.sources().find_map(|file| file.content.env.get(name));
        self.judge(found, is_harmless(name, self.snapshot.harmless()))
    }

    /// Directories searched for programs of every command, from `path` in claviger's own configuration.
    pub fn path(&self, home: Option<&Path>) -> impl Iterator<Item = PathBuf> {
        let files = self.sources().filter(|file| file.layer == Layer::Config);
        files.flat_map(|file| &file.content.path).filter_map(move |directory| {
            match directory.value.strip_prefix("~/") {
                Some(below) => Some(home?.join(below)),
                None => Some(directory.value.clone().into()),
            }
        })
    }

    /// Whether commands of the session get its variable `name`, from `pass_environment` in claviger's own
    /// configuration.
    pub fn passes(&self, name: &str) -> bool {
        self.takes_part(Layer::Config) && self.snapshot.passed().has(name)
    }

    /// The variables of workspace files that need a decision, the strongest file first, whatever was decided. None in
    /// sessions that read no such file.
    pub fn of_workspace(&self) -> impl Iterator<Item = (&str, &Located<String>)> {
        let files =
            self.snapshot.files.iter().filter(|file| self.scope == Scope::All && file.layer.is_workspace());
        let set = files.flat_map(|file| &file.content.env).map(|(name, value)| (name.as_str(), value));
        set.filter(|(name, _)| !is_harmless(name, self.snapshot.harmless()))
    }

    /// The values under `key` of [`super::POLICIES`], the strongest file first: of managed settings, or of the others,
    /// which have no effect.
    pub fn demands(&self, key: &str, managed: bool) -> impl Iterator<Item = &Located<Demand>> {
        let files = self.files().filter(move |file| (file.layer == Layer::Managed) == managed);
        files.filter_map(move |file| file.content.policies.get(key))
    }

    /// The merged `env` blocks of all permitted layers, for the environment of commands. Harmless variables of a
    /// workspace reach no command before trust.
    pub fn environment(&self) -> BTreeMap<&str, &str> {
        let mut merged = BTreeMap::new();
        for file in self.sources() {
            for (name, value) in &file.content.env {
                if !self.is_untrusted(value.layer) && !variables::is_own(name) {
                    merged.entry(name.as_str()).or_insert(value.value.as_str());
                }
            }
        }
        merged
    }

    /// The first broken file without a last valid content; while there is one, nothing can be resolved. A workspace's
    /// file can be ignored instead of fixed.
    pub fn broken(&self) -> Option<Problem> {
        self.files().find_map(|file| match &file.state {
            FileState::Invalid(problem) if file.layer.is_workspace() => {
                let hint = problem.hint.as_deref().unwrap_or("correct the file");
                Some(problem.clone().hint(format!("{hint}; or `trust ignore` ignores the workspace's files")))
            }
            FileState::Invalid(problem) => Some(problem.clone()),
            _ => None,
        })
    }

    /// Problems of broken files whose last valid content still counts.
    pub fn kept(&self) -> impl Iterator<Item = &Problem> {
        self.files().filter_map(|file| match &file.state {
            FileState::KeptLastGood(problem) => Some(problem),
            _ => None,
        })
    }

    fn judge<'a>(&self, found: Option<&'a Located<String>>, harmless: bool) -> Lookup<'a> {
        match found {
            None => Lookup::Unset,
            Some(value) if self.is_untrusted(value.layer) && !harmless => Lookup::Untrusted(value),
            Some(value) => Lookup::Set(value),
        }
    }

    fn is_untrusted(&self, layer: Layer) -> bool {
        layer.is_workspace() && self.decision != Decision::Trusted
    }
}
