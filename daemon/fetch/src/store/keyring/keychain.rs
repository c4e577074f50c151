//! Items of macOS's Keychain. No dialog is ever opened: nobody expects one of a daemon, and one that nobody sees would
//! hold up every session.

use super::{Refusal, SERVICE};
use claviger::secret::Secret;
use security_framework::{
    base::Error,
    os::macos::keychain::SecKeychain,
    passwords::{delete_generic_password, get_generic_password, set_generic_password},
};

/// Service of the item that a probe makes and removes. No account can have its name.
const PROBE: &str = "claviger-probe";
/// `errSecItemNotFound` of Apple's SecBase.h.
const NO_ITEM: i32 = -25300;
/// Of the same: `errSecInteractionNotAllowed`, `errSecAuthFailed` and `errSecInteractionRequired`. The Keychain is locked, or
/// the item was made by another program, which may be an older `clavigerd`.
const NEEDS_A_PERSON: [i32; 3] = [-25308, -25293, -25315];
/// Of the same: `errSecNotAvailable`, `errSecNoSuchKeychain`, `errSecInvalidKeychain` and `errSecNoDefaultKeychain`.
const NO_KEYCHAIN: [i32; 4] = [-25291, -25294, -25295, -25307];

/// What is kept for `account`; `None` if there is nothing.
pub(super) fn read(account: &str) -> Result<Option<Secret<Vec<u8>>>, Refusal> {
    match silently(|| get_generic_password(SERVICE, account)) {
        Ok(bytes) => Ok(Some(Secret::new(bytes))),
        Err(error) if error.code() == NO_ITEM => Ok(None),
        Err(error) => Err(refusal(error)),
    }
}

/// Whether [`write`] would be taken.
pub(super) fn probe(account: &str) -> Result<(), Refusal> {
    let tried = silently(|| {
        set_generic_password(PROBE, account, b"probe")?;
        delete_generic_password(PROBE, account)
    });
    tried.map_err(refusal)
}

/// Keeps `text` for `account`.
pub(super) fn write(account: &str, text: &[u8]) -> Result<(), Refusal> {
    silently(|| set_generic_password(SERVICE, account, text)).map_err(refusal)
}

/// Removes what is kept for `account`.
pub(super) fn remove(account: &str) -> Result<(), Refusal> {
    match silently(|| delete_generic_password(SERVICE, account)) {
        Err(error) if error.code() != NO_ITEM => Err(refusal(error)),
        _ => Ok(()),
    }
}

/// Whatever would ask a person fails instead.
fn silently<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let _silence = SecKeychain::disable_user_interaction()?;
    call()
}

fn refusal(error: Error) -> Refusal {
    match error.code() {
        code if NEEDS_A_PERSON.contains(&code) => Refusal::Locked,
        code if NO_KEYCHAIN.contains(&code) => Refusal::Absent,
        _ => Refusal::Failed,
    }
}
