//! Files with secrets that the environment names.

use super::Trouble;
use claviger::reason::Reason;
use std::{
    fs::{self, File},
    io::{self, Read as _},
};
use zeroize::Zeroizing;

/// Largest file that is read, in bytes.
const MAX: u64 = 1024 * 1024;

/// Why a file was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The system refuses.
    Refused(io::ErrorKind),
    /// A directory or a device; a pipe could keep one waiting.
    NotFile,
    TooLarge,
    NotText,
}

/// The text of a file.
///
/// # Errors
/// See [`Unread`].
pub(super) fn read(path: &str) -> Result<Zeroizing<String>, Unread> {
    let refused = |error: io::Error| Unread::Refused(error.kind());
    if !fs::metadata(path).map_err(refused)?.is_file() {
        return Err(Unread::NotFile);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(MAX + 1).read_to_end(&mut bytes)).map_err(refused)?;
    if bytes.len() as u64 > MAX {
        return Err(Unread::TooLarge);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Unread::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl Unread {
    /// What a person is told of the file at `path` that `variable` names.
    pub(super) fn trouble(self, variable: &str, path: &str) -> Trouble {
        let why = match self {
            Self::Refused(kind) => format!("cannot be read: {kind}"),
            Self::NotFile => "is not a file".to_owned(),
            Self::TooLarge => "is too large".to_owned(),
            Self::NotText => "is not text".to_owned(),
        };
        Trouble::new(Reason::SettingsInvalid, format!("{variable} names {path}, which {why}"))
            .hint(format!("check {variable}, and that the file is readable for you"))
    }
}
