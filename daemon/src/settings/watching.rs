//! The watched sessions, and the task that watches them.

use super::{Snapshot, roots::Key};
use std::{collections::HashMap, sync::Arc};
use tokio::{sync::mpsc, task::JoinHandle};

/// The sessions, and the task.
#[derive(Debug, Default)]
pub(super) struct Watching {
    pub(super) sessions: HashMap<Key, Watched>,
    pub(super) task: Option<Task>,
    /// Simulates that inotify is exhausted.
    #[cfg(test)]
    pub(super) without_events: bool,
}

/// A session that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) guards: usize,
    /// The last snapshot that a caller can have seen before it began to watch.
    pub(super) seen: Option<Arc<Snapshot>>,
}

/// The task that looks.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) nudge: mpsc::Sender<()>,
    pub(super) handle: JoinHandle<()>,
}

impl Task {
    /// Triggers a look. A full channel already contains a trigger.
    pub(super) fn nudge(&self) {
        let _ = self.nudge.try_send(());
    }
}
