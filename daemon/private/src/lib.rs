//! Shared by the daemon and its child programs: private files that are replaced as a whole, locks between processes and
//! threads, a process that others cannot read, and memory that goes back to the system.

#![forbid(unsafe_code)]

mod files;
mod lock;
mod memory;
mod process;

pub use files::{Room, read_private, remove_private, write_private};
pub use lock::FileLock;
pub use memory::{Tide, give_back_soon};
pub use process::protect;

use claviger::reason::{Location, Problem, Reason};
use nix::errno::Errno;
use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The number of a system error; EIO if it has none.
pub fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// `source-unavailable`: the system refused to write `path`.
pub fn unwritable(path: &Path, errno: Errno) -> Problem {
    Problem::new(Reason::SourceUnavailable, format!("cannot be written: {}", errno.desc().to_lowercase()))
        .hint("check the free space and the permissions of the directory")
        .at(&Location::of_file(path))
}

/// `settings-invalid`: the system refused to read `path`.
pub fn unreadable(path: &Path, errno: Errno) -> Problem {
    match errno {
        Errno::ELOOP => invalid(path, "a loop of symlinks", "let the symlink point to a file"),
        Errno::EACCES | Errno::EPERM => {
            invalid(path, "cannot be read: permission denied", "give yourself read permission")
        }
        errno => invalid(
            path,
            &format!("cannot be read: {}", errno.desc().to_lowercase()),
            "check the disk or the mount that holds the file",
        ),
    }
}

/// `settings-invalid` about the file `path`.
pub fn invalid(path: &Path, message: &str, hint: &str) -> Problem {
    Problem::new(Reason::SettingsInvalid, message).hint(hint).at(&Location::of_file(path))
}

/// Locks `mutex`, even if a thread panicked while it held the lock: one request that meets a bug must not fail all
/// later ones.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
