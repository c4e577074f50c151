//! What was decided, told to the person on the desktop: it may have been another process than the one they sat at.

use super::desktop::ask;
use crate::{broker::Broker, lock::lock, peer::Peer};
use claviger_child::{Notice, Request};
use std::{sync::Mutex, time::Duration};
use tokio::time::Instant;

/// Most notifications in [`SPAN`]: a loop of decisions must not bury the desktop. The audit log has all of them.
const MOST: usize = 20;
/// What that bound is about.
const SPAN: Duration = Duration::from_secs(600);

/// The last notifications of this kind.
#[derive(Debug, Default)]
pub struct Deeds(Mutex<Vec<Instant>>);

impl Deeds {
    /// Tells what was done, by `peer` or by the daemon itself, within three seconds. Nothing is told without a session bus, or
    /// where notifications are off.
    pub async fn tell(&self, broker: &Broker, peer: Option<&Peer>, what: &str) {
        if broker.store.bus.is_none() || broker.limits().notifications == 0 || !self.has_room() {
            return;
        }
        let by = match peer.map(|peer| (&*peer.facts.program, peer.pid)) {
            None | Some(("", None)) => String::new(),
            Some(("", Some(pid))) => format!(" (by process {pid})"),
            Some((program, pid)) => format!(" (by {program}, process {})", pid.unwrap_or_default()),
        };
        if let Err(problem) = ask(broker, Request::Show(Notice::Done(format!("{what}{by}")))).await {
            tracing::info!(%problem, "the desktop was not told of a decision");
        }
    }

    fn has_room(&self) -> bool {
        let (mut times, now) = (lock(&self.0), Instant::now());
        times.retain(|at| now.duration_since(*at) < SPAN);
        if times.len() >= MOST {
            return false;
        }
        times.push(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Deeds, MOST, SPAN};

    #[tokio::test(start_paused = true)]
    async fn there_are_only_so_many() {
        let deeds = Deeds::default();
        assert_eq!((0..MOST * 2).filter(|_| deeds.has_room()).count(), MOST);
        tokio::time::advance(SPAN).await;
        assert!(deeds.has_room());
    }
}
