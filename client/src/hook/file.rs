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
/// Largest file that is edited: the limit for settings.
const MAX: u64 = 2 * 1024 * 1024;
/// Longest chain of symlinks, as in the kernel.
const MAX_LINKS: usize = 40;

/// A file that may be changed.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its path as given.
    pub(crate) path: PathBuf,
    /// Its path after symlinks.
    real: PathBuf,
    /// Its content; `None` if it does not exist.
    pub(crate) text: Option<String>,
    metadata: Option<Metadata>,
}

impl Target {
    /// Reads `path`.
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

    /// Why it needs `--force`, if so.
    ///
    /// # Errors
    /// `settings-invalid` if it is read-only, has hard links, or belongs to another user.
    pub(crate) fn check(&self, force: bool) -> Result<(), Failure> {
        let Some(metadata) = self.metadata.as_ref().filter(|_| !force) else { return Ok(()) };
        let why = match () {
            () if metadata.mode() & 0o200 == 0 => "is read-only, which protects it from changes",
            () if metadata.nlink() > 1 => "has hard links, which replacing it would break",
            () if metadata.uid() != Uid::effective().as_raw() => "belongs to another user",
            () => return Ok(()),
        };
        Err(failed(&self.path, why, "change its original, or add --force"))
    }

    /// Replaces it by `text`, or removes it, and creates missing directories.
    ///
    /// # Errors
    /// If it has changed since it was read, or the system refuses; it then keeps its content.
    pub(crate) fn write(&self, text: Option<&str>) -> Result<(), Failure> {
        if Self::read(&self.path)?.text != self.text {
            let hint = "another program is writing it: try again";
            return Err(failed(&self.path, "has changed just now", hint));
        }
        let done = match text {
            Some(text) => self.replace(text),
            None => fs::remove_file(&self.real),
        };
        done.map_err(|error| {
            failed(&self.path, &format!("cannot be written: {error}"), "nothing in it has changed")
        })
    }

    /// Missing directories above it, the deepest first.
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

/// Creates a directory with its parents, and returns the new ones, the deepest first.
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

/// The target of `path`'s symlinks, whether the file exists or not.
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
    Err(io::Error::other("its symlinks form a circle"))
}

/// An unusable file.
pub(crate) fn failed(path: &Path, what: &str, hint: &str) -> Failure {
    let at = Location { layer: "user".into(), file: path.display().to_string(), line: 0, column: 0 };
    let problem = Problem::new(Reason::SettingsInvalid, format!("the file {what}")).at(&at);
    Failure::from(if hint.is_empty() { problem } else { problem.hint(hint) })
}
