//! Whether others than the user can change what a path leads to.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use super::{stamp::kind, writers};
use nix::{
    errno::Errno,
    sys::stat::{FileStat, SFlag, lstat, stat},
    unistd::{AccessFlags, Uid, access},
};
use std::{
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

/// Owner of files that a container cannot name: those of the machine around it (`/proc/sys/kernel/overflowuid`).
const OUTSIDE: u32 = 65534;
/// Only owners of entries may rename or remove them, as in `/tmp`.
const STICKY: u32 = 0o1000;
/// Most symlinks on the way to a file, as Linux follows them (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Whether `path`, which is canonical, is a directory of the user's or root's into which no others can put a program.
pub fn is_private_directory(path: &Path) -> bool {
    is_closed_directory(path, is_ours)
}

/// As [`is_private_directory`], for a directory that every system has: where the user's own namespace cannot name root, as in
/// a service with `PrivateUsers`, its owner is only known to be outside.
pub fn is_system_directory(path: &Path) -> bool {
    is_closed_directory(path, is_of_system)
}

fn is_closed_directory(path: &Path, is_known: fn(&FileStat) -> bool) -> bool {
    let is_closed =
        |status: FileStat| kind(&status) == SFlag::S_IFDIR && is_known(&status) && !has_others(&status);
    stat(path).is_ok_and(is_closed) && is_held(path)
}

/// The canonical path of what `path` leads to, if only the user or root can put something else there, at any of the links and
/// directories on the way. What does not exist yet counts by the directory that it would be in.
pub fn is_private(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() {
        return None;
    }
    let mut rest: Vec<OsString> = parts(path);
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = rest.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        if !is_safe_step(&at) {
            return None;
        }
        let next = at.join(part);
        let status = match lstat(&next) {
            Ok(status) => status,
            Err(Errno::ENOENT | Errno::ENOTDIR) => {
                let is_plain = rest.iter().all(|part| part != "..");
                return (is_plain && is_private_directory(&at)).then_some(at);
            }
            Err(_) => return None,
        };
        if kind(&status) != SFlag::S_IFLNK {
            at = next;
            continue;
        }
        links += 1;
        let target = std::fs::read_link(&next).ok().filter(|_| is_ours(&status) && links <= MOST_LINKS)?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(parts(&target));
    }
    stat(&at).is_ok_and(|status| is_ours(&status)).then_some(at)
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |part: Component<'_>| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// Whether no others can change which entries of theirs or ours stand in `directory`. What lies in `/proc` is another thing to each
/// process.
fn is_safe_step(directory: &Path) -> bool {
    !directory.starts_with("/proc") && is_safe_above(directory)
}

/// The canonical path of the program at `path`, if there is one that the user may run.
pub fn program(path: &Path) -> Option<PathBuf> {
    access(path, AccessFlags::X_OK).ok()?;
    let is_file = stat(path).is_ok_and(|status| kind(&status) == SFlag::S_IFREG);
    canonical(path).ok().filter(|_| is_file)
}

/// The repositories below `home`, or outside it, that `path` lies in, the innermost first. Both are canonical.
pub fn repositories(path: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let above = path.ancestors().take_while(|directory| Some(*directory) != home);
    let is_root = |directory: &&Path| lstat(&directory.join(".git")).is_ok();
    above.filter(is_root).map(Path::to_owned).collect()
}

/// Whether no others can put something else into the place of `path`, by any of the directories above it.
fn is_held(path: &Path) -> bool {
    path.ancestors().skip(1).all(is_safe_above)
}

fn is_safe_above(directory: &Path) -> bool {
    stat(directory).is_ok_and(|status| {
        #[allow(clippy::unnecessary_cast, reason = "the type differs between systems")]
        let is_sticky = status.st_mode as u32 & STICKY != 0;
        is_of_system(&status) && (is_sticky || !has_others(&status))
    })
}

/// Whether it belongs to the user or to root, who has no name here in a namespace that does not map every user.
fn is_of_system(status: &FileStat) -> bool {
    is_ours(status) || status.st_uid == OUTSIDE && !writers::is_every_user_known()
}

/// Whether it belongs to the daemon's user or to root.
fn is_ours(status: &FileStat) -> bool {
    [Uid::effective().as_raw(), 0].contains(&status.st_uid)
}

fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// As [`writers::has_others`]. A group of root's directories without members, as Debian's `staff` for /usr/local, has none.
fn has_others(status: &FileStat) -> bool {
    writers::has_others(status)
        && !(status.st_uid == 0 && status.st_mode & 0o002 == 0 && writers::is_empty(status.st_gid))
}
