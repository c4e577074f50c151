//! What the administrator's file may hold and lock. Pure.

use crate::settings::COMMANDS;
use std::ops::Range;
use toml_edit::Document;

/// Keys of `[daemon]`.
pub(super) const KEYS: [&str; 13] = [
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
/// What the administrator's file cannot hold: it is about one user's projects, variables, directories and accounts.
const USERS_OWN: [(&str, &str); 4] =
    [("trust", ""), ("oauth", ""), ("settings", "pass_environment"), ("settings", "directory")];

/// A mistake: its place in the text, and a message.
pub(super) type Mistake = (Option<Range<usize>>, &'static str);

/// Checks the administrator's `document`, and the keys that it locks.
///
/// # Errors
/// The first mistake.
pub(super) fn check(document: &Document<&str>, keys: &[String]) -> Result<(), Mistake> {
    for (table, key) in USERS_OWN {
        let table = document.get(table);
        let found = if key.is_empty() { table } else { table.and_then(|table| table.get(key)) };
        if let Some(found) = found {
            return Err((found.span(), "only the user's own file can hold this"));
        }
    }
    let is_known = |key: &str| match key.split_once('.') {
        Some(("daemon", key)) => KEYS.contains(&key),
        Some(("settings", key)) => COMMANDS.contains(&key),
        _ => false,
    };
    if let Some(unknown) = keys.iter().position(|key| !is_known(key)) {
        let entry = document.get("locked").and_then(|locked| locked.as_array()?.get(unknown)?.span());
        return Err((entry, "an unknown key: write daemon.KEY, or settings.KEY for a command"));
    }
    Ok(())
}
