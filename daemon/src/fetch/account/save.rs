//! Keeps a secret that the user brings: an API key, or a long-lived OAuth token.

use super::{
    super::{
        answer::Trouble,
        store::{self, Record, Store, VERSION, milliseconds},
    },
    identity, input,
};
use crate::{
    accounts::login::{Keep, SignedIn},
    config,
};
use clap::Args;
use std::time::SystemTime;

/// Keeps a secret.
#[derive(Debug, Args)]
pub struct Save {
    #[command(flatten)]
    store: store::Arguments,
    /// Where to keep it
    #[arg(long, value_enum)]
    place: config::StoreChoice,
}

/// Keeps it.
pub(in crate::fetch) fn save(arguments: &Save) -> Result<SignedIn, Trouble> {
    let Keep { kind, secret } = input()?;
    let store = Store::new(&arguments.store)?;
    let _lock = store.lock()?;
    let record = Record {
        version: VERSION,
        login: identity()?,
        generation: store.next_generation(),
        kind,
        secret: Some(secret),
        issued_at_ms: milliseconds(SystemTime::now()),
        expires_at_ms: None,
        refresh: None,
        quarantine: None,
    };
    let (place, notices) = store.keep(&record, arguments.place)?;
    Ok(SignedIn { login: record.login, place, notices, issuer: None, subject: None, organization: None })
}
