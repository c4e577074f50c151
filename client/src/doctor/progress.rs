//! Shows the current check on one line of stderr, if a person watches.

use crate::{session::context::Context, spinner::Spinner};
use std::{
    io::IsTerminal as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Shorter checks are not shown.
const EVERY: Duration = Duration::from_millis(150);

/// The line; erased on drop.
pub(super) struct Progress {
    steps: Arc<Mutex<Vec<&'static str>>>,
    _shown: Option<Spinner>,
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
        let now = steps.clone();
        let line = move || {
            let now = now.lock().unwrap_or_else(PoisonError::into_inner).join(", ");
            Some(format!("looking at: {now}")).filter(|_| !now.is_empty())
        };
        Self { steps, _shown: wanted.then(|| Spinner::start(EVERY, line)) }
    }

    /// Shows a running check.
    pub(super) fn step(&self, what: &'static str) -> Activity {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        Activity { what, steps: self.steps.clone() }
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
