//! Owns the socket: one daemon per path, no stolen sockets, no left-over ones.
//!
//! The order matters: lock, probe, unlink, bind. The lock is the kernel's and goes with the process; the probe finds
//! daemons that hold another lock (an inherited socket); only a socket that nobody answers is removed, and at the end
//! only our own.

#![expect(
    clippy::disallowed_methods,
    reason = "files and sockets of the daemon itself, before any session is served"
)]

use crate::host::process;
use claviger::socket::LOCK_NAME;
use nix::{fcntl::OFlag, unistd::Uid};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io,
    os::unix::{
        fs::{
            DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
        },
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

/// A socket that this process listens on.
#[derive(Debug)]
pub struct Listener {
    /// The listening socket, non-blocking.
    pub socket: UnixListener,
    owned: Option<Owned>,
}

/// A socket file we made and have to remove.
#[derive(Debug)]
struct Owned {
    file: Left,
    _lock: Option<File>,
}

/// A socket file of a program that goes on as another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

/// How long the lock may be missed by the program that goes on. Whoever has it finds a daemon that answers, and gives up.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How often to try.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Why there is no socket to listen on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon has it.
    #[error("another daemon already serves {0}")]
    Taken(PathBuf),
    /// Directory or socket are not safe to use.
    #[error("{path} is not safe to use: {why}")]
    Unsafe {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The kernel said no.
    #[error("cannot {action} {path}: {cause}")]
    Failed {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        cause: io::Error,
    },
}

/// The socket inherited from systemd, launchd or the last program in this process, if there is one, else a new one at
/// `path`. `left` is the socket file of the last program, if it made one.
///
/// Beside it, the sockets of as many `shares` as the last program had; `None` for one that is not there.
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
        Some(socket) => Listener { socket, owned: left.map(Owned::take_over) },
        None => bind(path)?,
    };
    listener.socket.set_nonblocking(true).map_err(|cause| failed("prepare", cause))?;
    let shares = (1..=shares).map(|number| inherited.take_unix_listener(number).ok().flatten()).collect();
    Ok((listener, shares))
}

fn bind(path: &Path) -> Result<Listener, ListenError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    private_directory(directory)?;
    let lock = lock(&directory.join(LOCK_NAME), path)?;
    let (socket, file) = bind_file(path)?;
    Ok(Listener { socket, owned: Some(Owned { file, _lock: Some(lock) }) })
}

/// The socket of a share at `path`, in a directory of ours that is made for it.
///
/// # Errors
/// See [`ListenError`].
pub fn bind_share(path: &Path) -> Result<Listener, ListenError> {
    private_directory(path.parent().unwrap_or(Path::new("/")))?;
    let (socket, file) = bind_file(path)?;
    let failed = |cause| ListenError::Failed { action: "prepare", path: path.to_owned(), cause };
    socket.set_nonblocking(true).map_err(failed)?;
    Ok(Listener { socket, owned: Some(Owned { file, _lock: None }) })
}

fn bind_file(path: &Path) -> Result<(UnixListener, Left), ListenError> {
    let failed = |action, cause| ListenError::Failed { action, path: path.to_owned(), cause };
    if UnixStream::connect(path).is_ok() {
        return Err(ListenError::Taken(path.to_owned()));
    }
    remove_dead(path)?;
    let socket = process::listen(path).map_err(|cause| failed("bind", cause))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|cause| failed("protect", cause))?;
    let found = fs::symlink_metadata(path).map_err(|cause| failed("look at", cause))?;
    Ok((socket, Left { path: path.to_owned(), identity: (found.dev(), found.ino()) }))
}

/// Makes a directory only this user can use, or checks that an existing one is.
///
/// # Errors
/// [`ListenError::Unsafe`] if it belongs to somebody else, is a symlink, or others can write to it.
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
        return Err(refuse("others can write to it; chmod 700".into()));
    }
    Ok(())
}

/// Held for life. A dead daemon leaves the file, never the lock.
fn lock(path: &Path, socket: &Path) -> Result<File, ListenError> {
    let failed = |cause| ListenError::Failed { action: "lock", path: path.to_owned(), cause };
    // Not blocking: what lies there may be a FIFO that nobody reads.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file =
        File::options().create(true).truncate(false).write(true).mode(0o600).custom_flags(flags).open(path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ListenError::Taken(socket.to_owned())),
        Err(fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Removes a socket of ours that nobody answers. Anything else in its place stays.
fn remove_dead(path: &Path) -> Result<(), ListenError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    let refuse = |why: &str| ListenError::Unsafe { path: path.to_owned(), why: why.into() };
    if !found.file_type().is_socket() {
        return Err(refuse("it is not a socket; remove it by hand"));
    }
    if found.uid() != Uid::effective().as_raw() {
        return Err(refuse("it belongs to somebody else"));
    }
    fs::remove_file(path).map_err(|cause| ListenError::Failed {
        action: "remove",
        path: path.to_owned(),
        cause,
    })
}

impl Owned {
    /// The file of the last program in this process, with a lock of our own: that one's went with it.
    fn take_over(file: Left) -> Self {
        let directory = file.path.parent().unwrap_or(Path::new("/"));
        let give_up = Instant::now() + LOCK_PATIENCE;
        let lock = loop {
            match lock(&directory.join(LOCK_NAME), &file.path) {
                Ok(lock) => break Some(lock),
                Err(ListenError::Taken(_)) if Instant::now() < give_up => sleep(LOCK_PAUSE),
                Err(error) => {
                    tracing::warn!(%error, "the socket is served without its lock");
                    break None;
                }
            }
        };
        Self { file, _lock: lock }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let Left { path, identity } = &self.file;
        let ours = fs::symlink_metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == *identity);
        if ours && let Err(error) = fs::remove_file(path) {
            tracing::warn!(%error, "the socket is left behind");
        }
    }
}

impl Left {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Listener {
    /// The socket of a share that was handed over, with its file.
    pub fn of_share(socket: UnixListener, file: Option<Left>) -> Self {
        Self { socket, owned: file.map(|file| Owned { file, _lock: None }) }
    }

    /// Whether the socket was inherited.
    pub fn is_inherited(&self) -> bool {
        self.owned.is_none()
    }

    /// The socket file, if we made it and have to remove it.
    pub fn left(&self) -> Option<Left> {
        self.owned.as_ref().map(|owned| owned.file.clone())
    }
}
