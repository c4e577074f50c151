//! Lends the secret of an account. A token that is due is refreshed first: one process at a time, with the record read
//! again under the lock, and what the server gave is kept before anybody hears of it.

use super::{
    super::{
        answer::{Answer, Found, Trouble},
        oauth::{Failure, Granted, Server},
        store::{self, Kept, Quarantine, Record, Refresh, Room, Store, milliseconds},
    },
    Input, Lend, answer, input,
};
use crate::{
    accounts::{Kind, Place},
    broker::schedule,
    config,
};
use claviger::reason::Reason;
use std::time::{Duration, SystemTime};

/// What a process that refreshes leaves in the lock, should it be killed.
const REFRESHING: &str = "refreshing";

/// Lends the secret.
pub(in crate::fetch) async fn lend(arguments: &Lend) -> Answer {
    answer(find(arguments).await)
}

async fn find(arguments: &Lend) -> Result<Found, Trouble> {
    let Input { client_secret } = input()?;
    let store = Store::new(&arguments.store)?;
    let now = SystemTime::now();
    let kept = record(&store, arguments)?;
    if let Some(found) = good(&kept.record, arguments.held, now) {
        return Ok(found);
    }
    let mut lock = store.lock()?;
    // Another process may have refreshed it while we waited.
    let kept = record(&store, arguments)?;
    if let Some(found) = good(&kept.record, arguments.held, SystemTime::now()) {
        return Ok(found);
    }
    let Kept { record, place } = kept;
    let refresh = refreshable(&arguments.store.account, &record)?;
    let room = store.make_room(match (arguments.kept, place) {
        (Place::File, _) => config::Store::File,
        (Place::Keyring, Place::Keyring) => config::Store::Keyring,
        // It waits in a file for the keyring, and may wait on.
        (Place::Keyring, Place::File) => config::Store::Auto,
    })?;
    let was_cut_off = lock.mark() == REFRESHING;
    let marked = |error: std::io::Error| {
        Trouble::new(Reason::SourceUnavailable, format!("the lock cannot be written: {}", error.kind()))
    };
    lock.set_mark(REFRESHING).map_err(marked)?;
    let granted = Server::new(refresh.client.clone(), client_secret).refresh(&refresh.token).await;
    let kept = keep(&store, Kept { record, place }, room, granted, was_cut_off);
    // Whatever came of it, it is in the record now, or was not to be had.
    lock.set_mark("").map_err(marked)?;
    kept
}

/// The record of the login that the daemon knows.
fn record(store: &Store, arguments: &Lend) -> Result<Kept, Trouble> {
    let account = &arguments.store.account;
    match store.read(arguments.kept)? {
        Some(kept) if kept.record.login == arguments.login => Ok(kept),
        Some(_) => Err(store::cut_off(account)),
        None => {
            Err(Trouble::new(Reason::LoginRequired, format!("the file of the account {account} is gone"))
                .hint(format!("`claviger login {account}` makes a new one")))
        }
    }
}

/// The secret, if it is newer than what is `held`, and good for a while.
fn good(record: &Record, held: Option<u64>, now: SystemTime) -> Option<Found> {
    let is_static = record.kind != Kind::Oauth;
    let is_fresh = match record.expires_at() {
        Some(expiry) if is_static => now < expiry,
        // The same rule as the daemon's, so that it does not come back at once.
        Some(expiry) => now < schedule::refresh_at(record.issued_at(), expiry, Duration::ZERO, 0.0),
        None => true,
    };
    if !is_fresh || held == Some(record.generation) && !is_static {
        return None;
    }
    found(record)
}

fn found(record: &Record) -> Option<Found> {
    let secret = record.secret.as_ref()?.0.clone();
    let stored = Some(record.generation);
    Some(Found { stored, ..Found::new(secret, record.expires_at()) })
}

/// How to refresh a record.
fn refreshable(account: &str, record: &Record) -> Result<Refresh, Trouble> {
    let login = format!("`claviger login {account}` signs in again");
    if let Some(Quarantine { why, .. }) = &record.quarantine {
        return Err(Trouble::new(Reason::LoginRequired, why.clone()).hint(login));
    }
    record.refresh.clone().ok_or_else(|| {
        let message =
            format!("the token of the account {account} has expired, and there is no refresh token");
        Trouble::new(Reason::LoginRequired, message).hint(format!(
            "{login}; ask for the scope offline_access if the server wants that for refresh tokens"
        ))
    })
}

/// Keeps what the server gave, and only then says it.
fn keep(
    store: &Store,
    kept: Kept,
    room: Room,
    granted: Result<Granted, Failure>,
    was_cut_off: bool,
) -> Result<Found, Trouble> {
    let now = SystemTime::now();
    let Kept { mut record, .. } = kept;
    match granted {
        Ok(granted) => {
            let fault = granted.fault;
            renew(&mut record, granted, now);
            store.write(&record, room)?;
            match (found(&record), fault) {
                (Some(found), None) => Ok(found),
                (_, fault) => Err(useless(fault.unwrap_or_default())),
            }
        }
        Err(Failure::Spent(trouble)) => {
            let why = match was_cut_off {
                true => format!(
                    "{}; an earlier refresh was cut off before its answer could be kept",
                    trouble.message
                ),
                false => trouble.message,
            };
            record.quarantine = Some(Quarantine { why, at_ms: milliseconds(now) });
            store.write(&record, room)?;
            refreshable(store.account(), &record).map_or_else(Err, |_| Err(useless("")))
        }
        Err(Failure::Other(trouble)) => Err(trouble),
    }
}

fn renew(record: &mut Record, granted: Granted, now: SystemTime) {
    record.generation += 1;
    record.issued_at_ms = milliseconds(now);
    record.expires_at_ms = granted.expires_at_ms(now);
    record.secret = granted.access;
    if let (Some(token), Some(refresh)) = (granted.refresh, &mut record.refresh) {
        refresh.token = token;
    }
}

fn useless(fault: &str) -> Trouble {
    Trouble::new(Reason::SourceUnavailable, format!("the authorization server answered, but {fault}"))
        .hint("ask whoever runs the server; it is tried again")
}
