//! Answers of this program: JSON on stdout.

use claviger_child::{Declined, Provided};
use serde::Serialize;
use std::io::{self, StdoutLock, Write as _};
use zeroize::Zeroizing;

/// Answer of a chain or an account.
pub(super) type Fetched = Result<Provided, Declined>;
/// An answer as JSON.
pub(super) type Json = Zeroizing<String>;

/// As JSON.
pub(super) fn json(answer: &impl Serialize) -> serde_json::Result<Json> {
    serde_json::to_string(answer).map(Zeroizing::new)
}

/// Prints it.
pub(super) fn say(answer: &Fetched, stdout: &mut StdoutLock<'_>) -> io::Result<()> {
    write(&json(answer)?, stdout)
}

/// Prints JSON.
pub(super) fn write(json: &Json, stdout: &mut StdoutLock<'_>) -> io::Result<()> {
    stdout.write_all(json.as_bytes())?;
    stdout.flush()
}
