//! What the failure of a `credential_process` means. Pure.

use super::{Declined, link::Link};
use claviger::reason::Reason;

/// How the SDK's texts about a `credential_process` begin; it has no types for them.
const EXITED: &str = "Error retrieving credentials: external process exited with code ";
const PRINTED: [&str; 2] = [
    "Error retrieving credentials from external process, could not parse response",
    "Error retrieving credentials from external process: could not decode output",
];

/// Why there is no credential, for the `text` of the SDK's error.
pub(super) fn failed(link: &Link, text: &str) -> Declined {
    if PRINTED.iter().any(|start| text.starts_with(start)) {
        let message = format!("{}: its credential_process printed no usable credentials", link.what);
        return Declined::new(Reason::CommandOutputInvalid, message).hint(
            "it must print a JSON object with Version 1, AccessKeyId and SecretAccessKey, and nothing else; messages belong on stderr",
        );
    }
    let status = text.strip_prefix(EXITED).and_then(|rest| rest.strip_prefix("exit status: "));
    let code: Option<i32> =
        status.and_then(|rest| rest.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok());
    let hint = "run it in a terminal to see what it says";
    match code {
        Some(code @ (126 | 127)) => Declined::new(
            Reason::CommandFailed,
            format!("{}: its credential_process cannot be run (exit code {code})", link.what),
        )
        .hint("check its path, and that it may be executed"),
        Some(code) => {
            Declined::sign_in(format!("{}: its credential_process ended with exit code {code}", link.what))
                .hint(hint)
        }
        None => Declined::sign_in(format!("{}: its credential_process failed", link.what)).hint(hint),
    }
}
