//! Rooms import one another in one direction only. A room is a module; it is compared with the modules beside it in the
//! same folder, and with the items of that folder's own file (`mod.rs`, `x.rs`, `main.rs`). `room/a.rs` that uses
//! `other/b.rs` is an import of `room` from `other`. A re-export counts as the module that defines the name.

mod circles;
mod house;
mod source;

use super::{Outcome, faults};
use crate::sh;
use house::House;

/// The trees of source, each a crate.
const CRATES: &[&str] = &["src", "client/src", "daemon/src", "daemon/child/src", "daemon/fetch/src"];

pub(super) fn check() -> sh::Result<Outcome> {
    let root = sh::root();
    let mut found = Vec::new();
    for place in CRATES.iter().filter(|place| root.join(place).is_dir()) {
        found.extend(circles::all(&House::read(&root, place)?).iter().map(ToString::to_string));
    }
    Ok(faults(found))
}

#[cfg(test)]
mod tests;
