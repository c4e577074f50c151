//! Triggers updates of the daemon's status.

use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Shortest time between two updates. A person cannot read more than four per second, and a burst costs no more.
const PACE: Duration = Duration::from_millis(250);

/// Wakes followers of the daemon's status; costs next to nothing without any.
#[derive(Clone, Debug, Default)]
pub struct Shown(watch::Sender<()>);

/// Waits for changes of the status.
#[derive(Debug)]
pub struct Changes {
    receiver: watch::Receiver<()>,
    shown_at: Instant,
}

impl Shown {
    /// A part of the status has changed.
    pub fn touch(&self) {
        // A new follower reads everything first.
        if self.0.receiver_count() > 0 {
            self.0.send_replace(());
        }
    }

    /// Changes from now on.
    pub fn changes(&self) -> Changes {
        Changes { receiver: self.0.subscribe(), shown_at: Instant::now() }
    }
}

impl Changes {
    /// Waits for the next change, and until the last update is old enough. Nothing wakes up without a change.
    pub async fn next(&mut self) {
        // The sender lives as long as the daemon.
        drop(self.receiver.changed().await);
        sleep_until(self.shown_at + PACE).await;
        self.receiver.mark_unchanged();
        self.shown_at = Instant::now();
    }
}
