//! Files for settings and the trust store, which use no other access to the filesystem.
//!
//! Every call here can hang on a dead mount, so callers choose the thread.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

pub use claviger::mounts::is_remote;
use claviger::{reason::Problem, remedy::Remedy, session::MAX_EXPLICIT_SETTINGS};
use claviger_private::{errno, invalid, unreadable};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{FileStat, Mode, SFlag, fstat, lstat, stat},
    unistd::Uid,
};
use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

mod digest;
mod places;
mod stamp;
mod writers;

pub use claviger_private::{FileLock, read_private, remove_private, write_private};
pub use digest::{Digested, digest};
pub use places::{is_private, is_private_directory, is_system_directory, program, repositories};
pub use stamp::Stamp;
use stamp::{device, is_lasting, kind};

/// Largest settings file, in bytes: the same limit as for `--settings`.
pub const MAX_SETTINGS: usize = MAX_EXPLICIT_SETTINGS;

/// Longest wait for a filesystem that may hang.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// Attempts to read a file that changes meanwhile.
const READ_ATTEMPTS: usize = 3;

/// Required owner of a settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The daemon's user or root: a project decides itself who may write there, and the content needs trust.
    Workspace,
    /// The daemon's user or root, and no other user may write it.
    User,
    /// This user only; no other user may write to file or directory.
    Managed(u32),
}

/// A file's content and its stamp.
#[derive(Debug)]
pub struct Reading {
    /// Stamp of the content.
    pub stamp: Stamp,
    /// Whether an equal stamp proves later that nothing has changed.
    pub settled: bool,
    /// The content; `None` if there is no file; `settings-invalid` if it was refused.
    pub bytes: Result<Option<Vec<u8>>, Problem>,
}

/// Identity of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Owner.
    pub owner: u32,
    /// Whether it is a directory.
    pub directory: bool,
}

enum Refusal {
    Vanished,
    /// The symlink is not ours.
    Link,
    /// The fault, the rule, and the remedy.
    Rule(&'static str, &'static str, Option<Remedy>),
    System(Errno),
}

/// The stamp of `path`, following symlinks.
pub fn stamp(path: &Path) -> Stamp {
    Stamp::of(&stat(path))
}

/// Identity of `path`, following symlinks.
pub fn identity(path: &Path) -> Option<Identity> {
    stat(path).ok().map(|status| Identity::of(&status))
}

/// Identity of `path` itself, even if it is a symlink.
pub fn identity_of_entry(path: &Path) -> Option<Identity> {
    lstat(path).ok().map(|status| Identity::of(&status))
}

// === impl Identity ===

impl Identity {
    fn of(status: &FileStat) -> Self {
        Self {
            device: device(status),
            inode: status.st_ino,
            owner: status.st_uid,
            directory: kind(status) == SFlag::S_IFDIR,
        }
    }

    /// Whether it belongs to the daemon's user or to root.
    pub fn is_ours(&self) -> bool {
        self.owner == Uid::effective().as_raw() || self.owner == 0
    }
}

/// The path with every symlink resolved.
///
/// # Errors
/// The system's error.
pub fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// The path with the symlinks resolved in its existing part.
pub fn canonical_as_far_as_possible(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(canonical) = canonical(ancestor) {
            return path.strip_prefix(ancestor).map_or(canonical.clone(), |rest| canonical.join(rest));
        }
    }
    path.to_owned()
}

/// Target of the symlink `path`; `None` if it is not one.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    std::fs::read_link(path).ok()
}

/// Names in a directory, sorted; `None` if there is no such directory.
///
/// # Errors
/// `settings-invalid` if it cannot be listed.
pub fn names(path: &Path) -> Result<Option<Vec<OsString>>, Problem> {
    let listed = std::fs::read_dir(path).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()
    });
    match listed {
        Ok(mut names) => {
            names.sort();
            Ok(Some(names))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(invalid(path, "not a directory", "a directory belongs here").remedy(Remedy::move_away(path)))
        }
        Err(_) => Err(invalid(path, "the directory cannot be listed", "you may not read it")
            .remedy(Remedy::permit("u+rx", path))),
    }
}

/// Reads a settings file, with its stamp. Refuses everything except a readable regular file of at most [`MAX_SETTINGS`]
/// bytes with a permitted owner.
pub fn read_settings(path: &Path, owner: Owner) -> Reading {
    for _ in 1..READ_ATTEMPTS {
        let reading = attempt(path, owner);
        if reading.settled || stamp(path) == reading.stamp {
            return reading;
        }
    }
    attempt(path, owner)
}

