//! A question on the desktop.

use super::desktop;
use crate::{broker::Broker, host::command::CommandSpec, live::lock};
use claviger::reason::Problem;
use claviger_child::{Choice, PATIENCE, Request};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Additional time of the child besides waiting for the person.
const MARGIN: Duration = Duration::from_secs(5);

/// A notification that is closed on drop.
struct Shown {
    broker: Arc<Broker>,
    number: Mutex<Option<u32>>,
}

/// Whether there may be a desktop: a session bus exists, and notifications are not off.
pub fn has_desktop(broker: &Broker) -> bool {
    broker.store.bus.address().is_some() && broker.limits().notifications > 0
}

/// Asks a person on the desktop. Dropping the future closes the question.
///
/// # Errors
/// Why there is no answer: no desktop shows notifications, or the person did not answer in time.
pub async fn question(broker: &Arc<Broker>, text: String) -> Result<Choice, Problem> {
    let spec = CommandSpec { deadline: PATIENCE + MARGIN, ..desktop::spec(broker, Request::Ask(text)) };
    let shown = Shown { broker: broker.clone(), number: Mutex::default() };
    let note = |line: String| *lock(&shown.number) = line.trim().parse().ok();
    let (_, nothing) = tokio::sync::mpsc::channel(1);
    broker.store.call_fed::<Choice>(&broker.host, &spec, nothing, note).await
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(number) = lock(&self.number).take() {
            let broker = self.broker.clone();
            tokio::spawn(async move {
                // Some desktops close it by themselves after an answer.
                if let Err(problem) = desktop::ask(&broker, Request::Close(number)).await {
                    tracing::debug!(%problem, "a question could not be closed");
                }
            });
        }
    }
}
