//! The cookie: a process of this user on this machine can read it; a process that merely reaches the socket cannot.
//!
//! The user id alone does not identify a caller: processes behind `ssh -R`, in a container or in a sandbox have the
//! same one. A caller that sends the cookie is near and may do everything. Any other caller is foreign: it may inspect,
//! and borrow by name.

use std::path::{Path, PathBuf};

/// Name of the file, in the directory of the socket.
pub const COOKIE_NAME: &str = "cookie";
/// The gRPC metadata key in which a near caller sends it.
pub const COOKIE_KEY: &str = "claviger-cookie";
/// Its length: 256 bits as lower-case hexadecimal digits.
pub const COOKIE_LENGTH: usize = 64;

/// The file that belongs to `socket`.
pub fn path(socket: &Path) -> PathBuf {
    socket.with_file_name(COOKIE_NAME)
}

/// The cookie in the content of its file: the digits, and at most one line feed after them.
pub fn parse(content: &[u8]) -> Option<&str> {
    let digits = content.strip_suffix(b"\n").unwrap_or(content);
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let is_cookie = digits.len() == COOKIE_LENGTH && digits.iter().all(is_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_cookie)
}

#[cfg(test)]
mod tests {
    use super::{COOKIE_LENGTH, parse};

    #[test]
    fn only_the_digits_count() {
        let digits = "0a".repeat(COOKIE_LENGTH / 2);
        assert_eq!(parse(digits.as_bytes()), Some(digits.as_str()));
        assert_eq!(parse(format!("{digits}\n").as_bytes()), Some(digits.as_str()));
        for wrong in
            ["".into(), "0a".into(), digits.to_uppercase(), format!("{digits}\n\n"), format!(" {digits}")]
        {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
