//! Reads the cookie that lies beside a socket.

use super::{error::ConnectError, private};
use crate::{
    cookie::{self, COOKIE_LENGTH},
    remedy::Remedy,
};
use http::HeaderValue;
use std::path::Path;

/// The cookie that belongs to `socket`; `None` if there is none, for example where only the socket was forwarded.
///
/// # Errors
/// [`ConnectError::Unsafe`] if the file is not a regular file of this user that other users cannot read: its content
/// proves nothing then. Once the file is removed, the daemon creates another.
pub(super) fn read(socket: &Path) -> Result<Option<HeaderValue>, ConnectError> {
    let path = cookie::path(socket);
    let refused = |why: String| ConnectError::Unsafe {
        path: path.display().to_string(),
        why,
        remedy: Some(Remedy::move_away(&path)),
    };
    let Some(content) = private::read(&path, COOKIE_LENGTH + 2).map_err(refused)? else { return Ok(None) };
    let value = cookie::parse(&content).and_then(|digits| HeaderValue::from_str(digits).ok());
    let mut value = value.ok_or_else(|| refused("it does not hold a cookie".into()))?;
    // Not kept in HTTP/2 header tables, and not shown by Debug.
    value.set_sensitive(true);
    Ok(Some(value))
}
