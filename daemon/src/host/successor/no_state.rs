//! On systems without sealed memory files, only the socket is handed over.

use std::{io, os::fd::OwnedFd};
use zeroize::Zeroizing;

/// There is no file for it.
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
