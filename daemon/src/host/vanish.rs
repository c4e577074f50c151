//! Detects that entries of a directory vanish, without polling.

use std::{path::Path, time::Duration};
use tokio::time::sleep;

/// Pause between checks where the kernel has no events.
const POLL: Duration = Duration::from_secs(5);

/// A watch on one directory.
#[derive(Debug)]
pub struct Vanishing {
    #[cfg(target_os = "linux")]
    events: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
}

// === impl Vanishing ===

impl Vanishing {
    /// Watches for removals and replacements in `directory`, and of the directory itself. Must be called on a tokio
    /// runtime.
    #[cfg(target_os = "linux")]
    pub fn from(directory: &Path) -> Self {
        let failed = |error: &_| tracing::debug!(%error, "no events: the directory is looked at");
        Self { events: events(directory).inspect_err(failed).ok() }
    }

    /// Checks regularly.
    #[cfg(not(target_os = "linux"))]
    pub fn from(_directory: &Path) -> Self {
        Self {}
    }

    /// Resolves when an entry may have vanished.
    pub async fn changed(&self) {
        #[cfg(target_os = "linux")]
        if let Some(events) = &self.events
            && let Ok(mut ready) = events.readable().await
        {
            // The events are ignored: the caller checks.
            while nix::unistd::read(events.get_ref(), &mut [0; 4096]).is_ok_and(|count| count > 0) {}
            ready.clear_ready();
            return;
        }
        sleep(POLL).await;
    }
}

#[cfg(target_os = "linux")]
fn events(directory: &Path) -> std::io::Result<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    use nix::sys::inotify::{AddWatchFlags as Flags, InitFlags, Inotify};
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    let goes = Flags::IN_DELETE | Flags::IN_MOVED_FROM | Flags::IN_MOVED_TO;
    let of_itself = Flags::IN_DELETE_SELF | Flags::IN_MOVE_SELF | Flags::IN_ONLYDIR;
    inotify.add_watch(directory, goes | of_itself)?;
    // A directory above that is moved takes this one away, and tells only who watches it.
    for above in directory.ancestors().skip(1) {
        let _ = inotify.add_watch(above, of_itself);
    }
    #[expect(deprecated, reason = "sound here: no other code can close an OwnedFd")]
    tokio::io::unix::AsyncFd::with_interest(inotify.into(), tokio::io::Interest::READABLE)
}
