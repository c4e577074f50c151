//! The directories that determine the target of a path.

use crate::host::files;
use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

/// Most symlinks in a path, as in the kernel.
const MAX_LINKS: usize = 40;

/// The directories to watch for a set of paths, and the entries in them that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// Directories that exist, without symlinks in their paths.
    pub(super) directories: BTreeSet<PathBuf>,
    /// Relevant entries; other entries of those directories are ignored.
    pub(super) entries: BTreeSet<PathBuf>,
    /// Final targets: if one is a directory, its listing matters.
    pub(super) ends: BTreeSet<PathBuf>,
}

// === impl Chain ===

impl Chain {
    /// The chain of all `paths`.
    pub(super) fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut chain = Self::default();
        for path in paths {
            chain.walk(path);
        }
        chain
    }

    // The parent of every symlink on the way and of the target, or the last directory that exists.
    fn walk(&mut self, path: &Path) {
        let mut here = PathBuf::from("/");
        let mut ahead = names(path);
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                here.pop();
                continue;
            }
            let entry = here.join(&name);
            self.entries.insert(entry.clone());
            if let Some(target) = files::link_target(&entry) {
                self.directories.insert(here.clone());
                links += 1;
                if links > MAX_LINKS {
                    return;
                }
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                names(&target).into_iter().rev().for_each(|name| ahead.push_front(name));
            } else if ahead.is_empty()
                || files::identity_of_entry(&entry).is_none_or(|found| !found.directory)
            {
                self.directories.insert(here);
                self.end(entry);
                return;
            } else {
                here = entry;
            }
        }
    }

    fn end(&mut self, entry: PathBuf) {
        if files::identity_of_entry(&entry).is_some_and(|found| found.directory) {
            self.directories.insert(entry.clone());
        }
        self.ends.insert(entry);
    }

    /// Whether an event about `path` can matter.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        self.entries.contains(path)
            || self.directories.contains(path)
            || path.parent().is_some_and(|parent| self.ends.contains(parent))
    }
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::Chain;
    use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::PathBuf};

    #[test]
    fn every_hop_of_a_symlink_chain_is_watched() {
        let temp = tempfile::TempDir::new().expect("a directory");
        let base = fs::canonicalize(temp.path()).expect("canonical");
        fs::create_dir_all(base.join("dots/deep")).expect("created");
        fs::create_dir_all(base.join("home")).expect("created");
        fs::write(base.join("dots/deep/real.json"), "{}").expect("written");
        symlink("deep/real.json", base.join("dots/s.json")).expect("linked");
        symlink("../dots", base.join("home/.claude")).expect("linked");
        let watched = |path: &str| -> BTreeSet<PathBuf> { Chain::of([&base.join(path)]).directories };
        let expected = |paths: &[&str]| paths.iter().map(|path| base.join(path)).collect::<BTreeSet<_>>();
        assert_eq!(watched("home/.claude/s.json"), expected(&["home", "dots", "dots/deep"]));
        assert_eq!(watched("home/no/such/file"), expected(&["home"]));
        assert_eq!(watched("dots/deep"), expected(&["dots", "dots/deep"]));
        symlink("loop", base.join("loop")).expect("linked");
        assert_eq!(watched("loop"), BTreeSet::from([base.clone()]));
        let chain = Chain::of([&base.join("home/.claude/s.json")]);
        assert!(chain.concerns(&base.join("dots/deep/real.json")));
        assert!(!chain.concerns(&base.join("dots/deep/other")));
    }
}
