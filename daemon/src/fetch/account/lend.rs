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
    let lent = find(arguments).await;
    answer(lent.or_else(|trouble| {
        let kept = Store::new(&arguments.store).and_then(|store| record(&store, arguments)).ok();
        let left = kept.and_then(|kept| remainder(&kept.record, arguments.held, SystemTime::now()));
        left.ok_or(trouble)
    }))
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
    let room = store.make_room(match arguments.kept {
        Place::Keyring => config::Store::Keyring,
        Place::File => config::Store::File,
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

/// What is left of a record that could not be refreshed: its secret, if nobody has it yet and it has not expired.
fn remainder(record: &Record, held: Option<u64>, now: SystemTime) -> Option<Found> {
    let is_valid = record.expires_at().is_some_and(|expiry| now < expiry);
    let is_new = held != Some(record.generation) && record.quarantine.is_none();
    found(record).filter(|_| is_valid && is_new)
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
        // What is kept may be good for a while.
        Ok(granted) if granted.access.is_none() && granted.refresh.is_none() => {
            Err(useless(granted.fault.unwrap_or_default()))
        }
        Ok(granted) => {
            let fault = granted.fault;
            renew(&mut record, granted, now);
            store.write(&record, room)?;
            found(&record).ok_or_else(|| useless(fault.unwrap_or_default()))
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

#[cfg(test)]
mod tests {
    use super::{Kind, Quarantine, Record, good, remainder};
    use crate::fetch::store::{Text, VERSION};
    use claviger::secret::Secret;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    fn record() -> Record {
        Record {
            version: VERSION,
            login: "x".into(),
            generation: 7,
            kind: Kind::Oauth,
            secret: Some(Text(Secret::new("canary".to_owned()))),
            issued_at_ms: 0,
            expires_at_ms: Some(1_000_000),
            refresh: None,
            quarantine: None,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_fresh_is_lent_and_what_is_left_only_when_nothing_else_is_to_be_had() {
        for (held, now, is_good, is_left) in [
            (None, 799, true, true),
            (Some(6), 799, true, true),
            (Some(7), 799, false, false),
            (None, 801, false, true),
            (Some(7), 801, false, false),
            (None, 1000, false, false),
        ] {
            let what = format!("{held:?} at {now}");
            assert_eq!(good(&record(), held, at(now)).is_some(), is_good, "{what}");
            assert_eq!(remainder(&record(), held, at(now)).is_some(), is_left, "{what}");
        }
        let why = Quarantine { why: "x".into(), at_ms: 0 };
        let spent = Record { quarantine: Some(why), ..record() };
        assert!(good(&spent, None, at(799)).is_some() && remainder(&spent, None, at(801)).is_none());
        let useless = Record { secret: None, ..record() };
        assert!(good(&useless, None, at(1)).is_none() && remainder(&useless, None, at(1)).is_none());
    }
}
