//! Files that only the daemon's user may read or write: read and replaced without following a symlink.

use super::{Identity, kind, unreadable};
use claviger::reason::{Location, Problem, Reason};
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, open, openat, renameat},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat},
    unistd::{Uid, UnlinkatFlags, fsync, unlinkat},
};
use std::{
    ffi::OsString,
    fs::{DirBuilder, File},
    io::{Read, Write},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::Path,
};

const OWNER_ONLY: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// Reads a private file of at most `max` bytes; `None` if there is none.
///
/// # Errors
/// `settings-invalid` if it is a symlink, no regular file, another user's, or open to group or others.
pub fn read_private(path: &Path, max: usize) -> Result<Option<Vec<u8>>, Problem> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let mut file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        Err(Errno::ELOOP) => return Err(refused(path, "a symlink, which is never followed here")),
        Err(errno) => return Err(unreadable(path, errno)),
    };
    check(path, &fstat(&file).map_err(|errno| unreadable(path, errno))?)?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, super::errno(&error)))?;
    if bytes.len() > max {
        return Err(refused(path, "too large"));
    }
    Ok(Some(bytes))
}

fn check(path: &Path, status: &FileStat) -> Result<(), Problem> {
    let fault = if kind(status) != SFlag::S_IFREG {
        "not a regular file"
    } else if status.st_uid != Uid::effective().as_raw() {
        "belongs to another user"
    } else if status.st_mode & 0o077 != 0 {
        "open to other users"
    } else {
        return Ok(());
    };
    Err(refused(path, fault))
}

/// Replaces the private file `path`: after this it has the new content even if the machine loses power; after a
/// failure, or a kill at any instant, it has the old one. One writer at a time.
///
/// # Errors
/// `settings-invalid` if the file or its directory is not safely ours, `source-unavailable` if the system says no.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(refused(path, "not the path of a file"));
    };
    let unwritable = |errno: Errno| {
        Problem::new(Reason::SourceUnavailable, format!("cannot be written: {}", errno.desc().to_lowercase()))
            .hint("look at the free space and the permissions of the directory")
            .at(&Location::of_file(path))
    };
    let directory = open_directory(parent)?;
    match fstatat(&directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(status) if kind(&status) == SFlag::S_IFLNK => {
            return Err(refused(path, "a symlink, which is never followed here"));
        }
        Ok(status) => check(path, &status)?,
        Err(Errno::ENOENT) => {}
        Err(errno) => return Err(unwritable(errno)),
    }
    let mut fresh = OsString::from(".");
    fresh.push(name);
    fresh.push(".new");
    write_new(&directory, &fresh, bytes).map_err(unwritable)?;
    renameat(&directory, fresh.as_os_str(), &directory, name).map_err(unwritable)?;
    fsync(&directory).map_err(unwritable)
}

// What a killed writer left under this name is nobody's.
fn write_new(directory: &OwnedFd, name: &OsString, bytes: &[u8]) -> Result<(), Errno> {
    match unlinkat(directory, name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(directory, name.as_os_str(), flags, OWNER_ONLY)?);
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| super::errno(&error))
}

// A directory that only we can change needs no further protection against being swapped under us.
fn open_directory(path: &Path) -> Result<OwnedFd, Problem> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|error| unreadable(path, super::errno(&error)))?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let directory = open(path, flags, Mode::empty()).map_err(|errno| unreadable(path, errno))?;
    let status = fstat(&directory).map_err(|errno| unreadable(path, errno))?;
    if Identity::of(&status).owner != Uid::effective().as_raw() || status.st_mode & 0o022 != 0 {
        return Err(refused(path, "a directory that other users can change"));
    }
    Ok(directory)
}

fn refused(path: &Path, message: &str) -> Problem {
    Problem::new(Reason::SettingsInvalid, message)
        .hint("only a regular file of yours with mode 0600 is accepted; move anything else away")
        .at(&Location::of_file(path))
}
