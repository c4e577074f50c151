//! Paths of the user's own files and the account of the session, from this process's environment.

use claviger::session::ACCOUNT;
use std::{env, path::PathBuf};

/// The account named by this session's own variable.
pub(crate) fn own_account() -> Option<String> {
    env::var(ACCOUNT).ok().filter(|name| !name.is_empty())
}

/// A variable that holds an absolute path.
pub(crate) fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A file of the user: `inside` the directory that `variable` names, else `below` the home directory; `None` without a
/// home. Without `inside`, the variable names the file itself.
pub(crate) fn user_file(variable: &str, inside: &str, below: &str) -> Option<PathBuf> {
    let found = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below)))?;
    Some(if inside.is_empty() { found } else { found.join(inside) })
}

/// Claude Code's settings of the user: in `CLAUDE_CONFIG_DIR`, else `~/.claude`.
pub(crate) fn settings() -> Option<PathBuf> {
    user_file("CLAUDE_CONFIG_DIR", "settings.json", ".claude")
}
