//! Files that an environment or a credentials file names: read with a limit and without blocking; and replaced as a
//! whole, if they belong to other programs as well.

use nix::fcntl::OFlag;
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

/// A draft that is older is abandoned.
const LEFT_OVER: Duration = Duration::from_secs(60);

/// Why a file was not read. Its text continues "the file …".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("does not exist")]
    Absent,
    /// The system refuses.
    #[error("cannot be read: {0}")]
    Refused(ErrorKind),
    /// A directory, a pipe or a device.
    #[error("is not a file")]
    NotFile,
    #[error("is larger than {} KiB", .0 / 1024)]
    TooLarge(usize),
}

/// At most `max` bytes of a regular file. A pipe would block, and a device might never end.
///
/// # Errors
/// See [`Unread`].
pub(super) fn read(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Unread::NotFile);
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(max as u64 + 1).read_to_end(&mut content)?;
    match content.len() > max {
        true => Err(Unread::TooLarge(max)),
        false => Ok(content),
    }
}

/// Room for the next content of a file, which stays unchanged until then. Unlike that of [`claviger_private::Room`],
/// the directory may be writable for a group: it belongs to another program.
#[derive(Debug)]
pub(super) struct Draft {
    target: PathBuf,
    path: PathBuf,
    file: File,
}

// === impl Draft ===

impl Draft {
    /// Reserves room for `size` bytes beside `target`, readable for its owner only. An existing draft was left by a
    /// killed process if the caller `is_alone`, or if it is old.
    ///
    /// # Errors
    /// The system's error, for example that the disk is full, or that another process has a draft.
    pub(super) fn beside(target: &Path, size: usize, is_alone: bool) -> io::Result<Self> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".new");
        let path = target.with_file_name(name);
        let is_old = || fs::metadata(&path).and_then(|status| status.modified()).is_ok_and(is_left_over);
        if is_alone || is_old() {
            drop(fs::remove_file(&path));
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut draft = Self { target: target.to_owned(), path, file };
        draft.file.write_all(&vec![0; size])?;
        draft.file.sync_all()?;
        Ok(draft)
    }

    /// Writes the content, and replaces the old file.
    ///
    /// # Errors
    /// The system's error. Then the old content stays.
    pub(super) fn fill(mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(bytes)?;
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)
    }
}

fn is_left_over(since: SystemTime) -> bool {
    since.elapsed().is_ok_and(|age| age > LEFT_OVER)
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It does not exist any more once it has been filled.
        drop(fs::remove_file(&self.path));
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Absent,
            kind => Self::Refused(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Draft, Unread, read};
    use std::{fs, path::Path};

    #[test]
    fn drafts_replace_the_whole_file_or_nothing() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("file");
        fs::write(&path, "old").expect("file");
        let first = Draft::beside(&path, 100, false).expect("room");
        assert!(Draft::beside(&path, 100, false).is_err(), "another process is at it");
        drop(first);
        let draft = Draft::beside(&path, 100, false).expect("room");
        assert_eq!(fs::read(&path).expect("file"), b"old");
        std::mem::forget(draft); // as when the process is killed
        Draft::beside(&path, 0, true).expect("room").fill(b"new").expect("written");
        assert_eq!(fs::read(&path).expect("file"), b"new");
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 1);
    }

    #[test]
    fn files_up_to_the_limit_and_nothing_else() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("file");
        fs::write(&path, "1234").expect("file");
        assert_eq!(read(&path, 4).expect("content").as_slice(), b"1234");
        assert_eq!(read(&path, 3), Err(Unread::TooLarge(3)));
        assert_eq!(read(directory.path(), 9), Err(Unread::NotFile));
        assert_eq!(read(Path::new("/dev/zero"), 9), Err(Unread::NotFile));
        assert_eq!(read(&directory.path().join("none"), 9), Err(Unread::Absent));
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("pipe");
        assert_eq!(read(&pipe, 9), Err(Unread::NotFile));
        assert!(matches!(read(&path.join("below"), 9), Err(Unread::Refused(_))));
    }
}
