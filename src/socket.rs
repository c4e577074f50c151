//! Names and paths of the socket and of the files beside it. Pure: the caller passes the facts.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// Name of the socket inside its directory.
pub const SOCKET_NAME: &str = "claviger.sock";
/// Locked by the daemon of a state directory for its lifetime, in the [seat](crate::place::seat). It contains a
/// [`Served`].
pub const LOCK_NAME: &str = "claviger.lock";
/// Locked by the client that is starting a daemon, so that a hundred clients start only one.
pub const START_LOCK_NAME: &str = "start.lock";
/// Variable that names another socket, e.g. one forwarded with `ssh -R`.
pub const SOCKET_VARIABLE: &str = "CLAVIGER_SOCK";
/// Longest path of a socket in bytes, without the NUL at its end (`sun_path` of `<sys/un.h>`).
pub const MAX_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// Longest content of the lock file, in bytes.
pub const MAX_SERVED: usize = 4096 + 16;

/// The socket in the runtime directory `directory`.
pub fn in_runtime(directory: &Path) -> PathBuf {
    directory.join("claviger").join(SOCKET_NAME)
}

/// The runtime directory of a user of macOS. It is below the home directory: launchd expands no variable and creates no
/// directory, so the path must stay the same over restarts, and `/tmp` and `$TMPDIR` are cleaned regularly. `None` if
/// the path of the socket would be too long for macOS.
pub fn mac_runtime_dir(home: &Path) -> Option<PathBuf> {
    const MAC_MAX_PATH: usize = 103;
    let directory = Some(home).filter(|home| home.is_absolute())?.join(".local/run");
    (in_runtime(&directory).as_os_str().len() <= MAC_MAX_PATH).then_some(directory)
}

/// The content of the lock file of a state directory's daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its process id, as seen in its own namespace: another container has other ids.
    pub pid: u32,
    /// The path of its socket.
    pub socket: PathBuf,
}

// === impl Served ===

impl Served {
    /// The content of the file: a line with the process, and one with the path.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.pid.to_string().as_bytes(), b"\n", self.socket.as_os_str().as_bytes(), b"\n"].concat()
    }

    /// Parses the content; `None` if it is not one of ours.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let (pid, socket) =
            content.strip_suffix(b"\n")?.split_at_checked(content.iter().position(|b| *b == b'\n')?)?;
        let pid = std::str::from_utf8(pid).ok()?.parse().ok()?;
        let socket = PathBuf::from(OsStr::from_bytes(socket.strip_prefix(b"\n")?));
        let is_path = socket.is_absolute() && socket.as_os_str().len() <= MAX_PATH;
        is_path.then_some(Self { pid, socket })
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PATH, Served, mac_runtime_dir};
    use std::path::Path;

    #[test]
    fn on_macos_a_home_too_deep_for_a_socket_is_not_used() {
        assert_eq!(mac_runtime_dir(Path::new("/Users/a")).as_deref(), Some(Path::new("/Users/a/.local/run")));
        assert_eq!(mac_runtime_dir(Path::new("a")), None);
        let fits = format!("/{}", "a".repeat(68));
        assert!(mac_runtime_dir(Path::new(&fits)).is_some());
        assert_eq!(mac_runtime_dir(Path::new(&format!("{fits}a"))), None);
    }

    #[test]
    fn a_lock_file_names_process_and_socket_or_nothing() {
        let served = Served { pid: 7, socket: "/run/a b/s.sock".into() };
        assert_eq!(Served::parse(&served.to_bytes()), Some(served));
        let long = format!("7\n/{}\n", "a".repeat(MAX_PATH));
        for wrong in ["", "\n", "7", "7\n", "7\n/a", "7\na\n", "-1\n/a\n", "x\n/a\n", &long] {
            assert_eq!(Served::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
