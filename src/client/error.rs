//! Why there is no connection.

use crate::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use std::io::ErrorKind;

/// Why the daemon could not be talked to at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No daemon listens on the socket.
    #[error("no daemon answers on {path}: {cause}")]
    Unreachable {
        /// The socket.
        path: String,
        /// What the kernel said.
        cause: std::io::Error,
    },
    /// The socket or its directory is not what it must be.
    #[error("{path} is not safe to use: {why}")]
    Unsafe {
        /// The socket or directory.
        path: String,
        /// What is wrong with it.
        why: String,
        /// What helps.
        remedy: Option<Remedy>,
    },
    /// There is no way to the socket for this process.
    #[error("no daemon can be asked at {path}: {why}")]
    Blocked {
        /// The socket or directory.
        path: String,
        /// What is in the way.
        why: String,
        /// What to do about it, in words.
        hint: String,
        /// What helps.
        remedy: Option<Remedy>,
    },
    /// This process may not use Unix sockets at all: a sandbox forbids it.
    #[error("this process may not use Unix sockets, so {path} cannot be asked: {cause}")]
    Sandboxed {
        /// The socket.
        path: String,
        /// What the kernel said.
        cause: std::io::Error,
    },
    /// A daemon was started but did not come up; the problem is its own, if it said one.
    #[error("the daemon did not start: {0}")]
    NotStarted(Box<Problem>),
    /// Something answers, but it is not this daemon's protocol.
    #[error("what answers on the socket does not speak HTTP/2: {0}")]
    Handshake(#[from] hyper::Error),
}

impl ConnectError {
    /// A daemon did not come up, and said nothing of its own. In the foreground it shows more.
    pub(super) fn not_started(message: String) -> Self {
        let problem = Problem::new(Reason::SourceUnavailable, message);
        Self::NotStarted(Box::new(problem.remedy(Remedy::claviger(&["daemon", "run"]))))
    }

    /// Whether a process listens there that is slow to take new connections.
    pub(super) fn is_queue_full(&self) -> bool {
        matches!(self, Self::Unreachable { cause, .. } if cause.kind() == ErrorKind::WouldBlock)
    }

    /// Whether another attempt may succeed soon: the queue of new connections is full, a daemon ended while it accepted one,
    /// or one that this attempt has `started` is gone already.
    pub(super) fn may_pass(&self, started: bool) -> bool {
        match self {
            Self::Unreachable { cause, .. } => {
                started || matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset)
            }
            Self::Handshake(_) => true,
            // As where the one before it has been killed, and has not let go of its lock yet.
            Self::NotStarted(problem) => problem.retry_after.is_some(),
            Self::Unsafe { .. } | Self::Blocked { .. } | Self::Sandboxed { .. } => false,
        }
    }
}
