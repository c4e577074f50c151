//! Our own look at the Secret Service, over D-Bus. The store that reads and writes ([`super::items`]) unlocks by itself what
//! is locked: that would put a prompt before a person who did not ask for it, and wait for that person. So nothing is given
//! to it before every collection was searched, and what it would touch is open.

use super::common::{Refusal, SERVICE};
use crate::environment::variable;
use secret_service::{EncryptionType, Error, blocking::SecretService};
use std::collections::HashMap;
use zbus::fdo;

pub(super) use zbus_secret_service_keyring_store::Store;

/// Address of the bus. Without it the library would search for one by itself.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// Error of the Secret Service API, "Errors".
const IS_LOCKED: &str = "org.freedesktop.Secret.Error.IsLocked";

/// Whether there is an item for `account`. The store then uses nothing that is locked.
///
/// # Errors
/// If it would: an item for the account in any collection, or the collection for new items, is locked. Or there is no
/// such collection; one that was never unlocked exists.
pub(super) fn look(account: &str) -> Result<bool, Refusal> {
    if variable(BUS).is_none() {
        return Err(Refusal::Absent);
    }
    // No secret is read over this connection.
    let service = SecretService::connect(EncryptionType::Plain).map_err(|_| Refusal::Absent)?;
    let attributes = HashMap::from([("service", SERVICE), ("username", account)]);
    let found = service.search_items(attributes).map_err(|error| of_service(&error))?;
    if !found.locked.is_empty() {
        return Err(Refusal::Locked);
    }
    if !found.unlocked.is_empty() {
        return Ok(true);
    }
    let collection = service.get_default_collection().map_err(|error| match error {
        Error::NoResult => Refusal::Empty,
        error => of_service(&error),
    })?;
    match collection.is_locked() {
        Ok(false) => Ok(false),
        Ok(true) => Err(Refusal::Locked),
        Err(error) => Err(of_service(&error)),
    }
}

/// Whether [`super::items::write`] would succeed.
pub(super) fn probe(account: &str) -> Result<(), Refusal> {
    look(account).map(drop)
}

/// Calls the store, after checking that it needs no prompt.
pub(super) fn silently<T>(call: impl FnOnce() -> keyring::Result<T>) -> keyring::Result<T> {
    call()
}

/// Meaning of a store's error; `None` for one that is not of the service.
pub(super) fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<Refusal> {
    error.downcast_ref().map(of_service)
}

fn of_service(error: &Error) -> Refusal {
    match error {
        Error::Locked | Error::NoResult | Error::Prompt => Refusal::Locked,
        Error::Unavailable => Refusal::Absent,
        Error::Zbus(error) | Error::ZbusFdo(fdo::Error::ZBus(error)) if is_locked(error) => Refusal::Locked,
        _ => Refusal::Failed,
    }
}

/// Whether the service answered with its own error of this name.
fn is_locked(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == IS_LOCKED)
}

#[cfg(test)]
mod tests {
    use super::{Error, IS_LOCKED, Refusal, of_service};
    use zbus::message::Message;

    /// The library's form of a service's answer.
    fn answered(name: &str) -> zbus::Error {
        let call = Message::method_call("/org/freedesktop/secrets", "GetSecrets").expect("a path");
        let call = call.build(&()).expect("a call");
        let answer = Message::error(&call.header(), name).expect("a name").build(&"IsLocked");
        answer.expect("an answer").into()
    }

    #[test]
    fn the_name_of_an_error_says_that_an_item_is_locked() {
        let is_locked = |error| matches!(of_service(&error), Refusal::Locked);
        assert!(is_locked(Error::Zbus(answered(IS_LOCKED))));
        assert!(is_locked(Error::ZbusFdo(answered(IS_LOCKED).into())));
        let other = "org.freedesktop.Secret.Error.NoSession";
        assert!(
            !is_locked(Error::Zbus(answered(other))) && !is_locked(Error::ZbusFdo(answered(other).into()))
        );
    }
}
