//! Rooms import one another in one direction. A room is a module; it is held against the modules beside it in the same
//! folder, and against what the file of that folder itself (`mod.rs`, `x.rs`, `main.rs`) defines. `room/a.rs` that uses
//! `other/b.rs` is an import of `room` from `other`. A re-export counts as the module that defines the name.

mod circles;
mod house;
mod source;

use super::{Outcome, faults};
use crate::sh;
use house::House;

/// The trees of source, each a crate.
const CRATES: &[&str] = &["src", "client/src", "daemon/src", "daemon/child/src", "daemon/fetch/src"];

/// Folders that still hold circles. A folder without one must leave the list.
const STILL: &[&str] = &[
    "daemon/fetch/src",
    "daemon/fetch/src/account",
    "daemon/fetch/src/account/login",
    "daemon/fetch/src/aws",
    "daemon/fetch/src/azure",
    "daemon/fetch/src/gcp",
    "daemon/fetch/src/store/keyring",
];

pub(super) fn check() -> sh::Result<Outcome> {
    let root = sh::root();
    let (mut found, mut known) = (Vec::new(), Vec::new());
    for place in CRATES.iter().filter(|place| root.join(place).is_dir()) {
        for circle in circles::all(&House::read(&root, place)?) {
            match STILL.contains(&circle.folder.as_str()) {
                true => known.push(circle),
                false => found.push(circle.to_string()),
            }
        }
    }
    let clean = STILL.iter().filter(|folder| !known.iter().any(|circle| circle.folder == **folder));
    found.extend(clean.map(|folder| format!("{folder} has no circle any more: take it off the list")));
    if found.is_empty() && !known.is_empty() {
        return Ok(Outcome::Warned(known.iter().map(ToString::to_string).collect()));
    }
    Ok(faults(found))
}

#[cfg(test)]
mod tests;
