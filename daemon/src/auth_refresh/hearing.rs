//! What one who waits for a run hears of it: every line, then how it ended.

use crate::life::announced;
use claviger::reason::Problem;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::{broadcast, watch};

/// How a run ended, once it has.
type RunResult = Result<(), Problem>;

/// What is heard of a run.
#[derive(Debug)]
pub enum Heard {
    /// The command said this.
    Line(Arc<str>),
    /// It has ended.
    Ended(Box<RunResult>),
}

/// Where it is heard.
pub(super) struct Hearing {
    recent: VecDeque<Arc<str>>,
    lines: broadcast::Receiver<Arc<str>>,
    outcome: watch::Receiver<Option<RunResult>>,
    over: Option<RunResult>,
}

impl Hearing {
    /// Of a run that said `recent` so far.
    pub(super) fn of(
        recent: &[Arc<str>],
        lines: broadcast::Receiver<Arc<str>>,
        outcome: watch::Receiver<Option<RunResult>>,
    ) -> Self {
        Self { recent: recent.iter().cloned().collect(), lines, outcome, over: None }
    }

    /// What is heard next. After its end it is the end again.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
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
                    // Nothing more is said; the outcome is there.
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
