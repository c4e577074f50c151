//! The verbs of the local store: lend a secret, keep one, sign in, sign out, move.

mod lend;
mod login;
mod logout;
mod relocate;
mod save;

use super::{
    answer::{Answer, Trouble},
    store,
};
use crate::accounts::Place;
use clap::Args;
use claviger::reason::Reason;
use serde::de::DeserializeOwned;
use std::io::{self, BufRead as _};
use zeroize::Zeroizing;

pub(super) use lend::lend;
pub(super) use login::{Login, login};
pub(super) use logout::{Logout, logout};
pub(super) use relocate::{Relocate, relocate};
pub(super) use save::{Save, save};

/// Longest line of input.
const MAX_INPUT: u64 = 256 * 1024;

/// Lends the secret of an account, refreshed first if that is due.
#[derive(Debug, Args)]
pub struct Lend {
    #[command(flatten)]
    pub(super) store: store::Arguments,
    /// Identity of the login
    #[arg(long)]
    pub(super) login: String,
    /// Generation that is not good enough any more
    #[arg(long)]
    pub(super) held: Option<u64>,
    /// Where the record should be
    #[arg(long, value_enum)]
    pub(super) kept: Place,
}

/// Reads one line of JSON from stdin.
fn input<T: DeserializeOwned>() -> Result<T, Trouble> {
    let mut line = Zeroizing::new(Vec::with_capacity(8192));
    let read = io::Read::take(io::stdin().lock(), MAX_INPUT).read_until(b'\n', &mut line);
    let malformed = || Trouble::new(Reason::Bug, "a fetch child was given malformed input");
    read.map_err(|_| malformed())?;
    serde_json::from_slice(&line).map_err(|_| malformed())
}

/// An answer without links.
fn answer(found: Result<super::answer::Found, Trouble>) -> Answer {
    match found {
        Ok(found) => Answer { outcome: super::answer::Outcome::Found(found), links: Vec::new() },
        Err(trouble) => Answer { outcome: super::answer::Outcome::Trouble(trouble), links: Vec::new() },
    }
}

/// A random identity: 128 bits in hex.
fn identity() -> Result<String, Trouble> {
    use ring::rand::{SecureRandom as _, SystemRandom};
    let mut bytes = [0_u8; 16];
    let no_randomness = |_| Trouble::new(Reason::SourceUnavailable, "the system has no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(no_randomness)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
