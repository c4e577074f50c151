//! Items of macOS's Keychain.

use super::{Refusal, SERVICE};
use claviger::secret::Secret;
use keyring::v1::{Entry, Error};

/// Service of the item that a probe makes and removes. No account can have its name.
const PROBE: &str = "claviger-probe";

/// What is kept for `account`; `None` if there is nothing.
pub(super) fn read(account: &str) -> Result<Option<Secret<Vec<u8>>>, Refusal> {
    match entry(SERVICE, account)?.get_secret() {
        Ok(bytes) => Ok(Some(Secret::new(bytes))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(refusal(&error)),
    }
}

/// Whether [`write`] would be taken.
pub(super) fn probe(account: &str) -> Result<(), Refusal> {
    let entry = entry(PROBE, account)?;
    entry.set_secret(b"probe").and_then(|()| entry.delete_credential()).map_err(|error| refusal(&error))
}

/// Keeps `text` for `account`.
pub(super) fn write(account: &str, text: &[u8]) -> Result<(), Refusal> {
    entry(SERVICE, account)?.set_secret(text).map_err(|error| refusal(&error))
}

/// Removes what is kept for `account`.
pub(super) fn remove(account: &str) -> Result<(), Refusal> {
    match entry(SERVICE, account)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(refusal(&error)),
    }
}

fn entry(service: &str, account: &str) -> Result<Entry, Refusal> {
    Entry::new(service, account).map_err(|error| refusal(&error))
}

fn refusal(error: &Error) -> Refusal {
    match error {
        Error::NoStorageAccess(_) => Refusal::Locked,
        Error::NoDefaultStore => Refusal::Absent,
        _ => Refusal::Failed,
    }
}
