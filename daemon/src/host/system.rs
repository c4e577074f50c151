//! The daemon's own files, variables and process state. Nothing here may influence a credential.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use super::files;
use claviger::{
    place::Place,
    reason::{Problem, Reason},
};
use nix::{fcntl::OFlag, unistd};
#[cfg(target_os = "macos")]
use std::os::unix::net::UnixListener;
use std::{
    env,
    ffi::CStr,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Largest configuration file that is read.
const MAX_TEXT: u64 = 2 * 1024 * 1024;
/// Size at which a log starts again; one older part is kept.
const MAX_LOG: u64 = 4 * 1024 * 1024;

/// A variable of the daemon's own environment that holds an absolute path.
pub fn variable_path(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Refuses directories set by a repository: a daemon started from there would be under its control.
///
/// # Errors
/// `settings-invalid` if the home is in a repository, or a directory of one of `variables` is, outside the usual place.
pub fn refuse_repositories<'a>(home: &Path, variables: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    let home = files::canonical_as_far_as_possible(home);
    // The user's own home is trusted wherever it is; another directory named as home may be anything.
    let is_own = || {
        let user = unistd::User::from_uid(unistd::Uid::effective()).ok().flatten();
        user.is_none_or(|user| files::canonical_as_far_as_possible(&user.dir) == home)
    };
    let refused = |name: &str, repository: &Path| {
        let message = format!("{name} leads into the repository {}", repository.display());
        let problem = Problem::new(Reason::SettingsInvalid, message);
        Err(problem.hint(
            "files of a repository must not configure the daemon: set it to a directory outside, or unset it",
        ))
    };
    if let Some(repository) = files::repositories(&home, None).first().filter(|_| !is_own()) {
        return refused("HOME", repository);
    }
    for name in variables {
        let Some(path) = variable_path(name).map(|path| files::canonical_as_far_as_possible(&path)) else {
            continue;
        };
        let usual =
            [".config", ".local/state"].map(|below| files::canonical_as_far_as_possible(&home.join(below)));
        let repositories = files::repositories(&path, Some(&home));
        if let Some(repository) = repositories.first().filter(|_| !usual.contains(&path)) {
            return refused(name, repository);
        }
    }
    Ok(())
}

/// Whether a service manager expects notifications.
pub fn has_service_manager() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some_and(|address| !address.is_empty())
}

/// The file of a credential from the service manager.
pub fn credential(name: &str) -> Option<PathBuf> {
    let path = variable_path("CREDENTIALS_DIRECTORY")?.join(name);
    path.is_file().then_some(path)
}

/// A variable of the daemon's own environment.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The places in our own environment, as the client library reads them.
pub fn place() -> Place {
    Place::of(unistd::Uid::effective().as_raw(), |name| env::var_os(name))
}

/// Whether a service manager, or the last program in this process, hands over a socket.
pub fn is_handed_a_socket() -> bool {
    env::var_os("LISTEN_FDS").is_some()
}

/// Name of our socket in `launchd/dev.claviger.clavigerd.plist`.
pub const LAUNCHD_SOCKET: &CStr = c"Listener";
/// Directory of the managed settings.
pub const MANAGED: &str =
    if cfg!(target_os = "macos") { "/Library/Application Support/ClaudeCode" } else { "/etc/claude-code" };

/// The administrator's configuration of claviger.
pub const SYSTEM_CONFIG: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/Claviger/config.toml"
} else {
    "/etc/claviger/config.toml"
};

/// The socket from launchd, if it started the daemon.
///
/// # Errors
/// If launchd has one, and does not hand it over.
#[cfg(target_os = "macos")]
pub fn launchd_socket() -> io::Result<Option<UnixListener>> {
    let sockets = claviger_system::activate_socket(LAUNCHD_SOCKET)?;
    Ok(sockets.into_iter().next().map(UnixListener::from))
}

/// The path without symlinks, if it exists.
pub fn canonical(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// The text of a configuration file; `None` if it does not exist.
///
/// # Errors
/// If it cannot be read, is not UTF-8, or too large; the error names the file.
pub fn read_text(path: &Path) -> io::Result<Option<String>> {
    match read_some(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

fn read_some(path: &Path) -> io::Result<String> {
    // Opened without blocking: the path may be a FIFO without a writer.
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::other("it is a FIFO"));
    }
    let mut text = String::new();
    match file.take(MAX_TEXT + 1).read_to_string(&mut text)? {
        size if size as u64 > MAX_TEXT => Err(io::Error::other("it is too large")),
        _ => Ok(text),
    }
}

/// A log for appending, started again if it has grown large. Never follows a symlink.
///
/// # Errors
/// If it cannot be opened; the error names the file.
pub fn open_log(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.len() > MAX_LOG) {
        let mut older = path.as_os_str().to_owned();
        older.push(".1");
        fs::rename(path, older)?;
    }
    let file = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path);
    file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Closes all files of the starting process, except sockets handed over by systemd. If the daemon and its commands kept
/// them open, a pipe of a shell would never end. Call this before anything is opened.
pub fn close_inherited() {
    if env::var_os("LISTEN_FDS").is_some() {
        return; // systemd hands over nothing else
    }
    let Ok(entries) = fs::read_dir("/dev/fd") else { return };
    let open: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // One of them is the directory just read, which is closed by now.
        let _ = unistd::close(fd);
    }
}

/// Leaves the terminal's session, prints `ready` on stdout, and closes stdin, stdout and stderr.
///
/// # Errors
/// If the kernel refuses.
pub fn detach(ready: &str) -> io::Result<()> {
    // Fails if this process leads a process group already, which is equivalent.
    let _ = unistd::setsid();
    env::set_current_dir("/")?;
    let mut stdout = io::stdout();
    // The starting process may be gone; sessions find the daemon in any case.
    drop(stdout.write_all(ready.as_bytes()).and_then(|()| stdout.flush()));
    let null = File::options().read(true).write(true).open("/dev/null")?;
    unistd::dup2_stdin(&null)?;
    unistd::dup2_stdout(&null)?;
    unistd::dup2_stderr(&null)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MAX_TEXT, read_text};
    use std::{fs, path::Path};

    #[test]
    fn what_never_ends_is_no_configuration() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("config.toml");
        assert_eq!(read_text(&path).expect("nothing"), None);
        assert_eq!(read_text(Path::new("/dev/null")).expect("empty").as_deref(), Some(""));
        assert!(read_text(Path::new("/dev/zero")).is_err());
        fs::write(&path, "x".repeat(usize::try_from(MAX_TEXT).expect("fits") + 1)).expect("written");
        assert!(read_text(&path).is_err());
        fs::remove_file(&path).expect("removed");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
        assert!(read_text(&path).is_err());
    }
}
