//! Reads the list of variables that the user lets commands have.

use super::private;
use crate::{
    passed::{self, MAX_FILE_LEN, Passed},
    reason::{Location, Problem, Reason},
    remedy::Remedy,
};
use std::path::Path;

/// The list written by the daemon on `socket`; empty if it has not written one yet.
///
/// # Errors
/// `settings-invalid` if the file is not the daemon's.
pub(super) fn read(socket: &Path) -> Result<Passed, Problem> {
    let path = passed::path(socket);
    let content = private::read(&path, MAX_FILE_LEN + 1);
    let parsed = content.and_then(|content| match content {
        None => Ok(Passed::default()),
        Some(content) => Passed::parse(&content).ok_or_else(|| "it is not a list of variable names".into()),
    });
    parsed.map_err(|why| {
        Problem::new(Reason::SettingsInvalid, why)
            .at(&Location::of_file(&path))
            .remedy(Remedy::move_away(&path))
    })
}
