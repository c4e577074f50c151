//! Locations of settings files: those that depend on the session, and those that do not.

use crate::host::files;
use claviger::session::SessionContext;
use std::{
    ffi::OsStr,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

/// Locations that do not depend on the session.
#[derive(Clone, Debug)]
pub struct Roots {
    /// The home directory of the daemon's user, whatever HOME a session has.
    pub home: PathBuf,
    /// Directory of the managed settings: `/etc/claude-code`.
    pub managed: PathBuf,
    /// Claviger's `config.toml`.
    pub config: PathBuf,
    /// The files that the daemon's own environment names, even if others are in use.
    pub own: Own,
    /// The administrator's `config.toml`.
    pub system: PathBuf,
    /// Required owner of the managed settings and of [`Self::system`]: 0.
    pub managed_owner: u32,
    /// How long a look at the files counts.
    pub recheck_after: Duration,
}

/// Claviger's own files that an environment names, if they exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// `config.toml`.
    pub config: Option<PathBuf>,
    /// The list of accounts.
    pub accounts: Option<PathBuf>,
}

/// All inputs of a snapshot besides the filesystem. Compared as text, which is ten times as fast as by components; two
/// spellings of a directory are two keys.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) cwd: PathBuf,
    pub(super) home: Option<PathBuf>,
    /// Directory of the user's settings.
    pub(super) config: Option<PathBuf>,
    pub(super) own: Own,
}

// === impl Own ===

impl Own {
    /// From an environment with this home and these directories, if they are absolute.
    pub fn of(home: Option<&Path>, directory: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let below = |name: &str, default: &str, file: &str| {
            let directory = directory(name).or_else(|| Some(home?.join(default)));
            directory.map(|directory| directory.join(file))
        };
        Self {
            config: below("XDG_CONFIG_HOME", ".config", "claviger/config.toml"),
            accounts: below("XDG_STATE_HOME", ".local/state", "claviger/accounts.json"),
        }
    }
}

// === impl Key ===

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

impl Key {
    pub(super) fn of(session: &SessionContext) -> Self {
        let home = session.directory("HOME");
        Self {
            cwd: session.cwd.clone(),
            home: home.map(PathBuf::from),
            config: session.config_directory(),
            own: Own::of(home, |name| session.directory(name).map(PathBuf::from)),
        }
    }

    /// Whether its working directory does not exist any more.
    pub(super) fn is_gone(&self) -> bool {
        files::identity(&self.cwd).is_none()
    }

    fn text(&self) -> [Option<&OsStr>; 5] {
        [
            Some(self.cwd.as_os_str()),
            self.home.as_deref().map(Path::as_os_str),
            self.config.as_deref().map(Path::as_os_str),
            self.own.config.as_deref().map(Path::as_os_str),
            self.own.accounts.as_deref().map(Path::as_os_str),
        ]
    }
}
