//! What goes from one program to the next in this process: the cache, and which socket file is ours to remove.

use crate::{
    broker::kept::Kept,
    host::{
        successor::{self, Program},
        system,
    },
    listener::{Left, Listener},
};
use serde::{Deserialize, Serialize};
use std::{io, os::fd::OwnedFd};
use zeroize::Zeroizing;

/// What the last program left, unread: logs are not open yet when it is taken.
#[derive(Debug)]
pub struct Inherited(io::Result<Option<Zeroizing<Vec<u8>>>>);

/// What travels beside the cache, for one line of JSON before it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    /// The socket file, if the last program made it.
    left: Option<Left>,
}

// === impl Inherited ===

impl Inherited {
    /// Takes it out of the environment. Call this before anything else is opened or started.
    pub fn take() -> Self {
        Self(successor::inherited())
    }

    /// The socket file and the cache. Whatever is wrong with them costs some refreshes, and is logged.
    pub fn read(self) -> (Option<Left>, Kept) {
        let read = self.0.map_err(|error| error.to_string()).and_then(|bytes| match bytes {
            Some(bytes) => parse(&bytes),
            None => Ok(Default::default()),
        });
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "what the last daemon left cannot be used: everything is refreshed");
            Default::default()
        })
    }
}

fn parse(bytes: &[u8]) -> Result<(Option<Left>, Kept), String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it is cut off")?;
    let head: Head = serde_json::from_slice(&bytes[..end]).map_err(|error| error.to_string())?;
    Ok((head.left, Kept::read(&bytes[end + 1..])?))
}

/// Leaves the cache to the next start of the service, if the service manager keeps such things.
pub fn leave(listener: &Listener, kept: &Kept) {
    if kept.is_empty() || !system::has_service_manager() {
        return;
    }
    match state(listener, kept) {
        Ok(Some(state)) => successor::store(&state),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the cache is not kept for the next start"),
    }
}

/// Replaces this program by the one that lies where it was started from. Returns only if that failed.
pub fn pass_on(program: &Program, listener: &Listener, kept: &Kept) -> io::Error {
    match state(listener, kept) {
        Ok(state) => program.exec(&listener.socket, state.as_ref()),
        Err(error) => error,
    }
}

fn state(listener: &Listener, kept: &Kept) -> io::Result<Option<OwnedFd>> {
    let head = serde_json::to_vec(&Head { left: listener.left() })?;
    let kept = kept.write().map_err(io::Error::other)?;
    successor::sealed(&[&head, b"\n", &kept])
}
