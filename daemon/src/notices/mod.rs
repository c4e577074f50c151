//! Desktop notifications: for needs that only a person can resolve and no terminal shows.
//!
//! `look` finds needs, `decide` chooses notifications without effects; this module has the timing, and the child that
//! uses the bus. A silent bus costs one child for three seconds, and no request waits for it.

mod decide;
mod deeds;
mod desktop;
mod look;
mod question;

pub use deeds::Deeds;
pub use question::{has_desktop, question};

use crate::broker::Broker;
use claviger_child::{Notice, Request};
use decide::{Action, History};
use desktop::ask;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// Delay of a notification: a session in a terminal may be about to show the problem.
const SETTLE: Duration = Duration::from_millis(500);

/// Longest pause until the next look, while something waits to be shown.
const LONGEST: Duration = Duration::from_secs(3600);

/// Notifies a person of needs that only a person can resolve, until the daemon stops. Does nothing without a session
/// bus.
pub fn start(broker: &Arc<Broker>) {
    if broker.store.bus.may_come() {
        tokio::spawn(tell(broker.clone()));
    }
}

async fn tell(broker: Arc<Broker>) {
    let (mut history, mut accounts) = (History::default(), broker.resolver.accounts.changes());
    let mut later = None;
    loop {
        tokio::select! {
            () = broker.attention.notified() => {}
            () = broker.auth_refreshes.changed() => {}
            _ = accounts.changed() => {}
            () = sleep(later.unwrap_or(LONGEST)), if later.is_some() => {}
            () = broker.life.stopping() => return,
        }
        sleep(SETTLE).await;
        if broker.store.bus.address().is_none() {
            later = None;
            continue;
        }
        let (view, now) = (look::look(&broker), broker.host.clock.now());
        let steps;
        (steps, later) = history.decide(&view, now, broker.limits().notifications);
        for step in steps {
            act(&broker, &mut history, step).await;
        }
    }
}

async fn act(broker: &Broker, history: &mut History, step: Action) {
    let request = match &step {
        Action::Show(need) => Request::Show(Notice::Needed(need.text.clone())),
        Action::Close(number) => Request::Close(*number),
    };
    let said = ask(broker, request).await;
    if let Err(problem) = &said {
        tracing::info!(%problem, "the desktop notification failed");
    }
    if let Action::Show(need) = &step {
        tracing::debug!(text = need.text, shown = said.is_ok(), "a person is needed");
        history.shown(&need.subject, said.ok());
    }
}
