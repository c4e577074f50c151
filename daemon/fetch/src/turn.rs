//! Turns of a cloud's own tool: it keeps a database in its directory, and two of it at once fail with "database is locked".
//!
//! The lock is the kernel's, on the directory itself: nothing is written into what is another program's, and it ends with its
//! holder. A person's own run of the tool does not know of it, so that word is taken as "later" as well.

use nix::fcntl::{Flock, FlockArg};
use std::{fs::File, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

/// Longest wait for a turn. After that the tool is run all the same.
const LONGEST: Duration = Duration::from_secs(30);
/// How often it is looked whether the turn has come.
const PAUSE: Duration = Duration::from_millis(20);
/// What SQLite says, whose databases `az` and `gcloud` use.
const LOCKED: &str = "database is locked";
/// How often a tool is run whose database is in use.
pub(crate) const ATTEMPTS: u32 = 5;

/// The turn, until this is dropped; `None` if there is no such directory, or the wait was too long.
pub(crate) async fn of(directory: &Path) -> Option<Flock<File>> {
    let mut file = File::open(directory).ok()?;
    let end = Instant::now() + LONGEST;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(turn) => return Some(turn),
            Err((same, _)) if Instant::now() < end => file = same,
            Err(_) => return None,
        }
        sleep(PAUSE).await;
    }
}

/// Whether a tool that failed and `said` this can be run again in a moment. Waits for that.
pub(crate) async fn is_busy(said: &[u8], attempt: u32) -> bool {
    let is_busy = String::from_utf8_lossy(said).contains(LOCKED) && attempt < ATTEMPTS;
    if is_busy {
        sleep(PAUSE * 10 * attempt).await;
    }
    is_busy
}
