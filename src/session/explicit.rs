//! Settings passed on a command line.

use crate::reason::{Problem, Reason};
use std::fmt;

/// Largest settings passed with `--settings` (`spec/behaviour.md` A1).
pub const MAX_EXPLICIT_SETTINGS: usize = 2 * 1024 * 1024;

/// Settings passed with `--settings`, as bytes: the daemon never opens a path that a client names.
#[derive(Clone, PartialEq, Eq)]
pub struct ExplicitSettings {
    /// A path or "inline", for messages.
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
}

// The content may hold a key.
impl fmt::Debug for ExplicitSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExplicitSettings({}, {} bytes)", self.name, self.content.len())
    }
}

/// Checks settings passed with `--settings`; no content means none were passed.
///
/// # Errors
/// `limits` if they are larger than [`MAX_EXPLICIT_SETTINGS`].
pub fn explicit(name: String, content: Vec<u8>) -> Result<Option<ExplicitSettings>, Problem> {
    if content.len() > MAX_EXPLICIT_SETTINGS {
        return Err(Problem::new(Reason::Limits, "settings passed with --settings are larger than 2 MiB")
            .hint("pass only the keys this session needs"));
    }
    let name = if name.is_empty() { "inline".to_owned() } else { name };
    Ok(Some(ExplicitSettings { name, content }).filter(|explicit| !explicit.content.is_empty()))
}
