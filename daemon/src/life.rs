//! Phases of the daemon: serving, handing over, ending.

use claviger::reason::{Problem, Reason};
use std::time::Duration;
use tokio::sync::watch;

/// Phase of the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    #[default]
    Serving,
    /// Finishing requests before another program takes over.
    HandingOver,
    /// Ending: waiting requests get an error.
    Stopping,
}

/// The current phase; phases only advance.
#[derive(Debug, Default)]
pub struct Life(watch::Sender<Phase>);

impl Life {
    /// Advances to `phase`; never goes back.
    pub fn enter(&self, phase: Phase) {
        self.0.send_modify(|current| *current = phase.max(*current));
    }

    /// The current phase.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Resolves when streams have to end: the daemon stops, or hands over.
    pub async fn stopping(&self) {
        self.reached(Phase::HandingOver).await;
    }

    /// Resolves when no request may wait any longer.
    pub async fn cut_off(&self) {
        self.reached(Phase::Stopping).await;
    }

    async fn reached(&self, phase: Phase) {
        drop(self.0.subscribe().wait_for(|now| *now >= phase).await);
    }
}

/// Waits for a broadcast result.
///
/// # Errors
/// The problem of the result; `shutting-down` if the daemon ends first.
pub async fn announced<T: Clone>(
    outcomes: &mut watch::Receiver<Option<Result<T, Problem>>>,
) -> Result<T, Problem> {
    match outcomes.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
        Ok(Some(outcome)) => outcome,
        // The sender is dropped only when the runtime ends.
        _ => Err(shutting_down()),
    }
}

/// Another daemon takes over: a client that reconnects at once finds it.
pub fn handing_over() -> Problem {
    Problem::new(Reason::Handover, "the daemon is being replaced").hint("connect again")
}

/// The daemon is about to end.
pub fn shutting_down() -> Problem {
    Problem::new(Reason::ShuttingDown, "the daemon is stopping")
        .hint("try again; the next call starts a new one")
        .retry_after(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::{Life, Phase};

    #[test]
    fn a_daemon_that_stops_does_not_hand_over_after_all() {
        let life = Life::default();
        life.enter(Phase::Stopping);
        life.enter(Phase::HandingOver);
        assert_eq!(life.phase(), Phase::Stopping);
    }
}
