//! Files that a variable names.

use crate::file;
use claviger::reason::Reason;
use claviger_child::Declined;
use std::path::Path;
use zeroize::Zeroizing;

/// Largest file that is read, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// The file at `path`, which `variable` names.
pub(super) fn read(variable: &str, path: &str) -> Result<Zeroizing<Vec<u8>>, Declined> {
    file::read(Path::new(path), MAX_FILE).map_err(|unread| {
        unusable(variable, path, &unread.to_string())
            .hint(format!("check {variable}, and that the file is readable for you"))
    })
}

/// The problem of the file at `path`.
pub(super) fn unusable(variable: &str, path: &str, why: &str) -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("{variable} names {path}, which {why}"))
}
