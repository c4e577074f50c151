//! The local store: one record per account, in the keyring or in a sealed file. Only `fetch` children read it.
//!
//! A process that changes a record holds its lock. If a record is in both places, because a move was interrupted or the
//! keyring failed, the higher generation counts: at no moment is a secret in neither. A file is never older than the
//! keyring's record beside it, so a record that waits there counts even while the keyring is locked.

pub(crate) mod file;
mod keyring;
mod record;
mod seal;

pub(super) use record::{Client, Quarantine, Record, Refresh, VERSION, milliseconds};

use claviger::{reason::Reason, remedy::Remedy};
use claviger_child::{
    Declined,
    account::{self, Storage, StoreChoice, check_name},
};
use claviger_private::FileLock;
use file::Files;
use keyring::Keyring;
use std::{cell::Cell, path::PathBuf, time::Duration};

/// How long to wait for another process that refreshes or signs in to the same account.
const LOCK_WAIT: Duration = Duration::from_secs(15);

/// The record of one account.
pub(super) struct Store {
    account: String,
    files: Files,
    keyring: Keyring,
    /// Whether the keyring is known to have a record.
    in_keyring: Cell<bool>,
    lock: PathBuf,
}

/// A record, and its place.
pub(super) struct Kept {
    pub(super) record: Record,
    pub(super) place: Storage,
}

/// Room for the next record, ensured before a server is asked for a token that it issues only once.
pub(super) struct Room {
    place: Storage,
    file: file::Room,
    /// Why it is not in the keyring, which is preferred.
    instead: Option<String>,
}

/// Whether the keyring answers and is open.
///
/// # Errors
/// `keyring-locked`, or why there is none.
pub(super) fn keyring_answers() -> Result<(), Declined> {
    // Without an account: nothing is read.
    Keyring::new("doctor").probe()
}

