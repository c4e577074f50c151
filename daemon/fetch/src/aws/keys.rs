//! Checks keys that were found, and builds the answer.

use super::{Credentials, Declined};
use claviger::reason::Reason;
use claviger_child::{Facts, Keys, Provided};
use std::time::SystemTime;

fn of(credentials: &Credentials) -> Keys {
    Keys {
        id: credentials.access_key_id().to_owned(),
        secret: credentials.secret_access_key().to_owned(),
        token: credentials.session_token().filter(|token| !token.is_empty()).map(str::to_owned),
    }
}

/// Checks keys from a file.
///
/// # Errors
/// Their fault.
pub(super) fn written(what: &str, credentials: &Credentials) -> Result<(), Declined> {
    of(credentials).check().map_err(|part| {
        let message = format!("{what}: its {part} is empty, or has a character that no key has");
        Declined::new(Reason::SettingsInvalid, message)
            .hint("write only the key: what follows it on its line belongs to it")
    })
}

/// Checks any credentials.
///
/// # Errors
/// Their fault.
pub(super) fn check(what: &str, credentials: &Credentials) -> Result<(), Declined> {
    if let Err(part) = of(credentials).check() {
        let message = format!("{what}: its {part} is empty, or has a character that no key has");
        return Err(Declined::new(Reason::CommandOutputInvalid, message).hint("check its origin"));
    }
    match credentials.expiry() {
        Some(at) if at <= SystemTime::now() => {
            Err(Declined::sign_in(format!("{what}: its credentials have expired")))
        }
        _ => Ok(()),
    }
}

/// The answer.
pub(super) fn found(credentials: &Credentials, region: Option<String>) -> Provided {
    let account = credentials.account_id().map(|account| account.as_str().to_owned());
    let facts = Facts { region, account, ..Facts::default() };
    Provided { facts, ..Provided::new(of(credentials).to_text(), credentials.expiry()) }
}
