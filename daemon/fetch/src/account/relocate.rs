//! Moves a record between keyring and file store: written there, read back, and only then removed here.

use crate::store::Store;
use claviger::reason::Reason;
use claviger_child::{
    Declined,
    account::{Relocate, Storage},
};

/// Moves it, and returns its place.
pub(crate) fn relocate(request: &Relocate) -> Result<Storage, Declined> {
    let store = Store::new(&request.record)?;
    let _lock = store.lock()?;
    let Some(kept) = store.read(request.kept)? else {
        return Err(Declined::new(Reason::LoginRequired, "there is no record to move"));
    };
    store.carry(&kept, store.make_room(request.to.into())?)
}
