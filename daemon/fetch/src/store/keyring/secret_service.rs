//! Items of the Secret Service, over D-Bus. Nothing that is locked is touched: that would put a prompt before a person who
//! did not ask for it, and wait for him.

use super::{Refusal, SERVICE};
use crate::environment::variable;
use claviger::secret::Secret;
use secret_service::{
    EncryptionType, Error,
    blocking::{Collection, Item, SecretService},
};
use std::collections::HashMap;

/// Where the bus is. Without it the library would look for one by itself.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
/// What an item holds.
const CONTENT: &str = "application/json";

/// What is kept for `account`; `None` if an open keyring has nothing.
pub(super) fn read(account: &str) -> Result<Option<Secret<Vec<u8>>>, Refusal> {
    let service = connect()?;
    match items(&service, account)?.first() {
        Some(item) => item.get_secret().map(|bytes| Some(Secret::new(bytes))).map_err(|e| refusal(&e)),
        None => collection(&service).map(|_| None),
    }
}

/// Whether [`write`] would be taken.
pub(super) fn probe(account: &str) -> Result<(), Refusal> {
    let service = connect()?;
    match items(&service, account)?.is_empty() {
        true => collection(&service).map(drop),
        false => Ok(()),
    }
}

/// Keeps `text` for `account`.
pub(super) fn write(account: &str, text: &[u8]) -> Result<(), Refusal> {
    let service = connect()?;
    let known = items(&service, account)?;
    if known.is_empty() {
        let label = format!("Claviger: {account}");
        let made =
            collection(&service)?.create_item(&label, attributes(account), text, true, CONTENT).map(drop);
        return made.map_err(|error| refusal(&error));
    }
    known.iter().try_for_each(|item| item.set_secret(text, CONTENT).map_err(|error| refusal(&error)))
}

/// Removes what is kept for `account`.
pub(super) fn remove(account: &str) -> Result<(), Refusal> {
    let service = connect()?;
    let known = items(&service, account)?;
    if known.is_empty() {
        // One that is closed would say the same.
        return collection(&service).map(drop);
    }
    known.iter().try_for_each(|item| item.delete().map_err(|error| refusal(&error)))
}

fn connect() -> Result<SecretService<'static>, Refusal> {
    if variable(BUS).is_none() {
        return Err(Refusal::Absent);
    }
    SecretService::connect(EncryptionType::Dh).map_err(|_| Refusal::Absent)
}

fn items<'a>(service: &'a SecretService<'_>, account: &str) -> Result<Vec<Item<'a>>, Refusal> {
    let found = service.search_items(attributes(account)).map_err(|error| refusal(&error))?;
    match found.unlocked.is_empty() && !found.locked.is_empty() {
        true => Err(Refusal::Locked),
        false => Ok(found.unlocked),
    }
}

/// Where new items go. A keyring that nobody ever unlocked has no such place.
fn collection<'a>(service: &'a SecretService<'_>) -> Result<Collection<'a>, Refusal> {
    let collection = service.get_default_collection().map_err(|error| refusal(&error))?;
    match collection.is_locked() {
        Ok(false) => Ok(collection),
        Ok(true) => Err(Refusal::Locked),
        Err(error) => Err(refusal(&error)),
    }
}

fn attributes(account: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", SERVICE), ("username", account)])
}

fn refusal(error: &Error) -> Refusal {
    match error {
        Error::Locked | Error::NoResult | Error::Prompt => Refusal::Locked,
        Error::Unavailable => Refusal::Absent,
        other if other.to_string().contains("Secret.Error.IsLocked") => Refusal::Locked,
        _ => Refusal::Failed,
    }
}
