//! What both flows share: what they go by, what they bring, and how they speak to the person.

use crate::oauth::{Granted, Metadata, Server};
use claviger::reason::Reason;
use claviger_child::{
    Declined,
    account::{Event, MAX_LINE, Registration},
};
use std::io::Write as _;

/// What both flows go by.
pub(super) struct Plan {
    pub(super) registration: Registration,
    pub(super) metadata: Metadata,
    pub(super) server: Server,
}

/// What a flow brings.
pub(super) struct Authorization {
    pub(super) granted: Granted,
    /// What the ID token must repeat.
    pub(super) nonce: Option<String>,
}

/// Tells the daemon what the person has to know now: one line of JSON on stderr.
///
/// # Errors
/// If it is longer than a line that the daemon passes on: a person who hears nothing would wait in vain.
pub(super) fn tell(event: &Event) -> Result<(), Declined> {
    let line = serde_json::to_string(event).unwrap_or_default();
    if line.len() > MAX_LINE {
        let message = "the address to sign in at, or the code, is too long to be shown";
        return Err(Declined::new(Reason::SourceUnavailable, message)
            .hint("check scopes and authorization_parameters, or ask the operator of the server"));
    }
    let mut stderr = std::io::stderr().lock();
    // A caller that stopped listening will end us.
    drop(writeln!(stderr, "{line}").and_then(|()| stderr.flush()));
    Ok(())
}
