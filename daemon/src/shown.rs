//! When the status of the daemon has to be shown again.

use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Shortest time between two looks. Four in a second are more than a person reads, and a burst costs no more.
const PACE: Duration = Duration::from_millis(250);

/// Wakes those who follow the status of the daemon; costs next to nothing while there are none.
#[derive(Clone, Debug, Default)]
pub struct Shown(watch::Sender<()>);

/// Waits for changes of what a status shows.
#[derive(Debug)]
pub struct Changes {
    receiver: watch::Receiver<()>,
    shown_at: Instant,
}

impl Shown {
    /// Something that a status shows has changed.
    pub fn touch(&self) {
        // A new follower looks at everything first.
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
    /// Waits for the next change, and until the last look is old enough. Nothing wakes up while nothing changes.
    pub async fn next(&mut self) {
        // The sender lives as long as the daemon.
        drop(self.receiver.changed().await);
        sleep_until(self.shown_at + PACE).await;
        self.receiver.mark_unchanged();
        self.shown_at = Instant::now();
    }
}
