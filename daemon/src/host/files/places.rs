//! Whether other users can change the target of a path.

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

/// Owner shown for files of other user namespaces (`/proc/sys/kernel/overflowuid`).
const OUTSIDE: u32 = 65534;
/// With this bit, only owners of entries may rename or remove them, as in `/tmp`.
const STICKY: u32 = 0o1000;
/// Most symlinks in a path, as in Linux (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Whether `path`, which is canonical, is a directory of the user's or root's in which no other user can place a
/// program.
pub fn is_private_directory(path: &Path) -> bool {
    is_closed_directory(path, is_ours)
}

/// As [`is_private_directory`], for a directory that every system has: in a user namespace that does not map root, as
/// in a service with `PrivateUsers`, its owner is only known to be outside.
pub fn is_system_directory(path: &Path) -> bool {
    is_closed_directory(path, is_of_system)
}

fn is_closed_directory(path: &Path, is_known: fn(&FileStat) -> bool) -> bool {
    let is_closed =
        |status: FileStat| kind(&status) == SFlag::S_IFDIR && is_known(&status) && !has_others(&status);
    stat(path).is_ok_and(is_closed) && is_held(path)
}

/// The canonical target of `path`, if only the user or root can replace it, at any of the links and directories on the
/// way. For a missing target, the directory counts.
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

/// Whether no other user can replace entries in `directory`. `/proc` does not qualify: its content differs for each
/// process.
fn is_safe_step(directory: &Path) -> bool {
    !directory.starts_with("/proc") && is_safe_above(directory)
}

/// The canonical path of the program at `path`, if there is one that the user may execute.
pub fn program(path: &Path) -> Option<PathBuf> {
    access(path, AccessFlags::X_OK).ok()?;
    let is_file = stat(path).is_ok_and(|status| kind(&status) == SFlag::S_IFREG);
    canonical(path).ok().filter(|_| is_file)
}

/// The repositories below `home`, or outside it, that contain `path`, the innermost first. Both are canonical.
pub fn repositories(path: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let above = path.ancestors().take_while(|directory| Some(*directory) != home);
    let is_root = |directory: &&Path| lstat(&directory.join(".git")).is_ok();
    above.filter(is_root).map(Path::to_owned).collect()
}

/// Whether no other user can replace `path` through any of the directories above it.
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

/// Whether it belongs to the user or to root, also where the namespace does not map root.
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

/// As [`writers::has_others`]. A group of root's directories without members, such as Debian's `staff` for /usr/local,
/// has none.
fn has_others(status: &FileStat) -> bool {
    writers::has_others(status)
        && !(status.st_uid == 0 && status.st_mode & 0o002 == 0 && writers::is_empty(status.st_gid))
}
