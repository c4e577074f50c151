//! Gates: a session sends its requests here without a credential, and they continue to the one origin of its lease with the newest
//! credential. This is a reverse proxy only: no CONNECT, no upgrade, no certificate authority of its own. It follows no redirect, logs no
//! body, and sends a request a second time only after a 401 for its credential.

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
#[cfg(target_os = "linux")]
use std::ffi::CStr;
use std::{
    io::{self, Read as _},
    path::Path,
};

/// What lists of processes show.
#[cfg(target_os = "linux")]
const NAME: &CStr = c"clavigerd-gate";
/// Longest proof.
const MAX_PROOF: u64 = 256;

/// Serves the gates of the daemon on `socket` until there are none. What the daemon knows this process by is its standard input.
///
/// # Errors
/// If the kernel refuses to protect the memory, or the daemon cannot be reached.
pub fn run(socket: &Path) -> io::Result<()> {
    claviger_private::protect()?;
    // It runs no other program.
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_no_new_privs()?;
        // It was run as /proc/self/exe.
        nix::sys::prctl::set_name(NAME)?;
    }
    // The end of a terminal ends its session. This fails if the process leads a group already, which protects as well.
    let _ = nix::unistd::setsid();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut proof = String::new();
    io::stdin().lock().take(MAX_PROOF).read_to_string(&mut proof)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(attend::attend(socket, Secret::new(proof))).map_err(io::Error::other)
}
