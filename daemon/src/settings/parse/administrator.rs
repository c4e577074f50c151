//! What only the administrator's file may hold, and what it may not. Pure.

use super::text::Text;
use crate::settings::{COMMANDS, Content};
use claviger::reason::{Problem, Reason};
use toml_edit::Document;

/// The top-level key that only the administrator's file may have.
pub(super) const LOCKED: &str = "locked";
/// The problem of another file that has it.
pub const ONLY_THERE: &str = "only the administrator's file can lock keys";
/// A hint for every mistake.
pub const HINT: &str = "docs/administrators.md lists what the administrator's file can hold";
/// Keys of `[daemon]`.
pub const DAEMON_KEYS: [&str; 13] = [
    "helper_timeout_seconds",
    "idle_seconds",
    "max_entries",
    "max_commands",
    "log",
    "store",
    "audit_kib",
    "audit_parts",
    "notifications",
    "foreign",
    "max_lease",
    "agents_may_decide",
    "follow_program",
];
/// What it cannot hold: it is about one user's projects, variables, directories and accounts.
const USERS_OWN: [(&str, &str); 4] =
    [("trust", ""), ("oauth", ""), ("settings", "pass_environment"), ("settings", "directory")];

/// Checks the administrator's `document` with its `content`, and the keys that it locks.
///
/// # Errors
/// `settings-invalid` with the place of the first mistake.
pub(super) fn check(text: &Text<'_>, document: &Document<&str>, content: &Content) -> Result<(), Problem> {
    for (name, key) in USERS_OWN {
        let table = document.get(name);
        let found = if key.is_empty() { table } else { table.and_then(|table| table.get(key)) };
        if let Some(found) = found {
            let at = found.span().map_or(0, |span| span.start);
            let what = if key.is_empty() { format!("[{name}]") } else { format!("{key} of [{name}]") };
            return Err(text.wrong(at, format!("only the user's own file can hold {what}")).hint(HINT));
        }
    }
    for locked in &content.locked {
        let mistake = match locked.value.split_once('.') {
            Some(("daemon", key)) if DAEMON_KEYS.contains(&key) => continue,
            Some(("settings", key)) if content.commands.contains_key(key) => continue,
            // Without one, the users' commands would count, which the lock is there to prevent.
            Some(("settings", key)) if COMMANDS.contains(&key) => {
                format!("a locked command must be in the same file: write {key} under [settings]")
            }
            _ => {
                format!("{} is an unknown key: write daemon.KEY, or settings.KEY for a command", locked.value)
            }
        };
        return Err(Problem::new(Reason::SettingsInvalid, mistake).hint(HINT).at(&locked.at));
    }
    Ok(())
}
