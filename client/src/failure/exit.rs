//! Exit codes: one number per kind of remedy, so that a script can react.

use claviger::reason::Reason;

/// Success.
pub(crate) const OK: u8 = 0;
/// A bug, or an error without its own number.
pub(crate) const OTHER: u8 = 1;
/// The command line or the request is wrong.
pub(crate) const USAGE: u8 = 2;
/// Nothing provides a credential.
pub(crate) const NO_CREDENTIAL: u8 = 3;
/// A person has to log in, decide, unlock or repair something.
pub(crate) const NEEDS_HUMAN: u8 = 4;
/// A policy or the server refuses.
pub(crate) const BLOCKED: u8 = 5;
/// The source was asked and failed.
pub(crate) const SOURCE_FAILED: u8 = 6;
/// It took too long.
pub(crate) const TIMED_OUT: u8 = 7;
/// No daemon answers.
pub(crate) const UNREACHABLE: u8 = 8;
/// `doctor`: it works, but there are warnings.
pub(crate) const WARNINGS: u8 = 9;
/// `exec`: the command was found but cannot be run.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// `exec`: there is no such command.
pub(crate) const NOT_FOUND: u8 = 127;
/// Interrupted with Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// The table as the long help shows it.
pub(crate) const HELP: &str = "\
Exit codes:
    0  it worked
    1  a bug, or an error without a number of its own; pending --cancel: nothing to cancel
    2  wrong usage, or client and daemon of releases that do not fit together (malformed-request)
    3  nothing provides a credential (no-credential)
    4  a person has to act (login-required, workspace-untrusted, settings-invalid, keyring-locked, locked, not-confirmed);
       doctor: errors were found
    5  forbidden (policy-blocked, upstream-denied, peer-rejected, peer-unknown, foreign-caller, stale-cookie)
    6  the source failed (command-failed, command-output-invalid, source-unavailable, limits, stale-session);
       daemon restart: the old program continues, because a new one cannot take over now
    7  it took too long (source-timeout, --timeout)
    8  no daemon answers (shutting-down, handover)
    9  doctor: warnings were found, and no error
  126  exec: the command cannot be run
  127  exec: there is no such command
  130  interrupted";

/// Lets Ctrl-C end a verb that runs without limit.
pub(crate) fn when_interrupted() {
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(INTERRUPTED.into());
        }
    });
}

/// The exit code for a reason.
pub(crate) fn code(reason: Reason) -> u8 {
    match reason {
        Reason::MalformedRequest => USAGE,
        Reason::NoCredential => NO_CREDENTIAL,
        Reason::LoginRequired
        | Reason::WorkspaceUntrusted
        | Reason::SettingsInvalid
        | Reason::KeyringLocked
        | Reason::Locked
        | Reason::NotConfirmed => NEEDS_HUMAN,
        Reason::PolicyBlocked
        | Reason::UpstreamDenied
        | Reason::PeerRejected
        | Reason::PeerUnknown
        | Reason::ForeignCaller
        | Reason::StaleCookie => BLOCKED,
        Reason::CommandFailed
        | Reason::CommandOutputInvalid
        | Reason::SourceUnavailable
        | Reason::StaleSession
        | Reason::Limits => SOURCE_FAILED,
        Reason::SourceTimeout => TIMED_OUT,
        Reason::Handover | Reason::ShuttingDown => UNREACHABLE,
        Reason::Cancelled => INTERRUPTED,
        Reason::Bug => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::{HELP, code};
    use claviger::reason::{REASONS, Reason};

    #[test]
    fn every_reason_has_its_number() {
        let expected = [
            ("peer-rejected", 5),
            ("peer-unknown", 5),
            ("foreign-caller", 5),
            ("stale-cookie", 5),
            ("stale-session", 6),
            ("malformed-request", 2),
            ("no-credential", 3),
            ("login-required", 4),
            ("workspace-untrusted", 4),
            ("settings-invalid", 4),
            ("policy-blocked", 5),
            ("command-failed", 6),
            ("command-output-invalid", 6),
            ("keyring-locked", 4),
            ("locked", 4),
            ("not-confirmed", 4),
            ("upstream-denied", 5),
            ("source-unavailable", 6),
            ("handover", 8),
            ("shutting-down", 8),
            ("source-timeout", 7),
            ("limits", 6),
            ("cancelled", 130),
            ("bug", 1),
        ];
        assert_eq!(REASONS.map(|reason| (reason.as_str(), code(reason))), expected);
    }

    #[test]
    fn the_help_names_every_reason_on_the_line_of_its_number() {
        let line =
            |number: u8| HELP.lines().find(|line| line.trim_start().starts_with(&format!("{number}  ")));
        for reason in REASONS {
            if matches!(reason, Reason::Bug | Reason::Cancelled) {
                continue; // said in other words
            }
            let line = line(code(reason)).expect("the number is in the table");
            assert!(line.contains(reason.as_str()), "{reason} is missing in {line:?}");
        }
    }

    #[test]
    fn the_page_has_every_number_and_every_reason() {
        const PAGE: &str = include_str!("../../../docs/exit-codes.md");
        let row = |number: &str| PAGE.lines().find(|line| line.starts_with(&format!("| {number} |")));
        let numbers = HELP.lines().skip(1).filter(|line| !line.starts_with("       "));
        for number in numbers.filter_map(|line| line.split_whitespace().next()) {
            row(number).unwrap_or_else(|| panic!("{number} is missing in docs/exit-codes.md"));
        }
        for reason in REASONS {
            let row = row(&code(reason).to_string()).expect("the row of its number");
            assert!(row.contains(&format!("`{reason}`")), "{reason} is missing in {row:?}");
        }
        for line in PAGE.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let number = line.split_whitespace().nth(1).unwrap_or_default();
            assert!(HELP.contains(&format!("  {number}  ")), "{number} is not an exit code");
        }
    }
}
