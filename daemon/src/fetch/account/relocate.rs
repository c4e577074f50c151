//! Moves a record between keyring and file store: written there, read back, and only then removed here.

use super::super::{
    answer::Trouble,
    store::{self, Store},
};
use crate::accounts::Place;
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
pub(in crate::fetch) fn relocate(arguments: &Relocate) -> Result<Place, Trouble> {
    let store = Store::new(&arguments.store)?;
    let _lock = store.lock()?;
    let Some(kept) = store.read(arguments.kept)? else {
        return Err(Trouble::new(Reason::LoginRequired, "there is no record to move"));
    };
    store.carry(&kept, store.make_room(arguments.to.into())?)
}
