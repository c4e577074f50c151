//! Checks the protocol of the other side.

use crate::{
    PROTOCOL, RELEASE,
    reason::{Problem, Reason},
    remedy::Remedy,
};
use tonic::metadata::MetadataMap;

/// Metadata key with the release of the sender, both ways.
pub const RELEASE_KEY: &str = "claviger-release";
/// Metadata key with [`crate::PROTOCOL`] of the sender, both ways.
pub const PROTOCOL_KEY: &str = "claviger-protocol";

/// Checks the protocol that the other side (`who`) announces. A missing announcement is accepted: third-party clients
/// do not send one.
///
/// # Errors
/// `malformed-request`, with the side to update.
pub fn check_protocol(metadata: &MetadataMap, who: &str) -> Result<(), Problem> {
    let text = |key: &str| metadata.get(key).and_then(|value| value.to_str().ok());
    let Some(theirs) = text(PROTOCOL_KEY) else { return Ok(()) };
    // A value that is not a number is older than numbers are.
    let number = theirs.parse().unwrap_or(0);
    if number == PROTOCOL {
        return Ok(());
    }
    let release = text(RELEASE_KEY).unwrap_or("of an unknown release");
    let message =
        format!("the {who} ({release}) speaks protocol {theirs}, this is {RELEASE} with protocol {PROTOCOL}");
    let problem = Problem::new(Reason::MalformedRequest, message);
    Err(match (who == "daemon") == (number < PROTOCOL) {
        true => problem
            .hint("the daemon is older; let the installed one take over")
            .remedy(Remedy::restart_daemon()),
        false => {
            problem.hint("the client is older: update it, or use the one that was installed with the daemon")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{PROTOCOL, PROTOCOL_KEY, check_protocol};
    use tonic::metadata::MetadataMap;

    #[test]
    fn the_older_side_is_named() {
        for (who, theirs, expected) in [
            ("daemon", PROTOCOL - 1, "the daemon is older"),
            ("daemon", PROTOCOL + 1, "the client is older"),
            ("client", PROTOCOL - 1, "the client is older"),
            ("client", PROTOCOL + 1, "the daemon is older"),
        ] {
            let mut metadata = MetadataMap::new();
            metadata.insert(PROTOCOL_KEY, theirs.into());
            let hint = check_protocol(&metadata, who).expect_err("another protocol").hint.expect("a hint");
            assert!(hint.starts_with(expected), "{who} {theirs}: {hint}");
        }
        assert!(check_protocol(&MetadataMap::new(), "client").is_ok());
    }
}
