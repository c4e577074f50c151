//! The keyring: Secret Service on Linux, Keychain on macOS.
//!
//! A service that owns the name and never answers would hold us up for ever, so every call has a thread of its own and a
//! deadline. What hangs ends with this process.

use super::{
    Record,
    file::{decode, encode},
};
use crate::fetch::answer::Trouble;
use claviger::{reason::Reason, secret::Secret};
use keyring::v1::{Entry, Error};
use std::{sync::mpsc, thread, time::Duration};

/// How long the keyring may take for everything it is asked (issue: at most 3 s, then it is said).
const PATIENCE: Duration = Duration::from_millis(2500);
/// Service that items are filed under.
const SERVICE: &str = "claviger";

/// The item of one account.
pub(super) struct Keyring {
    account: String,
}

impl Keyring {
    pub(super) fn new(account: &str) -> Self {
        Self { account: account.to_owned() }
    }

    /// The record; `None` if the keyring says that there is none, which one that was never unlocked says, too.
    pub(super) fn read(&self) -> Result<Option<Record>, Trouble> {
        let found = self.ask(|entry| match entry.get_secret() {
            Ok(bytes) => Ok(Some(Secret::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })?;
        let Some(text) = found else { return Ok(None) };
        decode(text.expose()).map(Some).map_err(|is_newer| self.wrong(is_newer))
    }

    /// Whether it answers and takes items. Nothing is changed that anybody would miss.
    pub(super) fn probe(&self) -> Result<(), Trouble> {
        let probe = Self { account: format!("{}.probe", self.account) };
        probe.ask(|entry| {
            entry.set_secret(b"claviger")?;
            entry.delete_credential()
        })
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), Trouble> {
        let text = encode(record)?;
        self.ask(move |entry| entry.set_secret(text.expose()))
    }

    pub(super) fn remove(&self) -> Result<(), Trouble> {
        self.ask(|entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            done => done,
        })
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (answer, answers) = mpsc::channel();
        let account = self.account.clone();
        let asked = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            let answered = Entry::new(SERVICE, &account).and_then(|entry| question(&entry));
            drop(answer.send(answered));
        });
        match asked.map(|_| answers.recv_timeout(PATIENCE)) {
            Ok(Ok(answered)) => answered.map_err(|error| refused(&error)),
            _ => Err(Trouble::new(
                Reason::SourceTimeout,
                format!("the keyring did not answer within {} s", PATIENCE.as_secs_f32()),
            )
            .hint(BY_FILE)),
        }
    }

    fn wrong(&self, is_newer: bool) -> Trouble {
        let (message, hint) = match is_newer {
            true => {
                ("a newer version of claviger wrote the item in the keyring", "update claviger".to_owned())
            }
            false => (
                "the item in the keyring is damaged",
                format!("it is left as it is; `claviger login {}` replaces it", self.account),
            ),
        };
        Trouble::new(Reason::SettingsInvalid, message).hint(hint)
    }
}

const BY_FILE: &str =
    "restart the keyring's service, or set store = \"file\" under [daemon] in ~/.config/claviger/config.toml";

/// Errors of the keyring can quote what they were about, so only their kind is told.
fn refused(error: &Error) -> Trouble {
    match error {
        Error::NoStorageAccess(_) => Trouble::new(Reason::KeyringLocked, "the keyring is locked")
            .hint("unlock it (by signing in to the desktop, or with its own program), then try again"),
        Error::NoDefaultStore => {
            Trouble::new(Reason::SourceUnavailable, "there is no keyring here").hint(BY_FILE)
        }
        _ => Trouble::new(Reason::SourceUnavailable, "the keyring failed").hint(BY_FILE),
    }
}

/// The trouble of a keyring that has no item for an account that exists.
pub(super) fn silent(account: &str) -> Trouble {
    let message = format!(
        "the keyring has no item for the account {account}: it was never unlocked, or somebody removed the item"
    );
    Trouble::new(Reason::KeyringLocked, message).hint(format!(
        "unlock it, then try again; if the item is gone for good, `claviger login {account}` makes a new one"
    ))
}
