//! JSON forms of the daemon's answers. Names are part of the interface: add, never rename.

mod account;
mod inspect;
mod lease;
mod news;
mod parts;
mod share;
mod trust;

pub(crate) use account::{account, accounts, left, login, reset};
pub(crate) use inspect::{entry, explain, pending, status};
pub(crate) use lease::{change, headers, lease, reported};
pub(crate) use news::news;
pub(crate) use parts::{own_location, remedy, text};
pub(crate) use share::share;
pub(crate) use trust::{record, workspace};
