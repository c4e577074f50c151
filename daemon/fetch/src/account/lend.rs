//! Lends the secret of an account. A token that is due is refreshed first. One process refreshes at a time: it reads
//! the record again under the lock, and saves the server's answer before returning it.

use crate::{
    answer::Fetched,
    oauth::{Failure, Granted, Server},
    store::{self, Kept, Quarantine, Record, Refresh, Room, Store, milliseconds},
};
use claviger::{reason::Reason, remedy::Remedy};
use claviger_child::{
    Declined, Facts, Provided, Text,
    account::{Kind, Lend, Storage, StoreChoice},
    refresh_at,
};
use claviger_private::FileLock;
use std::time::{Duration, SystemTime};

/// Mark that a refreshing process leaves in the lock, in case it is killed.
const REFRESHING: &str = "refreshing";
/// Mark after a request without an answer.
const UNANSWERED: &str = "unanswered";
/// Mark of a process that sends a token for the second time.
const SECOND: &str = "second";
/// Assumed lifetime of a token whose server sends none (`spec/behaviour.md` A7, "AWS cache").
const WITHOUT_EXPIRY: Duration = Duration::from_secs(3600);
/// Clocks of one machine never differ; a token from the future means that the clock was set back.
const CLOCK_SLACK: Duration = Duration::from_secs(5);

/// Usability of a stored secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Valid for some time.
    Fresh,
    /// Valid, but due for a refresh.
    Due,
    /// Invalid, or of unknown age.
    Over,
}

/// Lends the secret.
pub(crate) async fn lend(mut request: Lend) -> Fetched {
    let client_secret = request.client_secret.take();
    let store = Store::new(&request.record)?;
    let Kept { record, .. } = record(&store, &request)?;
    if let Some(found) = lent(&record, request.held, Standing::Fresh, SystemTime::now()) {
        return Ok(found);
    }
    match refreshed(&request, &store, client_secret).await {
        // A session that has just started and has no credential is better served by a secret that is valid for a
        // minute.
        Err(declined) if !declined.is(Reason::LoginRequired) || record.refresh.is_none() => {
            lent(&record, request.held, Standing::Due, SystemTime::now()).ok_or(declined)
        }
        refreshed => refreshed,
    }
}

/// A valid secret: refreshed, unless another process did that while we waited for the lock.
async fn refreshed(request: &Lend, store: &Store, client_secret: Option<Text>) -> Result<Provided, Declined> {
    let mut lock = store.lock()?;
    let Kept { record, place } = record(store, request)?;
    if let Some(found) = lent(&record, request.held, Standing::Fresh, SystemTime::now()) {
        return Ok(found);
    }
    let refresh = refreshable(&request.record.account, &record)?;
    let room = store.make_room(match (request.kept, place) {
        (Storage::File, _) => StoreChoice::File,
        (Storage::Keyring, Storage::Keyring) => StoreChoice::Keyring,
        // It waits in a file for the keyring, and may stay there.
        (Storage::Keyring, Storage::File) => StoreChoice::Auto,
    })?;
    let earlier = marked(&lock.mark(), &record);
    let showing = showing(request, &record, &refresh, &earlier, SystemTime::now())?;
    let mut refreshing = Refreshing {
        store,
        kept: request.kept,
        rejected: is_rejected(request, &record),
        record,
        lock,
        earlier,
        showing,
        asked_at: SystemTime::now(),
    };
    if showing == Showing::Third {
        return refreshing.keep(room, Err(lost()));
    }
    mark(
        &mut refreshing.lock,
        if showing == Showing::Second { SECOND } else { REFRESHING },
        &refreshing.record,
    )?;
    // The token's lifetime starts at the server before its answer arrives.
    refreshing.asked_at = SystemTime::now();
    let granted = Server::new(refresh.client, client_secret).refresh(&refresh.token).await;
    refreshing.keep(room, granted)
}

/// Whether it is the access token of `record` that the API rejected.
fn is_rejected(request: &Lend, record: &Record) -> bool {
    request.rejected && request.held == Some(record.generation)
}

/// How often a server with single-use tokens would have received this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Showing {
    /// For the first time, according to the mark.
    First,
    /// Again: an earlier answer may be lost.
    Second,
    /// Too often.
    Third,
}

