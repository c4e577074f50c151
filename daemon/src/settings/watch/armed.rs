//! The inotify watches that are set, through `notify`.

use super::chain::Chain;
use crate::{
    host::files::{self, Identity},
    live::lock,
};
use notify::{
    ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc;

/// Watches on directories.
pub(super) struct Armed {
    nudge: mpsc::Sender<()>,
    notify: Option<RecommendedWatcher>,
    directories: HashMap<PathBuf, Identity>,
    /// The paths that events are compared with, on notify's thread.
    chain: Arc<Mutex<Chain>>,
    /// Some directory could not be watched.
    blind: bool,
    exhausted: bool,
    warned: bool,
}

// === impl Armed ===

impl Armed {
    pub(super) fn new(nudge: mpsc::Sender<()>) -> Self {
        Self {
            nudge,
            notify: None,
            directories: HashMap::new(),
            chain: Arc::default(),
            blind: false,
            exhausted: false,
            warned: false,
        }
    }

    /// Whether some directory could not be watched, so that it has to be polled.
    pub(super) fn is_blind(&self) -> bool {
        self.blind
    }

    /// Watches exactly the directories of `chain`. Returns whether any of them was not watched before, so that changes
    /// may have been missed.
    pub(super) fn follow(&mut self, chain: Chain, usable: bool) -> bool {
        let before = std::mem::replace(&mut *lock(&self.chain), chain.clone());
        self.blind = false;
        let was_exhausted = std::mem::take(&mut self.exhausted);
        self.drop_others(&chain);
        let mut moved = before.entries != chain.entries;
        for directory in &chain.directories {
            moved |= self.add(directory, usable);
        }
        self.report(was_exhausted);
        // Without events the order does not matter.
        moved && !self.blind
    }

    fn drop_others(&mut self, chain: &Chain) {
        let gone: Vec<_> =
            self.directories.keys().filter(|path| !chain.directories.contains(*path)).cloned().collect();
        for path in gone {
            self.remove(&path);
        }
    }

    fn remove(&mut self, path: &Path) {
        self.directories.remove(path);
        if let Some(notify) = &mut self.notify {
            // Fails if the directory is gone, and the watch with it.
            let _ = notify.unwatch(path);
        }
    }

    // Removing a directory removes its watch, and a new one may get the same inode. Adding a watch again has no effect,
    // so that is always done.
    fn add(&mut self, path: &Path, usable: bool) -> bool {
        let Some(identity) = files::identity(path) else { return true };
        let known = self.directories.get(path) == Some(&identity);
        if !known {
            self.remove(path);
        }
        match self.watch(path, usable) {
            Ok(()) => {
                self.directories.insert(path.to_owned(), identity);
                !known
            }
            Err(error) => {
                self.exhausted |= is_exhaustion(&error);
                self.blind = true;
                false
            }
        }
    }

    fn watch(&mut self, path: &Path, usable: bool) -> notify::Result<()> {
        if !usable {
            return Err(notify::Error::new(ErrorKind::MaxFilesWatch));
        }
        let notify = match &mut self.notify {
            Some(notify) => notify,
            none => none
                .insert(notify::recommended_watcher(handler(self.nudge.clone(), Arc::clone(&self.chain)))?),
        };
        notify.watch(path, RecursiveMode::NonRecursive)
    }

    fn report(&mut self, was_exhausted: bool) {
        if self.exhausted && !self.warned {
            self.warned = true;
            tracing::warn!("no more inotify watches to be had, so watched settings are looked at every 2 s");
        } else if was_exhausted && !self.exhausted {
            self.warned = false;
            tracing::info!("inotify watches are available again");
        }
    }
}

// Runs on notify's thread. A full channel already contains a trigger.
fn handler(
    nudge: mpsc::Sender<()>,
    chain: Arc<Mutex<Chain>>,
) -> impl Fn(notify::Result<Event>) + Send + 'static {
    move |event| {
        if event.is_ok_and(|event| is_noise(&event, &lock(&chain))) {
            return;
        }
        let _ = nudge.try_send(());
    }
}

// Opening a file is an event too, and we open files ourselves after each one.
fn is_noise(event: &Event, chain: &Chain) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return true,
        _ => {}
    }
    !event.need_rescan() && !event.paths.is_empty() && !event.paths.iter().any(|path| chain.concerns(path))
}

fn is_exhaustion(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        ErrorKind::Io(error) => matches!(
            error.raw_os_error().map(nix::errno::Errno::from_raw),
            Some(
                nix::errno::Errno::EMFILE
                    | nix::errno::Errno::ENFILE
                    | nix::errno::Errno::ENOSPC
                    | nix::errno::Errno::ENOMEM
            )
        ),
        _ => false,
    }
}
