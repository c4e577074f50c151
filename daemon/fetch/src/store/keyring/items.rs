//! Items of the keyring, through the stores of `keyring`. A store is created for each call, because a failed one would
//! keep failing for the rest of the process.

use super::{
    common::{Refusal, SERVICE},
    platform,
};
use claviger::secret::Secret;
use keyring::Error;
use keyring_core::{Entry, api::CredentialStoreApi as _};
use std::collections::HashMap;

/// The text saved for `account`; `None` if an open keyring has none.
pub(super) fn read(account: &str) -> Result<Option<Secret<Vec<u8>>>, Refusal> {
    if !has(account)? {
        return Ok(None);
    }
    match on_all(account, |entry| entry.get_secret()) {
        Ok(found) => Ok(found.into_iter().next().map(Secret::new)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(refusal(&error)),
    }
}

/// Saves `text` for `account`.
pub(super) fn write(account: &str, text: &[u8]) -> Result<(), Refusal> {
    platform::look(account)?;
    on_all(account, |entry| entry.set_secret(text)).map(drop).map_err(|error| refusal(&error))
}

/// Removes the item of `account`.
pub(super) fn remove(account: &str) -> Result<(), Refusal> {
    if !has(account)? {
        return Ok(());
    }
    match on_all(account, Entry::delete_credential) {
        Ok(_) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(refusal(&error)),
    }
}

/// Whether there is an accessible item for `account`.
fn has(account: &str) -> Result<bool, Refusal> {
    match platform::look(account) {
        Err(Refusal::Empty) => Ok(false),
        seen => seen,
    }
}

/// Calls `call` on the item of `account`; on each of them, if another program created more.
fn on_all<T>(account: &str, call: impl Fn(&Entry) -> keyring::Result<T>) -> keyring::Result<Vec<T>> {
    platform::silently(|| {
        let label = format!("Claviger: {account}");
        let modifiers = HashMap::from([("label", label.as_str())]);
        let modifiers = cfg!(not(target_os = "macos")).then_some(&modifiers);
        let entry = platform::Store::new()?.build(SERVICE, account, modifiers)?;
        match call(&entry) {
            Err(Error::Ambiguous(entries)) => entries.iter().map(call).collect(),
            done => done.map(|done| vec![done]),
        }
    })
}

/// The store's own texts can quote their subject, so only the kind is reported.
fn refusal(error: &Error) -> Refusal {
    match error {
        Error::PlatformFailure(inner) | Error::NoStorageAccess(inner) => {
            platform::refusal(&**inner).unwrap_or(Refusal::Failed)
        }
        Error::NoDefaultStore => Refusal::Absent,
        _ => Refusal::Failed,
    }
}
