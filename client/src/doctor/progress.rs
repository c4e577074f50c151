//! Shows the current check on one line of stderr, if a person watches.

use crate::{output, session::context::Context};
use std::{
    io::IsTerminal as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;

/// Shorter checks are not shown.
const EVERY: Duration = Duration::from_millis(150);

/// The line.
pub(super) struct Progress {
    steps: Arc<Mutex<Vec<&'static str>>>,
    shown: Option<JoinHandle<()>>,
}

/// A running check; it ends on drop.
pub(super) struct Activity {
    what: &'static str,
    steps: Arc<Mutex<Vec<&'static str>>>,
}

impl Progress {
    /// A line that is shown if stderr is a terminal, without --json or --quiet.
    pub(super) fn start(context: &Context) -> Self {
        let steps = Arc::<Mutex<Vec<&'static str>>>::default();
        let wanted = !context.options.quiet && !context.options.json && std::io::stderr().is_terminal();
        let shown = wanted.then(|| tokio::spawn(show(steps.clone())));
        Self { steps, shown }
    }

    /// Shows a running check.
    pub(super) fn step(&self, what: &'static str) -> Activity {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        Activity { what, steps: self.steps.clone() }
    }

    /// Removes the line.
    pub(super) async fn end(self) {
        if let Some(shown) = self.shown {
            shown.abort();
            drop(shown.await);
            output::talk("\r\x1b[K");
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = steps.iter().position(|what| *what == self.what) {
            steps.remove(at);
        }
    }
}

async fn show(steps: Arc<Mutex<Vec<&'static str>>>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let now = steps.lock().unwrap_or_else(PoisonError::into_inner).join(", ");
        if !now.is_empty() {
            output::talk(&format!("\r\x1b[Kchecking: {now}"));
        }
    }
}
