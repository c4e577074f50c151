//! Remedies if no daemon can be reached.

use super::{error::ConnectError, way};
use crate::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use std::{io::ErrorKind, path::Path};

impl ConnectError {
    /// The next step in words, and the remedy.
    pub fn help(&self) -> (&str, Option<Remedy>) {
        match self {
            Self::Unreachable { path, .. } if !way::is_default(Path::new(path)) => (
                "that socket was named, so no daemon is started in its place: start its daemon, its share or its ssh again",
                None,
            ),
            Self::Sandboxed { .. } => (
                "allow it in the sandbox of this process: `sandbox.network.allowAllUnixSockets` (on macOS \
                    `allowUnixSockets`) in the settings of Claude Code, \
                    `[permissions.NAME.network.unix_sockets]` in the configuration of Codex",
                None,
            ),
            Self::Unreachable { .. } if way::lost_runtime_directory().is_some() => (
                "the directory that XDG_RUNTIME_DIR names is gone: you were logged out; `loginctl enable-linger` keeps it for the next time",
                Some(Remedy::claviger(&["daemon", "start"])),
            ),
            Self::Unreachable { cause, .. } if cause.kind() == ErrorKind::ConnectionReset => (
                "the daemon accepted the connection and ended before it answered",
                Some(Remedy::claviger(&["doctor"])),
            ),
            Self::Unreachable { .. } => (
                "any verb that needs a credential starts it, unless --no-start is given",
                Some(Remedy::claviger(&["daemon", "start"])),
            ),
            Self::Unsafe { remedy, .. } => (
                "the directory must be yours with mode 0700; --socket or $CLAVIGER_SOCK names another socket",
                remedy.clone(),
            ),
            Self::Blocked { hint, remedy, .. } => (hint, remedy.clone()),
            Self::NotStarted(problem) => (problem.hint.as_deref().unwrap_or_default(), problem.helps()),
            Self::Handshake(_) => (
                "another program may own that socket, or it is a gate, which takes requests for the API alone; --socket or $CLAVIGER_SOCK names another one",
                None,
            ),
        }
    }
}

impl From<ConnectError> for Problem {
    /// The daemon's own problem where one did not start, else `source-unavailable`.
    fn from(error: ConnectError) -> Self {
        let (words, remedy) = error.help();
        let problem = Self::new(Reason::SourceUnavailable, error.to_string()).remedy(remedy);
        let problem = if words.is_empty() { problem } else { problem.hint(words) };
        match error {
            ConnectError::NotStarted(told) => *told,
            _ => problem,
        }
    }
}