impl Store {
    pub(super) fn new(wanted: &account::Record) -> Result<Self, Declined> {
        check_name(&wanted.account)?;
        let account::Record { account, directory, seal } = wanted;
        Ok(Self {
            files: Files::new(directory, account, seal.as_deref()),
            keyring: Keyring::new(account),
            in_keyring: Cell::new(false),
            lock: directory.join(format!("{account}.lock")),
            account: account.clone(),
        })
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// Keeps every other process from changing the record.
    pub(super) fn lock(&self) -> Result<FileLock, Declined> {
        Ok(FileLock::take(&self.lock, LOCK_WAIT)?)
    }

    /// The record; `None` if there is none. `place` is where it should be.
    ///
    /// # Errors
    /// `keyring-locked` also for a keyring that reports no such item: one that was never unlocked does, although the
    /// list of accounts has the account.
    pub(super) fn read(&self, place: Storage) -> Result<Option<Kept>, Declined> {
        let in_file = self.files.read()?.map(|record| Kept { record, place: Storage::File });
        if place == Storage::File && in_file.is_some() {
            return Ok(in_file);
        }
        match (self.ask_keyring(), in_file) {
            (Ok(Some(record)), Some(in_file)) if record.generation < in_file.record.generation => {
                Ok(Some(in_file))
            }
            (Ok(Some(record)), _) => Ok(Some(Kept { record, place: Storage::Keyring })),
            // A record that a locked keyring could not accept waits in a file.
            (_, Some(in_file)) => Ok(Some(in_file)),
            // If a file is gone, an interrupted move has left the record in the keyring, or there is none.
            (Err(trouble), None) if place == Storage::Keyring || !trouble.is(Reason::SourceUnavailable) => {
                Err(trouble)
            }
            (Ok(None), None) if place == Storage::Keyring => Err(keyring::silent(&self.account)),
            (_, None) => Ok(None),
        }
    }

    fn ask_keyring(&self) -> Result<Option<Record>, Declined> {
        let found = self.keyring.read()?;
        self.in_keyring.set(found.is_some());
        Ok(found)
    }

    /// Ensures that a record can be written: reserves room on the disk, and asks the keyring if it is to go there.
    ///
    /// # Errors
    /// Why it cannot; nothing has changed then.
    pub(super) fn make_room(&self, place: StoreChoice) -> Result<Room, Declined> {
        let file = self.files.make_room()?;
        let (place, instead) = match place {
            StoreChoice::File => (Storage::File, None),
            StoreChoice::Keyring => self.keyring.probe().map(|()| (Storage::Keyring, None))?,
            StoreChoice::Auto => match self.keyring.probe() {
                Ok(()) => (Storage::Keyring, None),
                Err(declined) => (Storage::File, Some(declined.problem.message)),
            },
        };
        Ok(Room { place, file, instead })
    }

    /// Writes the record of a new login to the wanted place. Returns the actual place, and messages for the person.
    pub(super) fn keep(
        &self,
        record: &Record,
        wanted: StoreChoice,
    ) -> Result<(Storage, Vec<String>), Declined> {
        let mut room = self.make_room(wanted)?;
        let (meant, instead) = (room.place, room.instead.take());
        let place = self.write(record, room)?;
        let refused = || (place != meant).then(|| "the keyring did not accept it".to_owned());
        let notice = instead.or_else(refused).map(|why| {
            format!(
                "{why}: the secret is saved in a sealed file. `claviger accounts move --to keyring {}` moves \
                 it once a keyring is open",
                self.account
            )
        });
        Ok((place, notice.into_iter().collect()))
    }

    /// Writes the record, and returns its place: a file if the keyring does not accept it any more. A record in the
    /// other place is now older, and is removed if possible.
    pub(super) fn write(&self, record: &Record, room: Room) -> Result<Storage, Declined> {
        let Room { place, file, .. } = room;
        let mut file = Some(file);
        // A record that waits in a file must never become older than the keyring's, even for a moment: if this process
        // were killed then and the keyring locked, the file's would count as the latest.
        if (place == Storage::File || self.files.exists())
            && let Some(file) = file.take()
        {
            self.files.fill(file, record)?;
        }
        if place == Storage::Keyring && self.keyring.write(record).is_ok() {
            if file.is_none() {
                // A record that stays is as good as the keyring's.
                drop(self.files.remove());
            }
            return Ok(Storage::Keyring);
        }
        if let Some(file) = file {
            self.files.fill(file, record)?;
        }
        if place == Storage::File && self.in_keyring.get() {
            drop(self.keyring.remove());
        }
        Ok(Storage::File)
    }

    /// As [`Store::write`], but only replaces the record with this login and the generation `before`. The lock excludes
    /// claviger's own processes; a restored backup, or a copy from another machine, takes no lock.
    ///
    /// # Errors
    /// Also if there is another login's record now, or a newer one; it stays as it is.
    pub(super) fn replace(
        &self,
        place: Storage,
        before: (String, u64),
        record: &Record,
        room: Room,
    ) -> Result<Storage, Declined> {
        let (login, generation) = before;
        match self.read(place) {
            Ok(Some(Kept { record: found, .. })) if found.login != login || found.generation > generation => {
                let message = format!("another process changed the record of the account {}", self.account);
                Err(Declined::new(Reason::SourceUnavailable, message)
                    .hint("it stays as that process wrote it; is its directory shared with another machine?"))
            }
            // Replacing an unreadable or missing record is better than losing the grant.
            _ => self.write(record, room),
        }
    }

    /// Writes the record to the place of `room`, and removes it from the other. Unlike [`Store::write`] it fails if the
    /// keyring does.
    pub(super) fn carry(&self, kept: &Kept, room: Room) -> Result<Storage, Declined> {
        let Room { place, file, .. } = room;
        match place {
            Storage::Keyring => {
                self.give(&kept.record).inspect_err(|_| {
                    // It may have accepted it in any case.
                    if kept.place == Storage::File {
                        drop(self.keyring.remove());
                    }
                })?;
                drop(file);
                self.files.remove()?;
            }
            Storage::File => {
                self.files.fill(file, &kept.record)?;
                let removed = self.keyring.remove();
                // If it had no record, its failure to answer does not matter.
                if self.in_keyring.get() {
                    removed?;
                }
            }
        }
        Ok(place)
    }

    /// Saves a record in the keyring, and reads it back.
    fn give(&self, record: &Record) -> Result<(), Declined> {
        self.keyring.write(record)?;
        match self.keyring.read()?.is_some_and(|found| found.generation == record.generation) {
            true => Ok(()),
            false => Err(Declined::new(Reason::SourceUnavailable, "the keyring did not keep the record")
                .hint("the record is still in its old place; try again")),
        }
    }

    /// The generation of the next record: higher than that of any readable one.
    pub(super) fn next_generation(&self) -> u64 {
        let of = |record: Option<Record>| record.map_or(0, |record| record.generation);
        let file = self.files.read().map_or(0, of);
        file.max(self.ask_keyring().map_or(0, of)) + 1
    }

    /// Removes the record from everywhere. A keyring that should have none is asked as well, and may fail.
    pub(super) fn remove(&self, place: Storage) -> Result<(), Declined> {
        let removed = self.files.remove();
        match self.keyring.remove() {
            Err(trouble) if place == Storage::Keyring => removed.and(Err(trouble)),
            _ => removed,
        }
    }
}

/// The problem of a record that does not belong to the login in the list.
pub(super) fn cut_off(account: &str) -> Declined {
    Declined::new(
        Reason::LoginRequired,
        format!("the last login of {account} was interrupted before it was complete"),
    )
    .hint("a new one completes it")
    .remedy(Remedy::login(Some(account)))
}

#[cfg(test)]
mod tests;
