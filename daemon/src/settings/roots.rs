//! Where settings files are: what depends on the session, and what does not.

use crate::host::files;
use claviger::session::SessionContext;
use std::{
    ffi::OsStr,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the files are that do not depend on the session.
#[derive(Clone, Debug)]
pub struct Roots {
    /// The home directory of the daemon's user, whatever a session calls its own.
    pub home: PathBuf,
    /// Directory of the managed settings: `/etc/claude-code`.
    pub managed: PathBuf,
    /// Claviger's `config.toml`.
    pub config: PathBuf,
    /// Who must own the managed settings: 0.
    pub managed_owner: u32,
    /// How long a look at the files counts.
    pub recheck_after: Duration,
}

/// All a snapshot depends on besides the filesystem. Compared as text, which is ten times as fast as by components: two
/// spellings of a directory are two keys.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) cwd: PathBuf,
    pub(super) home: Option<PathBuf>,
    /// Directory of the user's settings.
    pub(super) config: Option<PathBuf>,
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
        Self {
            cwd: session.cwd.clone(),
            home: session.directory("HOME").map(PathBuf::from),
            config: session.config_directory(),
        }
    }

    /// Whether its working directory does not exist any more.
    pub(super) fn is_gone(&self) -> bool {
        files::identity(&self.cwd).is_none()
    }

    fn text(&self) -> [Option<&OsStr>; 3] {
        [
            Some(self.cwd.as_os_str()),
            self.home.as_deref().map(Path::as_os_str),
            self.config.as_deref().map(Path::as_os_str),
        ]
    }
}
