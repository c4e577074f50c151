//! Gates: a session sends its requests here without a credential, and they go on to the one origin of its lease with the newest
//! one. A reverse proxy and nothing else: no CONNECT, no upgrade, no certificate authority of its own; no redirect is followed, no body
//! is logged, and nothing is sent twice but after a 401 that says that the credential was not taken.

#![forbid(unsafe_code)]

mod answer;
mod attend;
mod backend;
mod connection;
mod forward;
pub mod fuzz;
mod gate;
mod guard;
pub mod head;
mod headers;
mod intake;
mod lease;
mod listen;
mod meter;
mod network;
mod parent;
mod peer;
mod reach;
mod tee;
mod upstream;
mod used;

use claviger::Secret;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    io::{self, Read as _},
    path::Path,
};

/// Longest proof.
const MAX_PROOF: u64 = 256;

/// Serves the gates of the daemon on `socket` until there are none. What the daemon knows this process by is its standard input.
///
/// # Errors
/// If the kernel refuses what keeps secrets in, or the daemon cannot be reached.
pub fn run(socket: &Path) -> io::Result<()> {
    claviger_private::protect()?;
    // It runs no other program.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_no_new_privs()?;
    // A terminal that goes takes its own processes with it. It fails if we lead a group already, which is as good.
    let _ = nix::unistd::setsid();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut proof = String::new();
    io::stdin().lock().take(MAX_PROOF).read_to_string(&mut proof)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(attend::attend(socket, Secret::new(proof))).map_err(io::Error::other)
}
