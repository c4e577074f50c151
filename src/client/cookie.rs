//! Reads the cookie that lies beside a socket.

use super::{error::ConnectError, private};
use crate::{
    cookie::{self, COOKIE_LENGTH},
    remedy::Remedy,
};
use http::HeaderValue;
use std::path::Path;

/// The cookie that belongs to `socket`; `None` if there is none, as where only the socket was passed on.
///
/// # Errors
/// [`ConnectError::Unsafe`] if what lies there is not a regular file of this user that other users cannot read: then it proves
/// nothing. The daemon makes another once it is away.
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
    // Not kept in the tables of HTTP/2, and not shown.
    value.set_sensitive(true);
    Ok(Some(value))
}
