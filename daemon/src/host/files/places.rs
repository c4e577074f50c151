//! Whether others than the user can change what a path leads to.

use super::{stamp::kind, writers};
use nix::{
    sys::stat::{FileStat, SFlag, stat},
    unistd::{AccessFlags, Uid, access},
};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Owner of files that a container cannot name: those of the machine around it (`/proc/sys/kernel/overflowuid`).
const OUTSIDE: u32 = 65534;
/// Only owners of entries may rename or remove them, as in `/tmp`.
const STICKY: u32 = 0o1000;

/// Whether `path`, which is canonical, is a directory of the user's or root's into which no others can put a program.
pub fn is_private_directory(path: &Path) -> bool {
    is_closed_directory(path, is_ours)
}

/// As [`is_private_directory`], for a directory that every system has: where the user's own namespace cannot name root, as in
/// a service with `PrivateUsers`, its owner is only known to be outside.
pub fn is_system_directory(path: &Path) -> bool {
    is_closed_directory(path, |status| is_ours(status) || status.st_uid == OUTSIDE)
}

fn is_closed_directory(path: &Path, is_known: fn(&FileStat) -> bool) -> bool {
    let is_closed =
        |status: FileStat| kind(&status) == SFlag::S_IFDIR && is_known(&status) && !has_others(&status);
    stat(path).is_ok_and(is_closed) && is_held(path)
}

/// The canonical path of what `path` leads to, if only the user or root can put something else there. What does not exist yet
/// counts by the directory that it would be in.
pub fn is_private(path: &Path) -> Option<PathBuf> {
    match canonical(path) {
        Ok(path) => {
            let is_ours = stat(&path).is_ok_and(|status| is_ours(&status));
            (is_ours && is_held(&path)).then_some(path)
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let nearest = path.ancestors().skip(1).find_map(|above| canonical(above).ok())?;
            let is_plain = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
            (is_plain && is_private_directory(&nearest)).then_some(nearest)
        }
        Err(_) => None,
    }
}

/// The canonical path of the program at `path`, if there is one that the user may run.
pub fn program(path: &Path) -> Option<PathBuf> {
    access(path, AccessFlags::X_OK).ok()?;
    let is_file = stat(path).is_ok_and(|status| kind(&status) == SFlag::S_IFREG);
    canonical(path).ok().filter(|_| is_file)
}

/// Whether no others can put something else into the place of `path`, by any of the directories above it.
fn is_held(path: &Path) -> bool {
    path.ancestors().skip(1).all(|directory| {
        stat(directory).is_ok_and(|status| {
            let is_known = is_ours(&status) || status.st_uid == OUTSIDE;
            #[allow(clippy::unnecessary_cast, reason = "the type differs between systems")]
            let is_sticky = status.st_mode as u32 & STICKY != 0;
            is_known && (is_sticky || !has_others(&status))
        })
    })
}

/// Whether it belongs to the daemon's user or to root.
fn is_ours(status: &FileStat) -> bool {
    [Uid::effective().as_raw(), 0].contains(&status.st_uid)
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// As [`writers::has_others`]. A group of root's directories without members, as Debian's `staff` for /usr/local, has none.
fn has_others(status: &FileStat) -> bool {
    writers::has_others(status)
        && !(status.st_uid == 0 && status.st_mode & 0o002 == 0 && writers::is_empty(status.st_gid))
}
