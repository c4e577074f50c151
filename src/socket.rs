//! Where the socket is. Pure: the caller brings the facts.

use std::path::{Path, PathBuf};

/// Name of the socket inside its directory.
pub const SOCKET_NAME: &str = "claviger.sock";
/// Held for life by the daemon that owns the socket.
pub const LOCK_NAME: &str = "claviger.lock";
/// Held by the client that is starting a daemon, so that a hundred clients start one.
pub const START_LOCK_NAME: &str = "start.lock";
/// Variable that names another socket, e.g. one forwarded with `ssh -R`.
pub const SOCKET_VARIABLE: &str = "CLAVIGER_SOCK";

/// Longest path of a socket on macOS, in bytes, with the NUL at its end (`sun_path` of `<sys/un.h>`).
const MAC_SUN_PATH: usize = 104;

/// The socket of user `uid`: in `$XDG_RUNTIME_DIR/claviger` if that is an absolute path, else in
/// `/tmp/claviger-UID`. Whoever uses the directory checks its owner and mode first.
pub fn default_path(runtime_dir: Option<&Path>, uid: u32) -> PathBuf {
    match runtime_dir {
        Some(dir) if dir.is_absolute() => dir.join("claviger").join(SOCKET_NAME),
        _ => PathBuf::from(format!("/tmp/claviger-{uid}")).join(SOCKET_NAME),
    }
}

/// The runtime directory: `$XDG_RUNTIME_DIR` if that is an absolute path; else none, except on macOS ([`mac_runtime_dir`]), which sets no
/// such variable.
pub fn runtime_dir(xdg_runtime_dir: Option<PathBuf>, home: Option<&Path>) -> Option<PathBuf> {
    let below_home = || home.filter(|_| cfg!(target_os = "macos")).and_then(mac_runtime_dir);
    xdg_runtime_dir.filter(|path| path.is_absolute()).or_else(below_home)
}

/// The runtime directory of a user of macOS. Below the home directory, because launchd expands no variable and makes no
/// directory, so the path must stay the same over restarts; `/tmp` and `$TMPDIR` are swept there. `None` if the path of
/// the socket would be longer than the kernel takes.
pub fn mac_runtime_dir(home: &Path) -> Option<PathBuf> {
    let directory = Some(home).filter(|home| home.is_absolute())?.join(".local/run");
    let socket = default_path(Some(&directory), 0);
    (socket.as_os_str().len() < MAC_SUN_PATH).then_some(directory)
}

#[cfg(test)]
mod tests {
    use super::{default_path, mac_runtime_dir, runtime_dir};
    use std::path::Path;

    #[test]
    fn what_the_variable_says_counts_everywhere() {
        let said = runtime_dir(Some("/run/user/7".into()), Some(Path::new("/home/a")));
        assert_eq!(said.as_deref(), Some(Path::new("/run/user/7")));
        let silent = runtime_dir(None, Some(Path::new("/home/a")));
        assert_eq!(silent.is_some(), cfg!(target_os = "macos"));
        assert_eq!(runtime_dir(Some("run".into()), None), None);
    }

    #[test]
    fn on_macos_a_home_too_deep_for_a_socket_is_not_used() {
        assert_eq!(mac_runtime_dir(Path::new("/Users/a")).as_deref(), Some(Path::new("/Users/a/.local/run")));
        assert_eq!(mac_runtime_dir(Path::new("a")), None);
        let fits = format!("/{}", "a".repeat(68));
        assert!(mac_runtime_dir(Path::new(&fits)).is_some());
        assert_eq!(mac_runtime_dir(Path::new(&format!("{fits}a"))), None);
    }

    #[test]
    fn runtime_directory_is_preferred_but_only_if_absolute() {
        assert_eq!(
            default_path(Some(Path::new("/run/user/7")), 7),
            Path::new("/run/user/7/claviger/claviger.sock")
        );
        assert_eq!(default_path(Some(Path::new("run")), 7), Path::new("/tmp/claviger-7/claviger.sock"));
        assert_eq!(default_path(None, 7), Path::new("/tmp/claviger-7/claviger.sock"));
    }
}
