//! One line on a terminal's stderr that says what is waited for, and is erased again.

use crate::{output, render::columns};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{task::JoinHandle, time::sleep};

/// Erases the line.
pub(crate) const ERASE: &str = "\r\x1b[K";
/// Time between two frames.
const TURN: Duration = Duration::from_millis(120);
/// The frames.
const FRAMES: [char; 4] = ['|', '/', '-', '\\'];

/// Shown until it is dropped.
pub(crate) struct Spinner {
    task: JoinHandle<()>,
    is_shown: Arc<AtomicBool>,
}

impl Spinner {
    /// Shows what `line` returns, from `after` on; while it returns `None`, the line belongs to others.
    pub(crate) fn start(after: Duration, line: impl Fn() -> Option<String> + Send + 'static) -> Self {
        let is_shown = Arc::new(AtomicBool::new(false));
        let shown = is_shown.clone();
        let task = tokio::spawn(async move {
            sleep(after).await;
            for frame in FRAMES.iter().cycle() {
                if let Some(line) = line() {
                    shown.store(true, Relaxed);
                    // A line that is wider could not be erased.
                    let room = output::width(&io::stderr()).unwrap_or_default().saturating_sub(1);
                    output::talk_as_is(&format!("{ERASE}{}", columns::cut(&format!("{frame} {line}"), room)));
                }
                sleep(TURN).await;
            }
        });
        Self { task, is_shown }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.task.abort();
        if self.is_shown.load(Relaxed) {
            output::talk_as_is(ERASE);
        }
    }
}
