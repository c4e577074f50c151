//! Files of a workspace that its commands name. They are part of a decision, since their change changes what runs.
//!
//! They are found by the words of the command line only. Files that they call in turn, and files that an interpreter
//! loads by itself, are not included.

use crate::words::words;
use claviger::reason::Location;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Most words of one workspace that are checked: each is a file to look up at every call.
pub(super) const MAX_WORDS: usize = 64;

/// A file below the root that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Path from the root.
    pub name: String,
    /// Its digest, or why it has none.
    pub state: String,
    /// The place of the command.
    pub at: Location,
}

/// Paths that words of `command`, run in `root`, can mean; `home` is that of the user.
pub(super) fn candidates(command: &str, root: &Path, home: Option<&Path>) -> BTreeSet<PathBuf> {
    let mut text = command.to_owned();
    for variable in ["${CLAUDE_PROJECT_DIR}", "$CLAUDE_PROJECT_DIR", "${PWD}", "$PWD"] {
        text = text.replace(variable, ".");
    }
    let path = |word: String| match (word.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => root.join(word),
    };
    words(&text).filter(|word| !word.is_empty() && !word.contains('\0')).map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::candidates;
    use std::path::Path;

    #[test]
    fn a_file_is_found_however_it_is_named() {
        for (command, path) in [
            ("./key.sh", "/w/./key.sh"),
            ("sh key.sh --all", "/w/key.sh"),
            ("A=1 exec ./key.sh", "/w/./key.sh"),
            ("'my key.sh'", "/w/my key.sh"),
            ("my\\ key.sh", "/w/my key.sh"),
            ("sh -c './key.sh; true'", "/w/./key.sh"),
            ("true;./key.sh|cat", "/w/./key.sh"),
            ("cat<in.txt", "/w/in.txt"),
            ("x --file=conf/a.json", "/w/conf/a.json"),
            ("$(./key.sh)", "/w/./key.sh"),
            ("\"$PWD/key.sh\"", "/w/./key.sh"),
            ("${CLAUDE_PROJECT_DIR}/key.sh", "/w/./key.sh"),
            ("/w/key.sh", "/w/key.sh"),
            ("~/w/key.sh", "/home/u/w/key.sh"),
            ("echo 'unbalanced ./key.sh", "/w/./key.sh"),
        ] {
            let found = candidates(command, Path::new("/w"), Some(Path::new("/home/u")));
            assert!(found.contains(Path::new(path)), "{command}: {found:?}");
        }
    }
}
