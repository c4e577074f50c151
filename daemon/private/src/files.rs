//! Files that only their user may read or write: read and replaced without following a symlink.

use crate::{errno, unreadable, unwritable};
use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
};
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, open, openat, renameat},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat},
    unistd::{Uid, UnlinkatFlags, fsync, unlinkat},
};
use std::{
    ffi::{OsStr, OsString},
    fs::{DirBuilder, File},
    io::{self, Read, Seek, Write},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
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
        .map_err(|error| unreadable(path, errno(&error)))?;
    if bytes.len() > max {
        return Err(refused(path, "too large"));
    }
    Ok(Some(bytes))
}

fn check(path: &Path, status: &FileStat) -> Result<(), Problem> {
    if kind(status) != SFlag::S_IFREG {
        Err(refused(path, "not a regular file"))
    } else if status.st_uid != Uid::effective().as_raw() {
        Err(refused(path, "belongs to another user"))
    } else if status.st_mode & 0o077 != 0 {
        Err(refused(path, "open to other users").remedy(Remedy::permit("600", path)))
    } else {
        Ok(())
    }
}

/// Replaces the private file `path`: afterwards it has the new content even if the machine loses power; after a
/// failure, or a kill at any instant, it has the old one. One writer at a time.
///
/// # Errors
/// `settings-invalid` if the file or its directory is not safely ours, `source-unavailable` if the system refuses.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    Room::make(path, 0)?.fill(bytes)
}

/// Removes the private file `path`, durably even if the machine loses power. A missing file counts as removed.
///
/// # Errors
/// As [`write_private`].
pub fn remove_private(path: &Path) -> Result<(), Problem> {
    let (directory, name) = place(path)?;
    // Together with files that a killed writer left.
    let _ = unlinkat(&directory, fresh(name).as_os_str(), UnlinkatFlags::NoRemoveDir);
    match unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => fsync(&directory).map_err(|errno| unwritable(path, errno)),
        Err(errno) => Err(unwritable(path, errno)),
    }
}

/// Room for the next content of a private file, reserved in advance: data that cannot be obtained again must not be
/// lost to a full disk.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
    directory: OwnedFd,
    name: OsString,
    fresh: OsString,
    file: File,
}

impl Room {
    /// Reserves room for `size` bytes beside the file `path`. Until [`Room::fill`] the file stays as it is.
    ///
    /// # Errors
    /// As [`write_private`].
    pub fn make(path: &Path, size: usize) -> Result<Self, Problem> {
        let (directory, name) = place(path)?;
        match fstatat(&directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(status) if kind(&status) == SFlag::S_IFLNK => {
                return Err(refused(path, "a symlink, which is never followed here"));
            }
            Ok(status) => check(path, &status)?,
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(unwritable(path, errno)),
        }
        let fresh = fresh(name);
        let file = create(&directory, &fresh, size).map_err(|errno| {
            // Partly filled room is useless, and takes space.
            let _ = unlinkat(&directory, fresh.as_os_str(), UnlinkatFlags::NoRemoveDir);
            unwritable(path, errno)
        })?;
        Ok(Self { path: path.to_owned(), name: name.to_owned(), directory, fresh, file })
    }

    /// Writes the content, and replaces the old file.
    ///
    /// # Errors
    /// As [`write_private`].
    pub fn fill(mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.replace(bytes).map_err(|errno| unwritable(&self.path, errno))
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let errno = |error: io::Error| errno(&error);
        self.file.rewind().and_then(|()| self.file.write_all(bytes)).map_err(errno)?;
        self.file.set_len(bytes.len() as u64).and_then(|()| self.file.sync_all()).map_err(errno)?;
        renameat(&self.directory, self.fresh.as_os_str(), &self.directory, self.name.as_os_str())?;
        fsync(&self.directory)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // It does not exist any more once it has been filled.
        let _ = unlinkat(&self.directory, self.fresh.as_os_str(), UnlinkatFlags::NoRemoveDir);
    }
}

fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
}

fn fresh(name: &OsStr) -> OsString {
    let mut fresh = OsString::from(".");
    fresh.push(name);
    fresh.push(".new");
    fresh
}

// A killed writer may have left a file of this name.
fn create(directory: &OwnedFd, name: &OsString, size: usize) -> Result<File, Errno> {
    match unlinkat(directory, name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(directory, name.as_os_str(), flags, OWNER_ONLY)?);
    if size > 0 {
        // Not a hole: blocks of the disk.
        file.write_all(&vec![0; size]).and_then(|()| file.sync_all()).map_err(|error| errno(&error))?;
    }
    Ok(file)
}

fn place(path: &Path) -> Result<(OwnedFd, &OsStr), Problem> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((open_directory(parent)?, name)),
        _ => Err(refused(path, "not the path of a file")),
    }
}

// In a directory that only we can change, no one else can swap the file.
pub(super) fn open_directory(path: &Path) -> Result<OwnedFd, Problem> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|error| unreadable(path, errno(&error)))?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let directory = open(path, flags, Mode::empty()).map_err(|errno| unreadable(path, errno))?;
    let status = fstat(&directory).map_err(|errno| unreadable(path, errno))?;
    if status.st_uid != Uid::effective().as_raw() || status.st_mode & 0o022 != 0 {
        let open = refused(path, "a directory that other users can change");
        return Err(open.remedy(Remedy::permit("go-w", path)));
    }
    Ok(directory)
}

pub(super) fn refused(path: &Path, message: &str) -> Problem {
    Problem::new(Reason::SettingsInvalid, message)
        .hint("only a regular file of yours with mode 0600 is accepted")
        .remedy(Remedy::move_away(path))
        .at(&Location::of_file(path))
}