/// Whether the refresh token may be sent. A token that was sent without an answer may be used up, and a server that
/// receives a used one may end the login, together with the access token of every session. So it is sent again, once,
/// when nothing is left to lose.
///
/// # Errors
/// `source-unavailable` while there is.
fn showing(
    request: &Lend,
    record: &Record,
    refresh: &Refresh,
    earlier: &str,
    now: SystemTime,
) -> Result<Showing, Declined> {
    if refresh.is_lasting {
        return Ok(Showing::First);
    }
    match earlier {
        REFRESHING | UNANSWERED => {}
        SECOND => return Ok(Showing::Third),
        _ => return Ok(Showing::First),
    }
    let end = record.expires_at().unwrap_or(record.issued_at() + WITHOUT_EXPIRY);
    let is_over = record.secret.is_none() || standing(record, now) == Standing::Over;
    match now < end && !is_over && !is_rejected(request, record) {
        true => {
            let message = format!(
                "the refresh token of the account {} may be used up{}",
                request.record.account,
                because(earlier)
            );
            let hint = "it is sent once more when the access token has expired, since a server may end a login if it \
             receives a token twice; you can log in again before that";
            Err(Declined::new(Reason::SourceUnavailable, message).hint(hint))
        }
        false => Ok(Showing::Second),
    }
}

/// The problem of an account whose refresh token was sent twice without an answer.
fn lost() -> Failure {
    Failure::Spent(Declined::new(Reason::LoginRequired, "two refreshes in a row were never answered"))
}

/// Leaves a mark about the token of `record`: a token of another login or generation was never sent.
fn mark(lock: &mut FileLock, word: &str, record: &Record) -> Result<(), Declined> {
    let text = if word.is_empty() { String::new() } else { format!("{word}:{}", record.generation) };
    lock.set_mark(&text).map_err(|error| {
        Declined::new(Reason::SourceUnavailable, format!("the lock cannot be written: {}", error.kind()))
    })
}

/// The mark that an earlier refresh of `record` left; empty if there is none.
fn marked(text: &str, record: &Record) -> String {
    let (word, generation) = text.split_once(':').unwrap_or_default();
    let is_of = generation.parse() == Ok(record.generation);
    if is_of { word.to_owned() } else { String::new() }
}

/// The record of the login that the daemon has listed.
fn record(store: &Store, request: &Lend) -> Result<Kept, Declined> {
    let account = &request.record.account;
    match store.read(request.kept)? {
        Some(kept) if kept.record.login == request.login => Ok(kept),
        Some(_) => Err(store::cut_off(account)),
        None => {
            Err(Declined::new(Reason::LoginRequired, format!("the file of the account {account} is gone"))
                .remedy(Remedy::login(Some(account))))
        }
    }
}

/// The secret, if it differs from `held` and is as good as `wanted`. A secret that cannot be refreshed is lent again.
fn lent(record: &Record, held: Option<u64>, wanted: Standing, now: SystemTime) -> Option<Provided> {
    let is_good = match standing(record, now) {
        Standing::Fresh => true,
        Standing::Due => wanted == Standing::Due,
        Standing::Over => false,
    };
    let is_held = record.kind == Kind::Oauth && held == Some(record.generation);
    if is_good && !is_held { found(record) } else { None }
}

fn standing(record: &Record, now: SystemTime) -> Standing {
    let is_oauth = record.kind == Kind::Oauth;
    match record.expires_at() {
        // Its age is unknown, so its expiry is, too.
        _ if is_oauth && record.issued_at() > now + CLOCK_SLACK => Standing::Over,
        Some(expiry) if now >= expiry => Standing::Over,
        // The same rule as the daemon's, so that it is not due at once.
        Some(expiry) if is_oauth && now >= refresh_at(record.issued_at(), expiry, Duration::ZERO, 0.0) => {
            Standing::Due
        }
        _ => Standing::Fresh,
    }
}

fn found(record: &Record) -> Option<Provided> {
    let secret = record.secret.as_ref()?.0.clone();
    let facts =
        Facts { stored: Some(record.generation), issued_at: Some(record.issued_at()), ..Facts::default() };
    Some(Provided { facts, ..Provided::new(secret, record.expires_at()) })
}

