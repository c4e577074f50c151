//! Reads and replaces files of other programs: whole or not at all, with mode and owner, and through symlinks.

use crate::failure::Failure;
use claviger::reason::{Location, Problem, Reason};
use nix::unistd::{Gid, Uid};
use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Mode of a file that did not exist.
const MODE: u32 = 0o600;
/// Mode of a directory that did not exist.
const DIRECTORY_MODE: u32 = 0o700;
/// Largest file that is edited: the most that settings may have.
const MAX: u64 = 2 * 1024 * 1024;
/// Most links from one to the next, as the kernel has it.
const MAX_LINKS: usize = 40;

/// A file that may be changed.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As it was named.
    pub(crate) path: PathBuf,
    /// Where its links lead to.
    real: PathBuf,
    /// Its content; `None` if it does not exist.
    pub(crate) text: Option<String>,
    metadata: Option<Metadata>,
}

impl Target {
    /// Looks at `path`.
    ///
    /// # Errors
    /// If it is not a regular file of this user in UTF-8, or cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let real = follow(path).map_err(|error| failed(path, &format!("cannot be read: {error}"), ""))?;
        let metadata = match fs::metadata(&real) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(path, &format!("cannot be read: {error}"), "")),
        };
        if metadata.as_ref().is_some_and(|found| !found.is_file() || found.len() > MAX) {
            return Err(failed(path, "is not a regular file, or too large to be settings", ""));
        }
        let text = match metadata {
            Some(_) => Some(fs::read_to_string(&real).map_err(|error| {
                failed(path, &format!("cannot be read: {error}"), "nothing has been changed")
            })?),
            None => None,
        };
        Ok(Self { path: path.to_owned(), real, text, metadata })
    }

    /// Why it should not be changed without `--force`, if so.
    ///
    /// # Errors
    /// `settings-invalid` if it is read-only, has hard links, or belongs to another user.
    pub(crate) fn check(&self, force: bool) -> Result<(), Failure> {
        let Some(metadata) = self.metadata.as_ref().filter(|_| !force) else { return Ok(()) };
        let why = match () {
            () if metadata.mode() & 0o200 == 0 => "is read-only: it is meant to stay unchanged",
            () if metadata.nlink() > 1 => "has several names (hard links), and would lose the others",
            () if metadata.uid() != Uid::effective().as_raw() => "belongs to another user",
            () => return Ok(()),
        };
        Err(failed(&self.path, why, "change the file that it is made from, or add --force"))
    }

    /// Replaces it by `text`, or removes it, with the directories above it.
    ///
    /// # Errors
    /// If it has changed since it was read, or the system refuses; it is as it was then.
    pub(crate) fn write(&self, text: Option<&str>) -> Result<(), Failure> {
        if Self::read(&self.path)?.text != self.text {
            let hint = "another program writes it: try again";
            return Err(failed(&self.path, "has changed in this very moment", hint));
        }
        let done = match text {
            Some(text) => self.replace(text),
            None => fs::remove_file(&self.real),
        };
        done.map_err(|error| {
            failed(&self.path, &format!("cannot be written: {error}"), "nothing in it has changed")
        })
    }

    /// Directories above it that do not exist, the deepest first.
    pub(crate) fn missing(&self) -> Vec<PathBuf> {
        missing(self.real.parent().unwrap_or(Path::new("/")))
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let directory = self.real.parent().unwrap_or(Path::new("/"));
        let made = make(directory)?;
        let name = self.real.file_name().unwrap_or_default().to_string_lossy();
        let fresh = directory.join(format!(".{name}.claviger-{}", std::process::id()));
        let written = self.fill(&fresh, text).and_then(|()| fs::rename(&fresh, &self.real));
        if let Err(error) = written {
            drop(fs::remove_file(&fresh));
            made.iter().for_each(|directory| drop(fs::remove_dir(directory)));
            return Err(error);
        }
        File::open(directory)?.sync_all()
    }

    fn fill(&self, fresh: &Path, text: &str) -> io::Result<()> {
        drop(fs::remove_file(fresh)); // of a process with this number, long ago
        let mut file = File::options().write(true).create_new(true).mode(MODE).open(fresh)?;
        if let Some(old) = &self.metadata {
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
                let owner = (Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid())));
                nix::unistd::fchown(&file, owner.0, owner.1)?;
            }
            file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

/// Makes a directory with those above it, and returns the new ones, the deepest first.
pub(crate) fn make(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let missing = missing(directory);
    for path in missing.iter().rev() {
        match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {} // another process may have made it meanwhile
        }
    }
    Ok(missing)
}

fn missing(directory: &Path) -> Vec<PathBuf> {
    directory.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect()
}

/// Where the links of `path` lead to, be there a file or not.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("/")).join(next),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("its symlinks lead in a circle"))
}

/// A file that cannot be used.
pub(crate) fn failed(path: &Path, what: &str, hint: &str) -> Failure {
    let at = Location { layer: "user".into(), file: path.display().to_string(), line: 0, column: 0 };
    let problem = Problem::new(Reason::SettingsInvalid, format!("the file {what}")).at(&at);
    Failure::from(if hint.is_empty() { problem } else { problem.hint(hint) })
}
