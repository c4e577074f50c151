//! macOS's Keychain. No dialog is ever opened: no one expects one of a daemon, and an unseen dialog would block every
//! session.

use super::common::Refusal;
use keyring::{Error, Result as StoreResult};
use security_framework::{
    base,
    os::macos::keychain::SecKeychain,
    passwords::{delete_generic_password, set_generic_password},
};

pub(super) use apple_native_keyring_store::keychain::Store;

/// Service of the item that a probe creates and removes. No account can have its name.
const PROBE: &str = "claviger-probe";
/// Of Apple's SecBase.h: `errSecInteractionNotAllowed`, `errSecAuthFailed` and `errSecInteractionRequired`. The Keychain is
/// locked, or the item was made by another program, which may be an older `clavigerd-fetch`.
const NEEDS_A_PERSON: [i32; 3] = [-25308, -25293, -25315];
/// Of the same: `errSecNotAvailable`, `errSecNoSuchKeychain`, `errSecInvalidKeychain` and `errSecNoDefaultKeychain`.
const NO_KEYCHAIN: [i32; 4] = [-25291, -25294, -25295, -25307];

/// Whether the store may be called: always, because it asks no person ([`silently`]).
pub(super) fn look(_: &str) -> Result<bool, Refusal> {
    Ok(true)
}

/// Whether [`super::items::write`] would succeed.
pub(super) fn probe(account: &str) -> Result<(), Refusal> {
    let _silence = SecKeychain::disable_user_interaction().map_err(|error| of_code(error.code()))?;
    let tried =
        set_generic_password(PROBE, account, b"probe").and_then(|()| delete_generic_password(PROBE, account));
    tried.map_err(|error| of_code(error.code()))
}

/// Calls that would ask a person fail instead.
pub(super) fn silently<T>(call: impl FnOnce() -> StoreResult<T>) -> StoreResult<T> {
    let silence = SecKeychain::disable_user_interaction();
    let _silence = silence.map_err(|error| Error::PlatformFailure(Box::new(error)))?;
    call()
}

/// Meaning of a store's error; `None` for one that is not of the Keychain.
pub(super) fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<Refusal> {
    error.downcast_ref().map(|error: &base::Error| of_code(error.code()))
}

fn of_code(code: i32) -> Refusal {
    match code {
        code if NEEDS_A_PERSON.contains(&code) => Refusal::Locked,
        code if NO_KEYCHAIN.contains(&code) => Refusal::Absent,
        _ => Refusal::Failed,
    }
}
