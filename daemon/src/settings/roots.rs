//! Where settings files are: what depends on the session, and what does not.

use claviger::session::SessionContext;
use std::{path::PathBuf, time::Duration};

/// Where the files are that do not depend on the session.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Directory of the managed settings: `/etc/claude-code`.
    pub managed: PathBuf,
    /// Claviger's `config.toml`.
    pub config: PathBuf,
    /// Who must own the managed settings: 0.
    pub managed_owner: u32,
    /// How long a look at the files counts.
    pub recheck_after: Duration,
}

/// All a snapshot depends on besides the filesystem.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) cwd: PathBuf,
    pub(super) home: Option<PathBuf>,
    /// Directory of the user's settings.
    pub(super) config: Option<PathBuf>,
}

// === impl Key ===

impl Key {
    pub(super) fn of(session: &SessionContext) -> Self {
        Self {
            cwd: session.cwd.clone(),
            home: session.directory("HOME").map(PathBuf::from),
            config: session.config_directory(),
        }
    }
}
