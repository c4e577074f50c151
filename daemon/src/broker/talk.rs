//! Output of a running command.

use crate::sources::Line;
use std::{collections::VecDeque, time::Duration};
use tokio::sync::broadcast;

/// Most lines a watcher may lag behind before it misses some.
const BACKLOG: usize = 32;

/// A line of a running command.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The line.
    pub line: Line,
    /// How long the command has been running.
    pub elapsed: Duration,
}

/// The lines of the command that runs for one entry.
#[derive(Debug)]
pub(super) struct Talk {
    lines: broadcast::Sender<Progress>,
    /// Output so far, for later watchers: they need a login link as well.
    recent: VecDeque<Progress>,
}

impl Default for Talk {
    fn default() -> Self {
        Self { lines: broadcast::Sender::new(BACKLOG), recent: VecDeque::new() }
    }
}

impl Talk {
    /// Forwards a line.
    pub(super) fn say(&mut self, progress: Progress) {
        if self.recent.len() >= BACKLOG {
            self.recent.pop_front();
        }
        self.recent.push_back(progress.clone());
        // Fails while there is no listener.
        drop(self.lines.send(progress));
    }

    /// The command has ended: later callers do not need its output.
    pub(super) fn end(&mut self) {
        self.recent.clear();
    }

    /// The output so far, and a receiver of further lines.
    pub(super) fn listen(&self) -> (VecDeque<Progress>, broadcast::Receiver<Progress>) {
        (self.recent.clone(), self.lines.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::{BACKLOG, Progress, Talk};
    use crate::sources::Line;
    use std::time::Duration;

    #[test]
    fn a_listener_who_comes_late_hears_the_last_lines_and_those_of_this_run_only() {
        let mut talk = Talk::default();
        for number in 0..=BACKLOG {
            let line = Line { text: number.to_string().into(), attended: false };
            talk.say(Progress { line, elapsed: Duration::ZERO });
        }
        let (recent, _) = talk.listen();
        assert_eq!((recent.len(), &*recent[0].line.text), (BACKLOG, "1"));
        talk.end();
        assert!(talk.listen().0.is_empty());
    }
}
