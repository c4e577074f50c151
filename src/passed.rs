//! Variables that commands receive although [`crate::variables`] does not list them: `pass_environment` of the user's
//! own configuration names them.
//!
//! The daemon reads the configuration and writes these names into a file beside its socket. A client sends the
//! session's values of these variables, and the names by which it chose them, so that the daemon notices a client that
//! read an older file.

use crate::variables;
use std::path::{Path, PathBuf};

/// Name of the file, in the directory of the socket.
pub const PASSED_NAME: &str = "passed";
/// Most entries that a configuration can have.
pub const MAX_ENTRIES: usize = 64;
/// Longest entry, in bytes.
pub const MAX_ENTRY_LEN: usize = 128;
/// Largest file, in bytes.
pub const MAX_FILE_LEN: usize = MAX_ENTRIES * (MAX_ENTRY_LEN + 1);

/// Names of variables, and prefixes of names such as `MYCORP_*`; sorted, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed(Vec<String>);

// === impl Passed ===

impl Passed {
    /// No entries.
    pub const NONE: Self = Self(Vec::new());

    /// These entries.
    pub fn new(entries: impl IntoIterator<Item = String>) -> Self {
        let mut entries: Vec<String> = entries.into_iter().collect();
        entries.sort_unstable();
        entries.dedup();
        Self(entries)
    }

    /// The entries of a file; `None` if the daemon did not write it.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let text =
            std::str::from_utf8(content).ok().filter(|text| text.is_empty() || text.ends_with('\n'))?;
        let passed = Self::new(text.lines().map(str::to_owned));
        passed.is_bounded().then_some(passed)
    }

    /// The content of the file.
    pub fn text(&self) -> String {
        self.0.iter().flat_map(|entry| [entry.as_str(), "\n"]).collect()
    }

    /// Whether number and length of the entries are within the limits of a configuration.
    pub fn is_bounded(&self) -> bool {
        self.0.len() <= MAX_ENTRIES && self.0.iter().all(|entry| is_entry(entry))
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[String] {
        &self.0
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether commands receive the variable `name` by this list alone: variables known to claviger have their own
    /// rules.
    pub fn has(&self, name: &str) -> bool {
        !self.0.is_empty()
            && variables::usage(name).is_none()
            && !variables::is_own(name)
            && self.0.iter().any(|entry| matches(entry, name))
    }
}

/// Whether `entry` is the name of a variable, or a prefix that ends with `_*`.
pub fn is_entry(entry: &str) -> bool {
    let name = entry.strip_suffix("_*").unwrap_or(entry);
    entry.len() <= MAX_ENTRY_LEN && variables::is_name(name) && !name.bytes().all(|byte| byte == b'_')
}

/// Whether `entry` is `name`, or a prefix of it that ends with `*`.
pub fn matches(entry: &str, name: &str) -> bool {
    entry.strip_suffix('*').map_or(entry == name, |start| name.starts_with(start) && name.len() > start.len())
}

/// The file that belongs to `socket`.
pub fn path(socket: &Path) -> PathBuf {
    socket.with_file_name(PASSED_NAME)
}

#[cfg(test)]
mod tests {
    use super::{MAX_ENTRIES, MAX_ENTRY_LEN, Passed, is_entry};

    fn passed(entries: &[&str]) -> Passed {
        Passed::new(entries.iter().map(|&entry| entry.to_owned()))
    }

    #[test]
    fn names_and_beginnings_are_told_apart() {
        let passed = passed(&["MYCORP_*", "ONE", "HOME", "AWS_*", "CLAVIGER_*"]);
        for name in ["MYCORP_X", "ONE", "AWS_UNKNOWN"] {
            assert!(passed.has(name), "{name}");
        }
        // Listed variables have their own rules, and claviger's own are never passed.
        for name in ["MYCORP_", "MYCORP", "mycorp_x", "ONES", "", "HOME", "AWS_PROFILE", "CLAVIGER_FLIGHT"] {
            assert!(!passed.has(name), "{name}");
        }
    }

    #[test]
    fn a_file_holds_what_it_was_written_with() {
        for entries in [&[][..], &["ONE"], &["B", "A_*", "B"]] {
            let passed = passed(entries);
            assert_eq!(Passed::parse(passed.text().as_bytes()), Some(passed));
        }
        let many: String = (0..=MAX_ENTRIES).map(|number| format!("N{number}\n")).collect();
        let long = format!("{}\n", "N".repeat(MAX_ENTRY_LEN + 1));
        for wrong in ["ONE", "ONE TWO\n", "*\n", "A=1\n", "\n", many.as_str(), long.as_str()] {
            assert_eq!(Passed::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(Passed::parse(b"\xff\n"), None);
    }

    #[test]
    fn an_entry_is_a_name_or_the_beginning_of_one() {
        for entry in ["A", "A_B", "A_*", "_A", "a1"] {
            assert!(is_entry(entry), "{entry}");
        }
        for entry in ["", "*", "_*", "__*", "A*", "1A", "A-B", "A B", "*A", "A_*_B", "\u{c4}"] {
            assert!(!is_entry(entry), "{entry}");
        }
    }
}
