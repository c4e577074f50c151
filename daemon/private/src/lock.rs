//! Advisory locks: the kernel drops them with their holder, so none is ever stale.

use crate::{
    errno,
    files::{open_directory, refused},
    unwritable,
};
use claviger::reason::{Location, Problem, Reason};
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::Mode,
};
use std::{
    fs::{File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Pause between attempts at a held lock.
const EVERY: Duration = Duration::from_millis(20);
/// Longest mark.
const MAX_MARK: u64 = 64;

/// A lock on a file of our own, until this is dropped. The file stays: if it were removed, two processes could hold the
/// lock.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Takes the lock, waiting for `patience` at most.
    ///
    /// # Errors
    /// `settings-invalid` if the path is not safely ours, `source-unavailable` if the lock is held for too long.
    pub fn take(path: &Path, patience: Duration) -> Result<Self, Problem> {
        let file = open(path)?;
        let end = Instant::now() + patience;
        while !is_ours(path, &file)? {
            if Instant::now() >= end {
                return Err(busy(path, patience));
            }
            thread::sleep(EVERY);
        }
        Ok(Self(file))
    }

    /// The mark of the last holder; empty if it ended properly.
    pub fn mark(&mut self) -> String {
        let mut text = String::new();
        let read = self.0.rewind().and_then(|()| (&self.0).take(MAX_MARK).read_to_string(&mut text));
        read.map(|_| text).unwrap_or_default()
    }

    /// Leaves `text` for the next holder, in case this one is killed. It survives the process, not a power failure.
    ///
    /// # Errors
    /// The system's error.
    pub fn set_mark(&mut self, text: &str) -> io::Result<()> {
        self.0.rewind()?;
        self.0.set_len(0)?;
        self.0.write_all(text.as_bytes())
    }
}

fn open(path: &Path) -> Result<File, Problem> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(refused(path, "not the path of a file"));
    };
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    match openat(open_directory(parent)?, name, flags, mode) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::ELOOP) => Err(refused(path, "a symlink, which is never followed here")),
        Err(errno) => Err(unwritable(path, errno)),
    }
}

/// Whether the lock was free, and is ours now.
fn is_ours(path: &Path, file: &File) -> Result<bool, Problem> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(unwritable(path, errno(&error))),
    }
}

fn busy(path: &Path, patience: Duration) -> Problem {
    let message =
        format!("another process of yours has held the lock for more than {} s", patience.as_secs());
    Problem::new(Reason::SourceUnavailable, message)
        .hint("it ends by itself; try again")
        .at(&Location::of_file(path))
}

#[cfg(test)]
mod tests {
    use super::FileLock;
    use claviger::reason::Reason;
    use std::{os::unix::fs::symlink, time::Duration};

    #[test]
    fn one_holds_it_and_leaves_a_mark() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let mut lock = FileLock::take(&path, Duration::ZERO).expect("free");
        lock.set_mark("busy").expect("marked");
        let refused = FileLock::take(&path, Duration::from_millis(30)).expect_err("held");
        assert_eq!(refused.reason, Reason::SourceUnavailable);
        drop(lock);
        let mut lock = FileLock::take(&path, Duration::ZERO).expect("free again");
        assert_eq!(lock.mark(), "busy");
        lock.set_mark("").expect("marked");
        assert_eq!(lock.mark(), "");
    }

    #[test]
    fn a_symlink_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        symlink("/etc/passwd", directory.path().join("lock")).expect("a symlink");
        let refused = FileLock::take(&directory.path().join("lock"), Duration::ZERO).expect_err("refused");
        assert_eq!(refused.reason, Reason::SettingsInvalid);
    }
}
