//! Reads the cookie that lies beside a socket.

use super::{error::ConnectError, user::own_uid};
use crate::{
    cookie::{self, COOKIE_LENGTH},
    remedy::Remedy,
};
use http::HeaderValue;
use nix::fcntl::OFlag;
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

/// The cookie that belongs to `socket`; `None` if there is none, as where only the socket was passed on.
///
/// # Errors
/// [`ConnectError::Unsafe`] if what lies there is not a regular file of this user that nobody else can read: then it proves
/// nothing. The daemon makes another once it is away.
pub(super) fn read(socket: &Path) -> Result<Option<HeaderValue>, ConnectError> {
    let path = cookie::path(socket);
    let refused = |why: String| ConnectError::Unsafe {
        path: path.display().to_string(),
        why,
        remedy: Some(Remedy::move_away(&path)),
    };
    // Never through a symlink, and never waiting for the writer of a FIFO that lies there.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let mut file = match fs::OpenOptions::new().read(true).custom_flags(flags).open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    let found = file.metadata().map_err(|error| refused(error.to_string()))?;
    if !found.is_file() || found.uid() != own_uid() || found.mode() & 0o077 != 0 {
        return Err(refused("the cookie is not a regular file of yours with mode 0600".into()));
    }
    let mut content = Vec::with_capacity(COOKIE_LENGTH + 2);
    let read = Read::by_ref(&mut file).take(COOKIE_LENGTH as u64 + 2).read_to_end(&mut content);
    read.map_err(|error| refused(error.to_string()))?;
    let value = cookie::parse(&content).and_then(|digits| HeaderValue::from_str(digits).ok());
    let mut value = value.ok_or_else(|| refused("it does not hold a cookie".into()))?;
    // Not kept in the tables of HTTP/2, and not shown.
    value.set_sensitive(true);
    Ok(Some(value))
}
