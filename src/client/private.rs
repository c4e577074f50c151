//! Reads files that only this user can have written.

use super::user::own_uid;
use nix::fcntl::OFlag;
use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

/// The first `max` bytes of the file at `path`; `None` if there is none.
///
/// # Errors
/// A description of the fault if it is not a regular file of this user that no other user can read.
pub(super) fn read(path: &Path, max: usize) -> Result<Option<Vec<u8>>, String> {
    let text = |error: io::Error| error.to_string();
    // Does not follow a symlink, and does not block on a FIFO.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = match fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(text(error)),
    };
    let found = file.metadata().map_err(text)?;
    if !found.is_file() || found.uid() != own_uid() || found.mode() & 0o077 != 0 {
        return Err("it is not a regular file of yours with mode 0600".into());
    }
    let mut content = Vec::with_capacity(max.min(256));
    file.take(max as u64).read_to_end(&mut content).map_err(text)?;
    Ok(Some(content))
}
