//! Saves a secret that the user provides: an API key, or a long-lived OAuth token.

use super::identity;
use crate::store::{Record, Store, VERSION, milliseconds};
use claviger_child::{
    Declined,
    account::{Save, SignedIn},
};
use std::time::SystemTime;

/// Saves it.
pub(crate) fn save(request: Save) -> Result<SignedIn, Declined> {
    let Save { record, place, kind, secret } = request;
    let store = Store::new(&record)?;
    let _lock = store.lock()?;
    let record = Record {
        version: VERSION,
        login: identity::random()?,
        generation: store.next_generation(),
        kind,
        secret: Some(secret),
        issued_at_ms: milliseconds(SystemTime::now()),
        expires_at_ms: None,
        refresh: None,
        quarantine: None,
    };
    let (place, notices) = store.keep(&record, place)?;
    Ok(SignedIn { login: record.login, place, notices, issuer: None, subject: None, organization: None })
}
