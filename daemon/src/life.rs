//! What the daemon is doing: it serves, hands over, ends.

use claviger::reason::{Problem, Reason};
use std::time::Duration;
use tokio::sync::watch;

/// What the daemon is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    #[default]
    Serving,
    /// Answering what it was asked, before another program goes on in its place.
    HandingOver,
    /// Ending: those who wait are told so.
    Stopping,
}

/// The phase, which goes on and never back.
#[derive(Debug, Default)]
pub struct Life(watch::Sender<Phase>);

impl Life {
    /// Goes on to `phase`; never back.
    pub fn enter(&self, phase: Phase) {
        self.0.send_modify(|current| *current = phase.max(*current));
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Resolves when streams have to end: the daemon stops, or another goes on in its place.
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

/// Waits for an outcome that is announced to everyone.
///
/// # Errors
/// The outcome's own; `shutting-down` if the daemon ends first.
pub async fn announced<T: Clone>(
    outcomes: &mut watch::Receiver<Option<Result<T, Problem>>>,
) -> Result<T, Problem> {
    match outcomes.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
        Ok(Some(outcome)) => outcome,
        // The sender goes only when the runtime ends.
        _ => Err(shutting_down()),
    }
}

/// Another daemon goes on in the place of this one: a client that connects again at once finds it.
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
