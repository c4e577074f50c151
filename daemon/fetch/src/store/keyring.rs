//! The keyring: Secret Service on Linux, Keychain on macOS.
//!
//! A service that owns the name and never answers would block for ever, so every call has its own thread, and all calls
//! of this process share one deadline. Threads that hang end with this process.

mod common;
mod items;
#[cfg(target_os = "macos")]
mod keychain;
#[cfg(not(target_os = "macos"))]
mod secret_service;

#[cfg(target_os = "macos")]
use keychain as platform;
#[cfg(not(target_os = "macos"))]
use secret_service as platform;

use super::{
    Record,
    file::{decode, encode},
};
use claviger::{reason::Reason, remedy::Remedy};
use claviger_child::Declined;
use common::Refusal;
use std::{
    cell::Cell,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Time limit of the keyring for all requests: with the start of a process, a person waits 3 s at most.
const PATIENCE: Duration = Duration::from_secs(2);
/// The item of one account.
pub(super) struct Keyring {
    account: String,
    /// Its remaining time.
    left: Cell<Duration>,
}

impl Keyring {
    pub(super) fn new(account: &str) -> Self {
        Self { account: account.to_owned(), left: Cell::new(PATIENCE) }
    }

    /// The record; `None` if the keyring has none, which a keyring that lost its files reports, too.
    pub(super) fn read(&self) -> Result<Option<Record>, Declined> {
        let Some(text) = self.ask(items::read)? else { return Ok(None) };
        decode(text.expose()).map(Some).map_err(|is_newer| self.wrong(is_newer))
    }

    /// Whether it answers and accepts items.
    pub(super) fn probe(&self) -> Result<(), Declined> {
        self.ask(platform::probe)
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), Declined> {
        let text = encode(record)?;
        self.ask(move |account| items::write(account, text.expose()))
    }

    pub(super) fn remove(&self) -> Result<(), Declined> {
        self.ask(items::remove)
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&str) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Declined> {
        let (answer, answers) = mpsc::channel();
        let (account, started) = (self.account.clone(), Instant::now());
        let asked = thread::Builder::new().name("keyring".to_owned());
        let asked = asked.spawn(move || drop(answer.send(question(&account))));
        let answered = asked.map(|_| answers.recv_timeout(self.left.get()));
        self.left.set(self.left.get().saturating_sub(started.elapsed()));
        match answered {
            Ok(Ok(answered)) => answered.map_err(refused),
            _ => Err(Declined::new(
                Reason::SourceTimeout,
                format!("the keyring did not answer within {} s", PATIENCE.as_secs_f32()),
            )
            .hint(BY_FILE)),
        }
    }

    fn wrong(&self, is_newer: bool) -> Declined {
        let wrong = |message: &str| Declined::new(Reason::SettingsInvalid, message);
        match is_newer {
            true => {
                wrong("a newer version of claviger wrote the item in the keyring").hint("update claviger")
            }
            false => wrong("the item in the keyring is damaged")
                .hint("it stays as it is; a new login replaces it")
                .remedy(Remedy::login(Some(&self.account))),
        }
    }
}

/// The configuration takes effect when a daemon starts.
const BY_FILE: &str = "restart the keyring's service; `claviger login --store file` keeps a secret in a sealed file, and \
     store = \"file\" under [daemon] in ~/.config/claviger/config.toml, followed by `claviger daemon stop`, every new one";

const NO_COLLECTION: &str = "make one with the keyring's own program, such as a new keyring of Seahorse that is set as default; \
     `claviger login --store file` keeps a secret in a sealed file";

fn refused(refusal: Refusal) -> Declined {
    match refusal {
        Refusal::Locked => Declined::new(Reason::KeyringLocked, "the keyring is locked")
            .hint("unlock it (by signing in to the desktop, or with its own program), then try again"),
        Refusal::Absent => Declined::new(Reason::SourceUnavailable, "there is no keyring here").hint(BY_FILE),
        Refusal::Empty => {
            Declined::new(Reason::SourceUnavailable, "the keyring has no collection to keep items in")
                .hint(NO_COLLECTION)
        }
        Refusal::Failed => Declined::new(Reason::SourceUnavailable, "the keyring failed").hint(BY_FILE),
    }
}

/// The problem of a keyring without an item for an existing account.
pub(super) fn silent(account: &str) -> Declined {
    let message = format!(
        "the keyring has no item for the account {account}: it is another keyring, or the item was removed"
    );
    Declined::new(Reason::KeyringLocked, message)
        .hint("unlock it, then try again; if the item is gone for good, a new login creates one")
        .remedy(Remedy::login(Some(account)))
}
