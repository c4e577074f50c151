//! Where the system has no memory files that can be sealed, the socket is all that is handed over.

use std::{io, os::fd::OwnedFd};
use zeroize::Zeroizing;

/// There is no file to put it into.
///
/// # Errors
/// Never.
pub fn sealed(_parts: &[&[u8]]) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

/// Nothing was handed over.
///
/// # Errors
/// Never.
pub fn inherited() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    Ok(None)
}

/// There is no service manager to keep it.
pub fn store(_state: &OwnedFd) {}
