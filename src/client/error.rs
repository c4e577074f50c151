//! Errors of a connection attempt.

use crate::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use std::{error::Error as _, io::ErrorKind};

/// Why no connection to the daemon could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No daemon listens on the socket.
    #[error("no daemon answers on {path}: {cause}")]
    Unreachable {
        /// The socket.
        path: String,
        /// The kernel's error.
        cause: std::io::Error,
    },
    /// The socket or its directory is unsafe.
    #[error("{path} is not safe to use: {why}")]
    Unsafe {
        /// The socket or directory.
        path: String,
        /// The fault.
        why: String,
        /// The remedy.
        remedy: Option<Remedy>,
    },
    /// This process has no access to the socket.
    #[error("cannot reach a daemon at {path}: {why}")]
    Blocked {
        /// The socket or directory.
        path: String,
        /// The obstacle.
        why: String,
        /// What to do about it, in words.
        hint: String,
        /// The remedy.
        remedy: Option<Remedy>,
    },
    /// This process may not use Unix sockets at all: a sandbox forbids it.
    #[error("this process may not use Unix sockets, so {path} cannot be reached: {cause}")]
    Sandboxed {
        /// The socket.
        path: String,
        /// The kernel's error.
        cause: std::io::Error,
    },
    /// A daemon was started but is not ready; the problem is its own message, if it printed one.
    #[error("the daemon did not start: {0}")]
    NotStarted(Box<Problem>),
    /// The server that answers does not speak this daemon's protocol.
    #[error("the server on the socket does not speak HTTP/2")]
    Handshake(#[from] hyper::Error),
}

impl ConnectError {
    /// The started daemon is not ready and printed no error. In the foreground it shows more.
    pub(super) fn not_started(message: String) -> Self {
        let problem = Problem::new(Reason::SourceUnavailable, message);
        Self::NotStarted(Box::new(problem.remedy(Remedy::claviger(&["daemon", "run"]))))
    }

    /// Whether a process listens there but accepts new connections slowly.
    pub(super) fn is_queue_full(&self) -> bool {
        matches!(self, Self::Unreachable { cause, .. } if cause.kind() == ErrorKind::WouldBlock)
    }

    /// Whether another attempt may succeed soon: the queue of new connections is full, a daemon ended while it accepted
    /// a connection, or a daemon that this attempt has `started` is gone already.
    pub(super) fn may_pass(&self, started: bool) -> bool {
        match self {
            Self::Unreachable { cause, .. } => {
                started || matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset)
            }
            Self::Handshake(error) => !is_not_http2(error),
            // For example when its predecessor was killed and has not released its lock yet.
            Self::NotStarted(problem) => problem.retry_after.is_some(),
            Self::Unsafe { .. } | Self::Blocked { .. } | Self::Sandboxed { .. } => false,
        }
    }
}

/// Whether the server sent bytes that are not HTTP/2.
pub(super) fn is_not_http2(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_library() && cause.is_go_away())
}
