//! Operations of the local store: lend a secret, save one, sign in, sign out, move.

mod identity;
mod lend;
pub(crate) mod login;
mod logout;
mod relocate;
mod save;

pub(super) use lend::lend;
pub(super) use login::login;
pub(super) use logout::logout;
pub(super) use relocate::relocate;
pub(super) use save::save;
