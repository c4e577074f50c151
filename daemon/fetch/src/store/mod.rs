//! The local store: one record per account, in the keyring or in a sealed file. Only `fetch` children read it.
//!
//! A process that changes a record holds its lock. A record that is found in both places, because a move or a keyring was cut
//! off, counts where its generation is higher: at no moment is a secret in neither. A file is never older than what a
//! keyring has that is in use beside it, so that one that waits there counts even while the keyring is locked.

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
    /// Whether the keyring was seen to have a record.
    in_keyring: Cell<bool>,
    lock: PathBuf,
}

/// A record, and where it was found.
pub(super) struct Kept {
    pub(super) record: Record,
    pub(super) place: Storage,
}

/// Room for the next record, made sure of before a server is asked for what cannot be had twice.
pub(super) struct Room {
    place: Storage,
    file: file::Room,
    /// Why it is not in the keyring, which comes first.
    instead: Option<String>,
}

/// Whether the keyring answers and is open.
///
/// # Errors
/// `keyring-locked`, or why there is none.
pub(super) fn keyring_answers() -> Result<(), Declined> {
    // Asked of no account: nothing is read.
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
    /// `keyring-locked` also for a keyring that says it has no such item: one that was never unlocked does, and
    /// the list of accounts knows better.
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
            // What a locked keyring could not take waits in a file.
            (_, Some(in_file)) => Ok(Some(in_file)),
            // Of a file that is gone, a move that was cut off has left the record in the keyring, or there is none.
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

    /// Makes sure that a record can be written: takes room on the disk, and asks the keyring if it is to go there.
    ///
    /// # Errors
    /// Why it could not; nothing is changed then.
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

    /// Writes the record of a new login to where it is wanted. It says where that is, and what the person should know of it.
    pub(super) fn keep(
        &self,
        record: &Record,
        wanted: StoreChoice,
    ) -> Result<(Storage, Vec<String>), Declined> {
        let mut room = self.make_room(wanted)?;
        let (meant, instead) = (room.place, room.instead.take());
        let place = self.write(record, room)?;
        let refused = || (place != meant).then(|| "the keyring did not take it".to_owned());
        let notice = instead.or_else(refused).map(|why| {
            format!(
                "{why}: the secret is kept in a sealed file. `claviger accounts move --to keyring {}` moves it once there \
                 is a keyring that is open",
                self.account
            )
        });
        Ok((place, notice.into_iter().collect()))
    }

    /// Writes the record, and says where it is now: in a file if the keyring does not take it any more. What the other
    /// place holds is older from now on, and is removed where that is possible.
    pub(super) fn write(&self, record: &Record, room: Room) -> Result<Storage, Declined> {
        let Room { place, file, .. } = room;
        let mut file = Some(file);
        // What waits in a file must not become older than the keyring's for a moment: who finds the keyring locked after
        // this was killed would take it for the last one.
        if (place == Storage::File || self.files.exists())
            && let Some(file) = file.take()
        {
            self.files.fill(file, record)?;
        }
        if place == Storage::Keyring && self.keyring.write(record).is_ok() {
            if file.is_none() {
                // One that stays is as good as the keyring's.
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

    /// As [`Store::write`], in the place of the record that had this login and generation `before`. The holder of the lock is
    /// alone among ourselves; a backup that was restored, or a copy of another machine, takes no lock.
    ///
    /// # Errors
    /// Also if there is another login's record now, or a newer one; it is left as it is.
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
                    .hint("it is left as they wrote it; is its directory shared with another machine?"))
            }
            // What cannot be read, or is gone, is better replaced than what was granted lost.
            _ => self.write(record, room),
        }
    }

    /// Writes the record to where `room` is, and removes it from the other place. Unlike [`Store::write`] it fails if the
    /// keyring does.
    pub(super) fn carry(&self, kept: &Kept, room: Room) -> Result<Storage, Declined> {
        let Room { place, file, .. } = room;
        match place {
            Storage::Keyring => {
                self.give(&kept.record).inspect_err(|_| {
                    // It may have taken it all the same.
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
                // Where it had nothing, it is of no account that it does not answer.
                if self.in_keyring.get() {
                    removed?;
                }
            }
        }
        Ok(place)
    }

    /// Puts a record into the keyring, and makes sure that it is there.
    fn give(&self, record: &Record) -> Result<(), Declined> {
        self.keyring.write(record)?;
        match self.keyring.read()?.is_some_and(|found| found.generation == record.generation) {
            true => Ok(()),
            false => {
                Err(Declined::new(Reason::SourceUnavailable, "the keyring did not keep what it was given")
                    .hint("it is where it was; try again"))
            }
        }
    }

    /// The generation of the next record: higher than that of any that can be read now.
    pub(super) fn next_generation(&self) -> u64 {
        let of = |record: Option<Record>| record.map_or(0, |record| record.generation);
        let file = self.files.read().map_or(0, of);
        file.max(self.ask_keyring().map_or(0, of)) + 1
    }

    /// Removes the record from everywhere. A keyring that should have nothing is asked as well, and may fail.
    pub(super) fn remove(&self, place: Storage) -> Result<(), Declined> {
        let removed = self.files.remove();
        match self.keyring.remove() {
            Err(trouble) if place == Storage::Keyring => removed.and(Err(trouble)),
            _ => removed,
        }
    }
}

/// The trouble of a record that is not of the login that the daemon knows.
pub(super) fn cut_off(account: &str) -> Declined {
    Declined::new(
        Reason::LoginRequired,
        format!("the last login of {account} was cut off before it was complete"),
    )
    .hint("a new one completes it")
    .remedy(Remedy::login(Some(account)))
}

#[cfg(test)]
mod tests;
