//! Shared parts of both flows: input, result, and messages to the person.

use crate::oauth::{Granted, Metadata, Server};
use claviger::reason::Reason;
use claviger_child::{
    Declined,
    account::{Event, MAX_LINE, Registration},
};
use std::io::Write as _;

/// Input of both flows.
pub(super) struct Plan {
    pub(super) registration: Registration,
    pub(super) metadata: Metadata,
    pub(super) server: Server,
}

/// Result of a flow.
pub(super) struct Authorization {
    pub(super) granted: Granted,
    /// Claims that the ID token must repeat.
    pub(super) nonce: Option<String>,
}

/// Sends the daemon an event for the person: one line of JSON on stderr.
///
/// # Errors
/// If it is longer than a line that the daemon passes on: without it, a person would wait in vain.
pub(super) fn tell(event: &Event) -> Result<(), Declined> {
    let line = serde_json::to_string(event).unwrap_or_default();
    if line.len() > MAX_LINE {
        let message = "the address to sign in at, or the code, is too long to be shown";
        return Err(Declined::new(Reason::SourceUnavailable, message)
            .hint("check scopes and authorization_parameters, or ask the operator of the server"));
    }
    let mut stderr = std::io::stderr().lock();
    // A caller that stopped listening ends this process.
    drop(writeln!(stderr, "{line}").and_then(|()| stderr.flush()));
    Ok(())
}
