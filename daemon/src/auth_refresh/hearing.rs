//! The events of a run for one waiter: every line, then its end.

use crate::life::announced;
use claviger::reason::Problem;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::{broadcast, watch};

/// How a run ended, once it has ended.
type RunResult = Result<(), Problem>;

/// An event of a run.
#[derive(Debug)]
pub enum Heard {
    /// A line of the command.
    Line(Arc<str>),
    /// The end.
    Ended(Box<RunResult>),
}

/// A receiver of the events.
pub(super) struct Hearing {
    recent: VecDeque<Arc<str>>,
    lines: broadcast::Receiver<Arc<str>>,
    outcome: watch::Receiver<Option<RunResult>>,
    over: Option<RunResult>,
}

impl Hearing {
    /// For a run with the output `recent` so far.
    pub(super) fn of(
        recent: &[Arc<str>],
        lines: broadcast::Receiver<Arc<str>>,
        outcome: watch::Receiver<Option<RunResult>>,
    ) -> Self {
        Self { recent: recent.iter().cloned().collect(), lines, outcome, over: None }
    }

    /// The next event. After the end it is the end again.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            if let Some(line) = self.recent.pop_front() {
                return Heard::Line(line);
            }
            if let Some(outcome) = &self.over {
                return Heard::Ended(outcome.clone().into());
            }
            tokio::select! {
                biased;
                line = self.lines.recv() => match line {
                    Ok(line) => return Heard::Line(line),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    // There are no more lines; the result is available.
                    Err(broadcast::error::RecvError::Closed) => self.over = Some(announced(&mut self.outcome).await),
                },
                outcome = announced(&mut self.outcome) => {
                    while let Ok(line) = self.lines.try_recv() {
                        self.recent.push_back(line);
                    }
                    self.over = Some(outcome);
                }
            }
        }
    }
}