fn attempt(path: &Path, owner: Owner) -> Reading {
    let status = stat(path);
    let before = Stamp::of(&status);
    let content = match status {
        Err(Errno::ENOENT | Errno::ENOTDIR) => {
            return Reading { stamp: before, settled: true, bytes: Ok(None) };
        }
        Err(errno) => Err(Refusal::System(errno)),
        Ok(status) => check(path, &status, owner)
            .and_then(|()| check_link(path, owner))
            .and_then(|()| read(path, owner)),
    };
    let (stamp, settled, bytes) = match content {
        Ok((bytes, after)) => (before.clone(), before == after && before.settled(), Ok(Some(bytes))),
        Err(Refusal::Vanished) => (before, false, Ok(None)),
        Err(Refusal::Rule(message, hint, remedy)) => {
            let settled = before.settled();
            (before, settled, Err(invalid(path, message, hint).remedy(remedy)))
        }
        // The stamp is that of the file, not of the link.
        Err(Refusal::Link) => (before, false, Err(foreign_link(path))),
        Err(Refusal::System(errno)) => {
            let settled = is_lasting(errno) && before.settled();
            (before, settled, Err(unreadable(path, errno)))
        }
    };
    Reading { stamp, settled, bytes }
}

fn check(path: &Path, status: &FileStat, owner: Owner) -> Result<(), Refusal> {
    if kind(status) != SFlag::S_IFREG {
        return Err(Refusal::Rule(
            "not a regular file",
            "only a regular file or a symlink to one is read",
            Some(Remedy::move_away(path)),
        ));
    }
    match owner {
        Owner::User | Owner::Workspace if !Identity::of(status).is_ours() => {
            let remedy = Some(Remedy::move_away(path));
            return Err(Refusal::Rule(
                "belongs to another user",
                "only a file of yours or root's is read",
                remedy,
            ));
        }
        Owner::Managed(uid) if !is_closed(status, uid) || !is_directory_closed(path, uid) => {
            return Err(Refusal::Rule(OPEN.0, OPEN.1, Some(closed(path))));
        }
        Owner::User if writers::has_others(status) => {
            return Err(Refusal::Rule(
                "can be written by other users",
                "anyone who can write it can run commands as you",
                Some(Remedy::permit("go-w", path)),
            ));
        }
        Owner::Workspace | Owner::User | Owner::Managed(_) => {}
    }
    match usize::try_from(status.st_size) {
        Ok(size) if size <= MAX_SETTINGS => Ok(()),
        _ => Err(too_large()),
    }
}

/// In a directory that others can write, their link can point to any file of the user's; the same holds for a
/// repository.
fn check_link(path: &Path, owner: Owner) -> Result<(), Refusal> {
    let status = lstat(path).map_err(Refusal::from)?;
    match owner == Owner::User && kind(&status) == SFlag::S_IFLNK && !Identity::of(&status).is_ours() {
        true => Err(Refusal::Link),
        false => Ok(()),
    }
}

fn foreign_link(path: &Path) -> Problem {
    let hint = "only a file of yours or root's is read, and a symlink of yours or root's to one";
    invalid(path, "a symlink that belongs to another user", hint).remedy(Remedy::move_away(path))
}

/// The fault of managed settings that others can change, and the remedy.
const OPEN: (&str, &str) = (
    "managed settings that others than root can change are not used",
    "anyone who can change them can remove a policy",
);

fn closed(path: &Path) -> Remedy {
    let path = path.display();
    Remedy::Administrator(format!(
        "make root the owner of {path} and its directory, and deny others write access (chmod go-w)"
    ))
}

/// Checks a directory of managed settings, if there is one: anyone who can write there can remove a policy.
///
/// # Errors
/// `settings-invalid` if other users than `uid` can.
pub fn check_managed_directory(path: &Path, uid: u32) -> Result<(), Problem> {
    match stat(path) {
        Ok(status) if !is_closed(&status, uid) => Err(invalid(path, OPEN.0, OPEN.1).remedy(closed(path))),
        _ => Ok(()),
    }
}

fn too_large() -> Refusal {
    Refusal::Rule("larger than 2 MiB", "settings are small: remove content that does not belong there", None)
}

fn is_closed(status: &FileStat, uid: u32) -> bool {
    status.st_uid == uid && status.st_mode & 0o022 == 0
}

fn is_directory_closed(path: &Path, uid: u32) -> bool {
    path.parent().is_some_and(|directory| stat(directory).is_ok_and(|status| is_closed(&status, uid)))
}

// O_NONBLOCK: between stat and open the file may be replaced by a FIFO.
fn read(path: &Path, owner: Owner) -> Result<(Vec<u8>, Stamp), Refusal> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let mut file = File::from(open(path, flags, Mode::empty()).map_err(Refusal::from)?);
    let status = fstat(&file).map_err(Refusal::from)?;
    check(path, &status, owner)?;
    let mut bytes = Vec::new();
    // Files of /proc report a size of 0, and reading some of them blocks.
    if status.st_size > 0 {
        let read = (&mut file).take(MAX_SETTINGS as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Refusal::System(errno(&error)))?;
    }
    if bytes.len() > MAX_SETTINGS {
        return Err(too_large());
    }
    Ok((bytes, Stamp::of(&fstat(&file))))
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        if errno == Errno::ENOENT { Self::Vanished } else { Self::System(errno) }
    }
}
