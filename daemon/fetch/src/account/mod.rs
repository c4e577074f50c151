//! The verbs of the local store: lend a secret, keep one, sign in, sign out, move.

mod lend;
mod login;
mod logout;
mod relocate;
mod save;

pub(super) use lend::lend;
pub(super) use login::login;
pub(super) use logout::logout;
pub(super) use relocate::relocate;
pub(super) use save::save;

use claviger::reason::Reason;
use claviger_child::Declined;

/// A random identity: 128 bits in hex.
fn identity() -> Result<String, Declined> {
    use ring::rand::{SecureRandom as _, SystemRandom};
    let mut bytes = [0_u8; 16];
    let no_randomness = |_| Declined::new(Reason::SourceUnavailable, "the system has no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(no_randomness)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