/// The inputs for refreshing a record.
fn refreshable(account: &str, record: &Record) -> Result<Refresh, Declined> {
    let login = Remedy::login(Some(account));
    if let Some(Quarantine { why, .. }) = &record.quarantine {
        return Err(Declined::new(Reason::LoginRequired, why.clone()).remedy(login));
    }
    record.refresh.clone().ok_or_else(|| {
        let message =
            format!("the token of the account {account} has expired, and there is no refresh token");
        Declined::new(Reason::LoginRequired, message)
            .hint("request the scope offline_access if the server requires it for refresh tokens")
            .remedy(login)
    })
}

/// A refresh in progress at the server.
struct Refreshing<'a> {
    store: &'a Store,
    /// Where the record should be.
    kept: Storage,
    /// Whether the API rejected the secret of the record.
    rejected: bool,
    record: Record,
    lock: FileLock,
    /// Mark of an earlier refresh in the lock.
    earlier: String,
    showing: Showing,
    asked_at: SystemTime,
}

impl Refreshing<'_> {
    /// Saves the server's answer, and only then returns it. The mark in the lock is removed when nothing can be lost
    /// any more.
    fn keep(mut self, room: Room, granted: Result<Granted, Failure>) -> Result<Provided, Declined> {
        let before = (self.record.login.clone(), self.record.generation);
        match granted {
            // There is nothing to save, and the saved secret may be valid for some time.
            Ok(Granted { access: None, refresh: None, fault, .. }) => {
                mark(&mut self.lock, "", &self.record)?;
                Err(useless(fault.unwrap_or_default()))
            }
            Ok(granted) => {
                let fault = granted.fault;
                renew(&mut self.record, granted, self.asked_at);
                self.store.replace(self.kept, before, &self.record, room)?;
                mark(&mut self.lock, "", &self.record)?;
                let fresh = found(&self.record).filter(|_| fault.is_none());
                fresh.ok_or_else(|| useless(fault.unwrap_or_default()))
            }
            Err(Failure::Unanswered(_)) if self.showing == Showing::Second => self.keep(room, Err(lost())),
            Err(Failure::Spent(declined)) => {
                let why = format!("{}{}", declined.problem.message, because(&self.earlier));
                self.record.quarantine = Some(Quarantine { why, at_ms: milliseconds(SystemTime::now()) });
                if self.rejected {
                    // API and server agree: no lifetime is left for lending.
                    self.record.secret = None;
                }
                self.store.replace(self.kept, before, &self.record, room)?;
                mark(&mut self.lock, "", &self.record)?;
                let spent = refreshable(self.store.account(), &self.record).err();
                Err(Declined { is_over: self.rejected, ..spent.unwrap_or_else(|| useless("")) })
            }
            Err(Failure::Unanswered(trouble)) => {
                mark(&mut self.lock, UNANSWERED, &self.record)?;
                Err(trouble)
            }
            // Nothing was issued, so this attempt lost nothing; what an earlier refresh may have lost remains lost.
            Err(Failure::Unsent(trouble) | Failure::Other(trouble)) => {
                let earlier = std::mem::take(&mut self.earlier);
                mark(&mut self.lock, &earlier, &self.record)?;
                Err(trouble)
            }
        }
    }
}

/// Why a server refuses a refresh token that it issued, from the mark of an earlier refresh.
fn because(earlier: &str) -> &'static str {
    match earlier {
        REFRESHING => "; an earlier refresh was interrupted before its answer could be saved",
        UNANSWERED | SECOND => "; an earlier refresh was never answered, so its new token is lost",
        _ => "",
    }
}

/// Stores a grant. An unusable token leaves none: the previous one has another generation, and a session that holds it
/// continues with it.
fn renew(record: &mut Record, granted: Granted, asked_at: SystemTime) {
    record.generation += 1;
    record.issued_at_ms = milliseconds(asked_at);
    record.expires_at_ms = granted.expires_at_ms(asked_at);
    record.secret = granted.access;
    if let Some(refresh) = &mut record.refresh {
        let before = &refresh.token.0;
        let fresh = granted.refresh.filter(|token| token.0.expose() != before.expose());
        refresh.is_lasting = fresh.is_none();
        refresh.token = fresh.unwrap_or_else(|| refresh.token.clone());
    }
}

fn useless(fault: &str) -> Declined {
    Declined::new(Reason::SourceUnavailable, format!("the authorization server answered, but {fault}"))
        .hint("ask the operator of the server; claviger tries again")
}

#[cfg(test)]
mod tests;
