//! Finds the daemon of this user from environment and directories. Changes nothing.
//!
//! Every session of a user must find the same daemon, also one started by cron, `su` or an ssh server without
//! `XDG_RUNTIME_DIR`.

use crate::{
    mounts::is_remote,
    socket::{SOCKET_NAME, in_runtime, mac_runtime_dir},
};
use std::{
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Where systemd-logind creates the runtime directories of users, by uid.
const RUNTIME_DIRECTORIES: &str = "/run/user";
/// A random number that changes with each boot (`random(4)`).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Characters of it that distinguish the machines that share a home.
const BOOT_ID_PART: usize = 8;

/// The variables that a daemon needs from the process that starts it: they locate its directories and the keyring. No
/// other variable of that process may influence a credential.
pub const DAEMON_VARIABLES: [&str; 7] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "HOME",
    "PATH",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
];

/// The places that an environment names.
#[derive(Clone, Debug)]
pub struct Place {
    uid: u32,
    /// `XDG_RUNTIME_DIR`.
    runtime: Option<PathBuf>,
    home: Option<PathBuf>,
    state: Option<PathBuf>,
}

// === impl Place ===

impl Place {
    /// Of user `uid` with these variables. Paths that are not absolute count as not set.
    pub fn of(uid: u32, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = path("HOME");
        let below_home = || home.as_ref().map(|home| home.join(".local/state"));
        let state = path("XDG_STATE_HOME").or_else(below_home).map(|path| path.join("claviger"));
        Self { uid, runtime: path("XDG_RUNTIME_DIR"), home, state }
    }

    /// The state directory; `None` without a home.
    pub fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The socket: in the runtime directory if there is one, else in the machine's seat in the state directory. `None`
    /// if there is neither.
    pub fn socket(&self) -> Option<PathBuf> {
        let runtime = self.runtimes().into_iter().find(|directory| self.is_usable(directory));
        runtime.map(|directory| in_runtime(&directory)).or_else(|| self.seated())
    }

    /// Whether `socket` is the default socket of this user's own daemon, not one that a person named.
    pub fn is_own(&self, socket: &Path) -> bool {
        self.runtimes().iter().any(|directory| in_runtime(directory) == socket)
            || self.seated().is_some_and(|own| own == socket)
    }

    /// The runtime directory that the environment names, if it does not exist: logind removes it at logout.
    pub fn lost(&self) -> Option<&Path> {
        self.runtime.as_deref().filter(|directory| !directory.is_dir())
    }

    /// Whether `socket` lies in the directory that `XDG_RUNTIME_DIR` names.
    pub fn is_named_by_variable(&self, socket: &Path) -> bool {
        self.runtime.as_ref().is_some_and(|directory| socket.starts_with(directory))
    }

    fn seated(&self) -> Option<PathBuf> {
        self.state().map(|state| seat(state).join(SOCKET_NAME))
    }

    /// Best first.
    fn runtimes(&self) -> Vec<PathBuf> {
        let own = match cfg!(target_os = "macos") {
            true => self.home().and_then(mac_runtime_dir),
            false => Some(Path::new(RUNTIME_DIRECTORIES).join(self.uid.to_string())),
        };
        self.runtime.clone().into_iter().chain(own).collect()
    }

    /// The owner of the named directory is not checked here: a directory of another user is a mistake to report, not to
    /// skip.
    fn is_usable(&self, directory: &Path) -> bool {
        let is_named = self.runtime.as_deref() == Some(directory);
        match fs::metadata(directory) {
            Ok(found) => found.is_dir() && (is_named || found.uid() == self.uid),
            // On macOS the daemon creates it.
            Err(_) => cfg!(target_os = "macos") && !is_named,
        }
    }
}

/// The directory inside a state directory that belongs to this machine alone. It holds the daemon's lock, and its
/// socket if there is no runtime directory. In a home on the network it is named after the boot id, so that each
/// machine has its own.
pub fn seat(state: &Path) -> PathBuf {
    let boot = || Some(fs::read_to_string(BOOT_ID).ok()?.get(..BOOT_ID_PART)?.to_owned());
    match is_remote(state).then(boot).flatten() {
        Some(boot) => state.join(format!("run-{boot}")),
        None => state.join("run"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, seat};
    use crate::socket::{SOCKET_NAME, in_runtime};
    use std::path::Path;

    /// A user without a directory in /run/user.
    const UID: u32 = 4_000_000_000;

    fn place(variables: &[(&str, &Path)]) -> Place {
        Place::of(UID, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn the_socket_is_in_the_runtime_directory_or_with_the_state() {
        let there = tempfile::tempdir().expect("a directory");
        let (home, gone) = (Path::new("/home/a"), there.path().join("gone"));
        let seated = seat(Path::new("/home/a/.local/state/claviger")).join(SOCKET_NAME);
        for (runtime, socket) in [
            (there.path(), in_runtime(there.path())),
            (&gone, seated.clone()),
            (Path::new("run"), seated.clone()),
        ] {
            let place = place(&[("XDG_RUNTIME_DIR", runtime), ("HOME", home)]);
            assert_eq!(place.socket(), Some(socket.clone()), "{runtime:?}");
            assert!(place.is_own(&socket) && place.is_own(&seated) && !place.is_own(Path::new("/tmp/s")));
            assert_eq!(place.lost(), Some(&*gone).filter(|gone| *gone == runtime));
        }
        assert_eq!(place(&[]).socket(), None);
        let other = place(&[("HOME", home), ("XDG_STATE_HOME", Path::new("/s"))]);
        assert_eq!(other.state(), Some(Path::new("/s/claviger")));
    }
}
