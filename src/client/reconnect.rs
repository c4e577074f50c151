//! When to reconnect to a daemon that went away: one policy for calls and streams.

use std::time::Duration;
use tokio::time::sleep;

/// The pause before the second attempt; it doubles with each one. The first attempt is made at once: after a handover
/// the socket accepts connections already.
const FIRST: Duration = Duration::from_millis(20);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// The total pause of a call before its problem is reported. A service manager restarts a daemon in less time.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same when a successor is expected: the time that a handover waits for the last refresh (`daemon/src/lib.rs`),
/// and that a busy machine needs to start the successor.
const HANDOVER: Duration = Duration::from_secs(60);

/// The pauses between connections.
#[derive(Clone, Debug)]
pub(super) struct Reconnect {
    next: Duration,
    /// Remaining total pause; `None`: unlimited.
    left: Option<Duration>,
    /// Whether a successor is expected.
    is_promised: bool,
}

// === impl Reconnect ===

impl Reconnect {
    /// For a call: its problem is reported after three seconds, or after a minute if a successor is expected.
    pub(super) fn briefly() -> Self {
        Self { next: Duration::ZERO, left: Some(PATIENCE), is_promised: false }
    }

    /// For streams that follow the daemon without limit.
    pub(super) fn patiently() -> Self {
        Self { next: Duration::ZERO, left: None, is_promised: false }
    }

    /// Whether it tries without limit.
    pub(super) fn is_patient(&self) -> bool {
        self.left.is_none()
    }

    /// Starts over: the daemon has answered.
    pub(super) fn has_worked(&mut self) {
        *self = if self.is_patient() { Self::patiently() } else { Self::briefly() };
    }

    /// Notes that a successor is expected: the previous daemon announced a handover, or a process has the socket
    /// already.
    pub(super) fn promised(&mut self) {
        if !std::mem::replace(&mut self.is_promised, true) {
            self.left = self.left.map(|left| left + (HANDOVER - PATIENCE));
        }
    }

    /// Pauses before the next attempt; the last one failed with `error`.
    ///
    /// # Errors
    /// `error` itself, at once, when no pause is left.
    pub(super) async fn after<E>(&mut self, error: E) -> Result<(), E> {
        let pause = self.next;
        if let Some(left) = &mut self.left {
            let Some(rest) = left.checked_sub(pause) else { return Err(error) };
            *left = rest;
        }
        self.next = (pause * 2).clamp(FIRST, LONGEST);
        sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{HANDOVER, LONGEST, PATIENCE, Reconnect};
    use tokio::time::Instant;

    /// When attempts follow a failed one, in milliseconds; `count` at most.
    async fn attempts(reconnect: &mut Reconnect, count: usize) -> Vec<u128> {
        let (start, mut at) = (Instant::now(), Vec::new());
        while at.len() < count && reconnect.after(()).await.is_ok() {
            at.push(start.elapsed().as_millis());
        }
        at
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_asks_again_at_once_and_gives_up_in_the_end() {
        let start = Instant::now();
        let at = attempts(&mut Reconnect::briefly(), 100).await;
        assert_eq!(at, [0, 20, 60, 140, 300, 620, 1260, 2540]);
        assert!(start.elapsed() <= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_is_known_to_come_is_waited_for() {
        let (start, mut reconnect) = (Instant::now(), Reconnect::briefly());
        attempts(&mut reconnect, 4).await;
        reconnect.promised();
        reconnect.promised();
        attempts(&mut reconnect, 100).await;
        assert!((HANDOVER - LONGEST..=HANDOVER).contains(&start.elapsed()), "{:?}", start.elapsed());
        // The next one that goes away has to say so itself.
        reconnect.has_worked();
        let start = Instant::now();
        attempts(&mut reconnect, 100).await;
        assert!(start.elapsed() <= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_never_gives_up_and_starts_over_when_it_worked() {
        let mut reconnect = Reconnect::patiently();
        let at = attempts(&mut reconnect, 100).await;
        assert_eq!(at.len(), 100);
        assert_eq!(at[99] - at[98], LONGEST.as_millis());
        reconnect.has_worked();
        assert_eq!(attempts(&mut reconnect, 2).await, [0, 20]);
    }
}
