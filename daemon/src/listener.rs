//! Owns the socket: takes none from another daemon, and leaves none behind.
//!
//! The order matters: probe, unlink, bind. The [seat](crate::seat) excludes other daemons of the same state, and the
//! probe finds daemons of another state. Only a socket that does not answer is removed, and at the end only our own.

#![expect(
    clippy::disallowed_methods,
    reason = "files and sockets of the daemon itself, before any session is served"
)]

use crate::host::process;
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

/// A socket that this process listens on.
#[derive(Debug)]
pub struct Listener {
    /// The listening socket, non-blocking.
    pub socket: UnixListener,
    owned: Option<Owned>,
}

/// A socket file that we created and have to remove.
#[derive(Debug)]
struct Owned(Left);

/// A socket file of a program that became another one by handover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

/// Why there is no socket to listen on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon has it.
    #[error("another daemon already serves {0}")]
    Taken(PathBuf),
    /// Directory or socket are unsafe.
    #[error("{path} is not safe to use: {why}")]
    Unsafe {
        /// Its path.
        path: PathBuf,
        /// The fault.
        why: String,
    },
    /// A system call failed.
    #[error("cannot {action} {path}: {cause}")]
    Failed {
        /// The attempted action.
        action: &'static str,
        /// Its path.
        path: PathBuf,
        /// The kernel's error.
        cause: io::Error,
    },
}

/// The socket from systemd, launchd or the last program in this process, if there is one, else a new one at `path`.
/// `left` is the socket file of the last program, if it created one.
///
/// Also returns the sockets of as many `shares` as the last program had; `None` for a missing one.
///
/// # Errors
/// See [`ListenError`].
pub fn listen(
    path: &Path,
    left: Option<Left>,
    shares: usize,
) -> Result<(Listener, Vec<Option<UnixListener>>), ListenError> {
    let failed = |action, cause| ListenError::Failed { action, path: path.to_owned(), cause };
    let mut inherited = listenfd::ListenFd::from_env();
    let socket = inherited
        .take_unix_listener(0)
        .map_err(|cause| failed("take over the inherited socket for", cause))?;
    #[cfg(target_os = "macos")]
    let socket = match socket {
        None => crate::host::system::launchd_socket()
            .map_err(|cause| failed("take over launchd's socket for", cause))?,
        given => given,
    };
    let listener = match socket {
        Some(socket) => Listener { socket, owned: left.map(Owned) },
        None => bind(path)?,
    };
    listener.socket.set_nonblocking(true).map_err(|cause| failed("prepare", cause))?;
    let shares = (1..=shares).map(|number| inherited.take_unix_listener(number).ok().flatten()).collect();
    Ok((listener, shares))
}

/// A socket at `path`, in a directory of ours, created if necessary.
///
/// # Errors
/// See [`ListenError`].
pub fn bind(path: &Path) -> Result<Listener, ListenError> {
    let failed = |cause| ListenError::Failed { action: "prepare", path: path.to_owned(), cause };
    private_directory(path.parent().unwrap_or(Path::new("/")))?;
    let (socket, file) = bind_file(path)?;
    socket.set_nonblocking(true).map_err(failed)?;
    Ok(Listener { socket, owned: Some(Owned(file)) })
}

/// Whether a process listens at `path`.
pub fn is_served(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

fn bind_file(path: &Path) -> Result<(UnixListener, Left), ListenError> {
    let failed = |action, cause| ListenError::Failed { action, path: path.to_owned(), cause };
    if is_served(path) {
        return Err(ListenError::Taken(path.to_owned()));
    }
    remove_dead(path)?;
    let socket = process::listen(path).map_err(|cause| failed("bind", cause))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|cause| failed("protect", cause))?;
    let found = fs::symlink_metadata(path).map_err(|cause| failed("look at", cause))?;
    Ok((socket, Left { path: path.to_owned(), identity: (found.dev(), found.ino()) }))
}

/// Creates a private directory, or checks that an existing one is private.
///
/// # Errors
/// [`ListenError::Unsafe`] if it belongs to another user, is a symlink, or other users can write to it.
pub fn private_directory(path: &Path) -> Result<(), ListenError> {
    let refuse = |why: String| ListenError::Unsafe { path: path.to_owned(), why };
    match fs::DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            return Err(ListenError::Failed { action: "create", path: path.to_owned(), cause });
        }
        _ => {}
    }
    let found = fs::symlink_metadata(path).map_err(|error| refuse(error.to_string()))?;
    if !found.is_dir() {
        return Err(refuse("it is not a directory".into()));
    }
    if found.uid() != Uid::effective().as_raw() {
        return Err(refuse(format!("it belongs to uid {}", found.uid())));
    }
    if found.mode() & 0o022 != 0 {
        return Err(refuse("other users can write to it; chmod 700".into()));
    }
    Ok(())
}

/// Removes a socket of ours without a listener. Anything else at the path is an error.
fn remove_dead(path: &Path) -> Result<(), ListenError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    let refuse = |why: &str| ListenError::Unsafe { path: path.to_owned(), why: why.into() };
    if !found.file_type().is_socket() {
        return Err(refuse("it is not a socket; remove it by hand"));
    }
    if found.uid() != Uid::effective().as_raw() {
        return Err(refuse("it belongs to another user"));
    }
    fs::remove_file(path).map_err(|cause| ListenError::Failed {
        action: "remove",
        path: path.to_owned(),
        cause,
    })
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.0.is_there()
            && let Err(error) = fs::remove_file(&self.0.path)
        {
            tracing::warn!(%error, "the socket is left behind");
        }
    }
}

impl Left {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it still exists, unchanged.
    pub fn is_there(&self) -> bool {
        identity(&self.path).is_some_and(|found| found == self.identity)
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

impl Listener {
    /// The socket of a share that was handed over, with its file.
    pub fn of_share(socket: UnixListener, file: Option<Left>) -> Self {
        Self { socket, owned: file.map(Owned) }
    }

    /// Whether the socket was inherited.
    pub fn is_inherited(&self) -> bool {
        self.owned.is_none()
    }

    /// The socket file, if we created it and have to remove it.
    pub fn left(&self) -> Option<Left> {
        self.owned.as_ref().map(|owned| owned.0.clone())
    }

    /// The socket file, whichever process created it; `None` if it has no path, or is gone.
    pub fn file(&self) -> Option<Left> {
        self.left().or_else(|| {
            let path = self.socket.local_addr().ok()?.as_pathname()?.to_owned();
            Some(Left { identity: identity(&path)?, path })
        })
    }

    /// Listens at `path` instead of its previous socket.
    ///
    /// # Errors
    /// See [`ListenError`]; then it listens as before.
    pub fn bind_again(&mut self, path: &Path) -> Result<(), ListenError> {
        *self = bind(path)?;
        Ok(())
    }
}
