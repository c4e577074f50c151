//! State from one program to the next in this process: the cache, the shares, and the socket file to remove.

use crate::{
    broker::kept::Kept,
    host::{
        successor::{self, Program},
        system,
    },
    listener::{Left, Listener},
    shares::KeptShare,
};
use serde::{Deserialize, Serialize};
use std::{io, os::fd::OwnedFd};
use zeroize::Zeroizing;

/// State of the last program, still undecoded: logs are not open yet when it is received.
#[derive(Debug)]
pub struct Inherited(io::Result<Option<Zeroizing<Vec<u8>>>>);

/// Additional state, in one line of JSON before the cache.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    /// The socket file, if the last program created it.
    left: Option<Left>,
    /// The shares, in the order of their sockets.
    #[serde(default)]
    shares: Vec<KeptShare>,
}

/// Decoded state of the last program.
#[derive(Debug, Default)]
pub struct Legacy {
    /// The socket file, if that program created it.
    pub left: Option<Left>,
    /// The shares, in the order of their sockets.
    pub shares: Vec<KeptShare>,
    /// The cache.
    pub kept: Kept,
}

// === impl Inherited ===

impl Inherited {
    /// Takes it from the environment. Call this before anything else is opened or started.
    pub fn take() -> Self {
        Self(successor::inherited())
    }

    /// Decodes it. A fault costs some refreshes, and is logged.
    pub fn read(self) -> Legacy {
        let read = self.0.map_err(|error| error.to_string()).and_then(|bytes| match bytes {
            Some(bytes) => parse(&bytes),
            None => Ok(Default::default()),
        });
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "the state of the last daemon cannot be used: everything is refreshed");
            Default::default()
        })
    }
}

/// Decodes the state of the last program.
///
/// # Errors
/// The fault; never a part of the content.
pub fn parse(bytes: &[u8]) -> Result<Legacy, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it is cut off")?;
    // serde quotes values of the wrong type.
    let head: Head = serde_json::from_slice(&bytes[..end])
        .map_err(|error| format!("it is not readable at byte {}", error.column()))?;
    Ok(Legacy { left: head.left, shares: head.shares, kept: Kept::read(&bytes[end + 1..])? })
}

/// Keeps the cache for the next start of the service, if the service manager supports that.
pub fn leave(listener: &Listener, kept: &Kept) {
    if kept.is_empty() || !system::has_service_manager() {
        return;
    }
    match state(listener, Vec::new(), kept) {
        Ok(Some(state)) => successor::store(&state),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the cache is not kept for the next start"),
    }
}

/// Replaces this program by the one at its path. Returns only if that failed.
pub fn pass_on(
    program: &Program,
    listener: &Listener,
    shares: &[(KeptShare, Listener)],
    kept: &Kept,
) -> io::Error {
    let (heads, listeners): (Vec<_>, Vec<_>) =
        shares.iter().map(|(share, listener)| (share.clone(), &listener.socket)).unzip();
    match state(listener, heads, kept) {
        Ok(state) => program.exec(&listener.socket, &listeners, state.as_ref()),
        Err(error) => error,
    }
}

fn state(listener: &Listener, shares: Vec<KeptShare>, kept: &Kept) -> io::Result<Option<OwnedFd>> {
    let head = Zeroizing::new(serde_json::to_vec(&Head { left: listener.left(), shares })?);
    let kept = kept.write().map_err(io::Error::other)?;
    successor::sealed(&[&head, b"\n", &kept])
}
