//! Finds the workspace of a working directory by the existence of `.git` only.

use crate::host::files::{self, Identity};
use claviger::reason::{Problem, Reason};
use std::path::{Path, PathBuf};

/// A workspace: the subject of trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Canonical path of its root.
    pub root: PathBuf,
    /// Device of the root.
    pub device: u64,
    /// Inode of the root.
    pub inode: u64,
}

/// Owner of a rule: the root of a workspace, by device and inode.
pub type Whose = (u64, u64);

/// A workspace, and the facts it depends on.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) workspace: Workspace,
    /// Canonical working directory.
    pub(super) cwd: PathBuf,
    pub(super) cwd_identity: Identity,
    pub(super) root_identity: Identity,
    /// Every `.git` that was looked up, with its owner.
    pub(super) probes: Vec<Probe>,
}

/// A `.git` that was looked up, with the owner if it exists.
pub(super) type Probe = (PathBuf, Option<u32>);

/// Whether `path`, which is canonical, is in a repository below `home` or outside it, nested or not; with the lookups.
pub(super) fn mark_above(path: &Path, home: &Path) -> (bool, Vec<Probe>) {
    let mut probes: Vec<Probe> = Vec::new();
    for directory in path.ancestors().take_while(|directory| *directory != home) {
        let mark = directory.join(".git");
        let owner = files::identity_of_entry(&mark).map(|found| found.owner);
        probes.push((mark, owner));
        if owner.is_some() {
            return (true, probes);
        }
    }
    (false, probes)
}

/// Finds the workspace of `cwd`. The search stays below `home`, which is canonical: a `.git` of a user's dotfiles must
/// not make one workspace of all their files.
///
/// # Errors
/// `malformed-request` if there is no such directory.
pub(super) fn find(cwd: &Path, home: Option<&Path>) -> Result<Found, Problem> {
    let cwd = files::canonical(cwd).map_err(|error| unreachable_directory(&error))?;
    let cwd_identity = files::identity(&cwd).ok_or_else(vanished)?;
    if !cwd_identity.directory {
        return Err(malformed("working directory is not a directory"));
    }
    let mut probes = Vec::new();
    let root = marked_ancestor(&cwd, home, &mut probes).unwrap_or(&cwd).to_owned();
    let root_identity = files::identity(&root).ok_or_else(vanished)?;
    let workspace = Workspace { root, device: root_identity.device, inode: root_identity.inode };
    Ok(Found { workspace, cwd, cwd_identity, root_identity, probes })
}

// A `.git` that another user put above the directory (for example in /tmp) is ignored, and so are those above it.
fn marked_ancestor<'a>(cwd: &'a Path, home: Option<&Path>, probes: &mut Vec<Probe>) -> Option<&'a Path> {
    for directory in cwd.ancestors().take_while(|directory| Some(*directory) != home) {
        let mark = directory.join(".git");
        let found = files::identity_of_entry(&mark);
        probes.push((mark, found.map(|found| found.owner)));
        if let Some(found) = found {
            let ours =
                found.is_ours() && files::identity(directory).is_some_and(|directory| directory.is_ours());
            return ours.then_some(directory);
        }
    }
    None
}

fn unreachable_directory(error: &std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => vanished(),
        _ => malformed("working directory cannot be reached"),
    }
}

fn vanished() -> Problem {
    malformed("working directory does not exist")
}

fn malformed(message: &str) -> Problem {
    Problem::new(Reason::MalformedRequest, message).hint("change into an existing directory and try again")
}

#[cfg(test)]
mod tests {
    use super::{Found, find};
    use claviger::reason::Reason;
    use std::{fs, path::Path};
    use tempfile::TempDir;

    fn tree(directories: &[&str]) -> TempDir {
        let temp = TempDir::new().expect("a directory");
        for directory in directories {
            fs::create_dir_all(temp.path().join(directory)).expect("created");
        }
        temp
    }

    fn root(temp: &TempDir, cwd: &str, home: &str) -> String {
        let base = fs::canonicalize(temp.path()).expect("canonical");
        let Found { workspace, .. } = find(&base.join(cwd), Some(&base.join(home))).expect("found");
        workspace.root.strip_prefix(&base).expect("inside").to_string_lossy().into_owned()
    }

    #[test]
    fn the_nearest_git_below_home_is_the_root() {
        let temp = tree(&[
            "h/p/.git",
            "h/p/a/b",
            "h/p/sub/.git",
            "h/p/sub/c",
            "h/plain/x",
            "h/.git",
            "out/.git",
            "out/d",
        ]);
        for (cwd, home, expected) in [
            ("h/p/a/b", "h", "h/p"),
            ("h/p", "h", "h/p"),
            ("h/p/sub/c", "h", "h/p/sub"),
            ("h/plain/x", "h", "h/plain/x"),
            ("h", "h", "h"),
            ("out/d", "h", "out"),
            ("h/p/a/b", "h/p/a", "h/p/a/b"),
        ] {
            assert_eq!(root(&temp, cwd, home), expected, "{cwd} with home {home}");
        }
    }

    #[test]
    fn a_git_file_or_dangling_symlink_marks_a_root_and_is_never_read() {
        let temp = tree(&["h/w/x", "h/l/x"]);
        fs::write(temp.path().join("h/w/.git"), "gitdir: /elsewhere").expect("written");
        std::os::unix::fs::symlink("/no/such/place", temp.path().join("h/l/.git")).expect("linked");
        assert_eq!(root(&temp, "h/w/x", "h"), "h/w");
        assert_eq!(root(&temp, "h/l/x", "h"), "h/l");
    }

    #[test]
    fn a_git_of_another_user_marks_nothing() {
        if !nix::unistd::Uid::effective().is_root() {
            eprintln!("SKIPPED: only root can give files away");
            return;
        }
        let temp = tree(&["h/p/.git", "h/p/a"]);
        std::os::unix::fs::chown(temp.path().join("h/p/.git"), Some(65534), None).expect("given away");
        assert_eq!(root(&temp, "h/p/a", "h"), "h/p/a");
    }

    #[test]
    fn a_working_directory_must_exist_and_be_one() {
        let temp = tree(&["d"]);
        fs::write(temp.path().join("f"), "").expect("written");
        for (cwd, message) in [
            ("gone", "working directory does not exist"),
            ("f", "working directory is not a directory"),
            ("f/x", "working directory does not exist"),
        ] {
            let problem = find(&temp.path().join(cwd), None::<&Path>).expect_err("refused");
            assert_eq!((problem.reason, problem.message.as_str()), (Reason::MalformedRequest, message));
        }
    }
}
