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

/// The socket of user `uid`: in `$XDG_RUNTIME_DIR/claviger` if that is an absolute path, else in
/// `/tmp/claviger-UID`. Whoever uses the directory checks its owner and mode first.
pub fn default_path(runtime_dir: Option<&Path>, uid: u32) -> PathBuf {
    match runtime_dir {
        Some(dir) if dir.is_absolute() => dir.join("claviger").join(SOCKET_NAME),
        _ => PathBuf::from(format!("/tmp/claviger-{uid}")).join(SOCKET_NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::default_path;
    use std::path::Path;

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
