//! Access to the desktop.

use crate::{broker::Broker, host::command::CommandSpec, key::SourceKey};
use claviger::reason::Problem;
use claviger_child::Request;
use std::time::Duration;

/// Time limit for a bus that does not answer.
const DEADLINE: Duration = Duration::from_secs(3);

/// Sends a request to the desktop through a child; returns the number of the notification.
pub(super) async fn ask(broker: &Broker, request: Request) -> Result<u32, Problem> {
    broker.store.call::<u32>(&broker.host, &spec(broker, request)).await
}

/// A request to the desktop as a command.
pub(super) fn spec(broker: &Broker, request: Request) -> CommandSpec {
    let bus = broker.store.bus.address().map(|bus| ("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus));
    let flight = SourceKey::of("notify", []).to_string();
    CommandSpec::fetch(request, bus.into_iter().collect(), DEADLINE, flight)
}
