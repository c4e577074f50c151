//! Moves a record between keyring and file store: written there, read back, and only then removed here.

use super::super::{
    answer::Trouble,
    store::{self, Store},
};
use crate::{
    accounts::{Place, Reply},
    config,
};
use clap::Args;
use claviger::reason::Reason;

/// Moves a record.
#[derive(Debug, Args)]
pub struct Relocate {
    #[command(flatten)]
    store: store::Arguments,
    /// Where the record should be now
    #[arg(long, value_enum)]
    kept: Place,
    /// Where it goes
    #[arg(long, value_enum)]
    to: Place,
}

/// Moves it, and says where it is.
pub(in crate::fetch) fn relocate(arguments: &Relocate) -> Reply<Place> {
    match carry(arguments) {
        Ok(place) => Reply::Done(place),
        Err(trouble) => Reply::Trouble(trouble),
    }
}

fn carry(arguments: &Relocate) -> Result<Place, Trouble> {
    let store = Store::new(&arguments.store)?;
    let _lock = store.lock()?;
    let Some(record) = store.read(arguments.kept)? else {
        return Err(Trouble::new(Reason::LoginRequired, "there is no record to move"));
    };
    let to = match arguments.to {
        Place::Keyring => config::Store::Keyring,
        Place::File => config::Store::File,
    };
    store.carry(&record, store.make_room(to)?)
}
