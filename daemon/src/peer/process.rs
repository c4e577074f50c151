//! A calling process, and whether it is still the one that connected.

use crate::{
    caller::Caller,
    connections::Link,
    host::process::{Asker, Facts, Pinned},
};
use claviger::reason::{Problem, Reason};
use nix::unistd::Uid;
use std::sync::{Arc, OnceLock};
use tonic::Request;

/// A calling process.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its user; `None` if the kernel does not report it.
    pub uid: Option<u32>,
    /// Its process id at the time it connected.
    pub pid: Option<u32>,
    /// Its facts when it was accepted.
    pub facts: Arc<Facts>,
    /// Its permissions.
    pub caller: Caller,
    /// Its connection; `None` only where there is none, in tests.
    pub link: Option<Arc<Link>>,
    pub(super) identity: Option<Arc<Identity>>,
}

/// Detects whether a caller is still the process that connected.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) process: Pinned,
    /// Another user whose process wrote to the connection.
    pub(super) stranger: OnceLock<u32>,
}

/// The caller of a request.
pub fn of<T>(request: &Request<T>) -> Peer {
    request.extensions().get::<Peer>().cloned().unwrap_or_default()
}

// === impl Peer ===

impl Peer {
    /// Checks that this call comes from our own user, and from the process that connected.
    ///
    /// # Errors
    /// `peer-rejected` or `peer-unknown`.
    pub fn check(&self) -> Result<(), Problem> {
        let stranger = self.identity.as_ref().and_then(|identity| identity.stranger.get().copied());
        let ours = Uid::effective().as_raw();
        match stranger.or(self.uid) {
            None => {
                return Err(Problem::new(Reason::PeerUnknown, "the kernel does not report who is calling"));
            }
            Some(uid) if uid != ours => {
                return Err(Problem::new(Reason::PeerRejected, "this daemon lends to its own user only")
                    .hint("without CLAVIGER_SOCK, a daemon of your own is used"));
            }
            Some(_) => {}
        }
        match self.identity.as_ref().is_none_or(|identity| identity.process.is_running()) {
            true => Ok(()),
            false => {
                Err(Problem::new(Reason::PeerUnknown, "the process that opened this connection has ended")
                    .hint("connect again: only the process that opened a connection may use it"))
            }
        }
    }

    /// Identity of the process, for counting sessions and detecting loops.
    pub fn asker(&self) -> Asker {
        Asker { pid: self.pid, session: self.facts.session }
    }
}
