//! A process whose memory other processes of its user cannot read.

use nix::sys::{
    resource::{Resource, setrlimit},
    stat::{Mode, umask},
};
use std::io;

/// Forbids other processes of this user to read the memory of this process, and the kernel to dump it. Files that it or its commands
/// create are for this user only, whatever umask it inherited.
///
/// # Errors
/// If the kernel refuses; the process must then not hold any secret.
pub fn protect() -> io::Result<()> {
    close_memory()?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    Ok(())
}

#[cfg(target_os = "linux")]
fn close_memory() -> io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}

/// Reading another process's memory needs its task port, which macOS gives only to debuggers that the user has allowed.
#[cfg(target_os = "macos")]
fn close_memory() -> io::Result<()> {
    claviger_system::deny_debuggers()
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn close_memory() -> io::Result<()> {
    Err(io::Error::other("no way is known to keep other processes from reading this one's memory"))
}
