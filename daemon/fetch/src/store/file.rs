//! The file store: a sealed file per account, in a directory of the user.

use super::{
    Record, record,
    seal::{self, KEY_LEN, Key, Origin, Unopened},
};
use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    secret::Secret,
};
use claviger_child::Declined;
use claviger_private::FileLock;
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Largest record, in bytes: two tokens of 16 KiB fit, even with every character escaped.
const MAX_RECORD: usize = 256 * 1024;
/// Room reserved for the next record.
const ROOM: usize = 80 * 1024;
/// Largest credential of a service manager.
const MAX_SEAL: usize = 64 * 1024;
/// How long to wait for another process that creates the key.
const KEY_WAIT: Duration = Duration::from_secs(5);

/// Why a record sealed by another daemon cannot be opened.
const NO_CREDENTIAL: &str =
    "it is sealed with a credential of the service manager, which this daemon does not have";

/// The file of one account.
pub(super) struct Files {
    account: String,
    path: PathBuf,
    key: PathBuf,
    seal: Option<PathBuf>,
}

/// Room for the next record, and the key to seal it with.
pub(super) struct Room {
    room: claviger_private::Room,
    key: Key,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Files {
    pub(super) fn new(directory: &Path, account: &str, seal: Option<&Path>) -> Self {
        Self {
            account: account.to_owned(),
            path: directory.join(format!("{account}.account")),
            key: directory.join("key"),
            seal: seal.map(Path::to_owned),
        }
    }

    /// The record; `None` if there is no file.
    pub(super) fn read(&self) -> Result<Option<Record>, Declined> {
        let Some(sealed) = claviger_private::read_private(&self.path, MAX_RECORD)? else {
            return Ok(None);
        };
        let origin = seal::origin(&sealed).map_err(|unopened| self.unopened(unopened))?;
        let Some(key) = self.known_key(origin)? else {
            return Err(match origin {
                Origin::File => self.wrong("its key is gone, so it cannot be opened any more"),
                Origin::Credential => self.wrong(NO_CREDENTIAL).hint(
                    "start the daemon as the service whose unit has LoadCredential=claviger-store-key, or log in again",
                ),
            });
        };
        let text = key.open(&self.account, &sealed).map_err(|unopened| self.unopened(unopened))?;
        decode(text.expose()).map(Some).map_err(|is_newer| match is_newer {
            true => self.newer(),
            false => self.wrong("it is damaged"),
        })
    }

    /// Reserves room for the next record, and creates the key if there is none yet.
    pub(super) fn make_room(&self) -> Result<Room, Declined> {
        let origin = if self.seal.is_some() { Origin::Credential } else { Origin::File };
        let key = match self.known_key(origin)? {
            Some(key) => key,
            None => self.make_key()?,
        };
        Ok(Room { room: claviger_private::Room::make(&self.path, ROOM)?, key })
    }

    /// Writes the record.
    pub(super) fn fill(&self, room: Room, record: &Record) -> Result<(), Declined> {
        let sealed = room.key.seal(&self.account, &encode(record)?).map_err(|_| no_randomness())?;
        room.room.fill(&sealed).map_err(Declined::from)
    }

    /// Whether its path exists.
    pub(super) fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    pub(super) fn remove(&self) -> Result<(), Declined> {
        claviger_private::remove_private(&self.path).map_err(Declined::from)
    }

    fn known_key(&self, origin: Origin) -> Result<Option<Key>, Declined> {
        let bytes = match (origin, &self.seal) {
            // The service manager's own file: it is read-only, and ours.
            (Origin::Credential, Some(seal)) => Some(
                crate::file::read(seal, MAX_SEAL)
                    .map_err(|unread| {
                        Declined::new(
                            Reason::SettingsInvalid,
                            format!("the credential {} {unread}", seal.display()),
                        )
                        .hint("check LoadCredential in the unit of the service")
                    })?
                    .to_vec(),
            ),
            (Origin::Credential, None) => None,
            (Origin::File, _) => claviger_private::read_private(&self.key, MAX_SEAL)?,
        };
        let Some(bytes) = bytes.map(Secret::new) else { return Ok(None) };
        if bytes.expose().len() < KEY_LEN {
            let path = self.seal.as_ref().filter(|_| origin == Origin::Credential).unwrap_or(&self.key);
            return Err(Declined::from(
                Problem::new(Reason::SettingsInvalid, "the key of the file store is too short")
                    .hint("restore it from a backup; without it, move it away and log in again")
                    .at(&Location::of_file(path)),
            ));
        }
        Key::new(&bytes, origin).map(Some).map_err(|_| no_randomness())
    }

    /// One key for all accounts: of many concurrent processes, one creates it.
    fn make_key(&self) -> Result<Key, Declined> {
        // Not an account's lock: those begin with a letter or digit.
        let _lock = FileLock::take(&self.key.with_file_name(".key.lock"), KEY_WAIT)?;
        if let Some(key) = self.known_key(Origin::File)? {
            return Ok(key);
        }
        let bytes = Key::random().map_err(|_| no_randomness())?;
        claviger_private::write_private(&self.key, bytes.expose())?;
        Key::new(&bytes, Origin::File).map_err(|_| no_randomness())
    }

    fn unopened(&self, unopened: Unopened) -> Declined {
        match unopened {
            Unopened::Version => self.newer(),
            Unopened::Damaged => self.wrong("it is damaged, or was sealed with another key"),
        }
    }

    fn wrong(&self, message: &str) -> Declined {
        Declined::from(
            Problem::new(Reason::SettingsInvalid, message)
                .hint("it stays as it is; a new login replaces it")
                .remedy(Remedy::login(Some(&self.account)))
                .at(&Location::of_file(&self.path)),
        )
    }

    fn newer(&self) -> Declined {
        self.wrong("a newer version of claviger wrote it").hint("update claviger")
    }
}

/// A record as JSON.
pub(crate) fn encode(record: &Record) -> Result<Secret<Vec<u8>>, Declined> {
    let text = serde_json::to_vec(record).map(Secret::new);
    text.map_err(|_| Declined::new(Reason::Bug, "the record cannot be written"))
}

/// A record from JSON; the error is whether a newer version wrote it.
pub(crate) fn decode(text: &[u8]) -> Result<Record, bool> {
    let Version { version } = serde_json::from_slice(text).map_err(|_| false)?;
    if version > record::VERSION {
        return Err(true);
    }
    serde_json::from_slice(text).map_err(|_| false)
}

fn no_randomness() -> Declined {
    Declined::new(Reason::SourceUnavailable, "the system has no random numbers").hint("try again")
}
