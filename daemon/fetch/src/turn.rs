//! Exclusive access to things that sessions share and that two must not use at once: the directory of a cloud's own
//! tool, which keeps a database there ("database is locked"), and a file with a single-use refresh token.
//!
//! The lock is the kernel's, on the directory or file itself: nothing is written there, and the lock ends with its
//! holder. A person's own run of the tool does not use it.

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Longest wait for a turn.
const LONGEST: Duration = Duration::from_secs(30);
/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// There is nothing to lock, or the file system has no locks.
    Impossible,
    /// Others held it for half a minute.
    Late,
}

/// The turn, until this is dropped.
///
/// # Errors
/// See [`NoTurn`].
pub(crate) async fn of(path: &Path) -> Result<Flock<File>, NoTurn> {
    let end = Instant::now() + LONGEST;
    let mut file = open(path)?;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // A file that was replaced meanwhile is not the one that others lock.
            Ok(turn) if is_still(path, &turn) => return Ok(turn),
            Ok(_) => open(path)?,
            Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) if Instant::now() < end => {
                sleep(PAUSE).await;
                same
            }
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => return Err(NoTurn::Late),
            Err(_) => return Err(NoTurn::Impossible),
        }
    }
}

/// Opened for writing if possible, because NFS grants exclusive locks only then.
fn open(path: &Path) -> Result<File, NoTurn> {
    let opened = File::options().read(true).write(true).open(path).or_else(|_| File::open(path));
    opened.map_err(|_| NoTurn::Impossible)
}

fn is_still(path: &Path, file: &File) -> bool {
    let identity = |status: io::Result<fs::Metadata>| status.ok().map(|status| (status.dev(), status.ino()));
    identity(file.metadata()) == identity(fs::metadata(path))
}

#[cfg(test)]
mod tests {
    use super::{NoTurn, of};
    use std::fs;

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_of_the_file_that_stands_there_now() {
        let directory = tempfile::tempdir().expect("directory");
        let (path, fresh) = (directory.path().join("file"), directory.path().join("fresh"));
        assert_eq!(of(&path).await.expect_err("no file"), NoTurn::Impossible);
        fs::write(&path, "").expect("file");
        let first = of(&path).await.expect("a turn");
        assert_eq!(of(&path).await.expect_err("it is taken"), NoTurn::Late);
        let waits = tokio::spawn({
            let path = path.clone();
            async move { of(&path).await }
        });
        tokio::task::yield_now().await;
        fs::write(&fresh, "").expect("file");
        fs::rename(&fresh, &path).expect("renamed");
        drop(first);
        let second = waits.await.expect("ends").expect("a turn");
        assert_eq!(of(&path).await.expect_err("it is the new file's"), NoTurn::Late);
        drop(second);
        assert!(of(directory.path()).await.is_ok(), "directories have turns, too");
    }
}
