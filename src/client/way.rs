//! Finds the daemon's socket, and diagnoses obstacles to it.

use super::{error::ConnectError, private, user::own_uid};
use crate::{
    cookie,
    place::{Place, seat},
    remedy::Remedy,
    socket::{LOCK_NAME, MAX_PATH, MAX_SERVED, SOCKET_VARIABLE, Served},
};
use std::{
    env, fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

/// The variable that a login sets and `su` keeps.
const RUNTIME: &str = "XDG_RUNTIME_DIR";

/// The places that this process's environment names.
pub(super) fn place() -> Place {
    Place::of(own_uid(), |name| env::var_os(name))
}

/// The socket of this user: `$CLAVIGER_SOCK` if set, else in the runtime directory; without one, in the state
/// directory.
///
/// # Errors
/// [`ConnectError::Unsafe`] if `$CLAVIGER_SOCK` is not absolute, [`ConnectError::Blocked`] if no directory can hold a
/// socket.
pub fn default_socket() -> Result<PathBuf, ConnectError> {
    match env::var_os(SOCKET_VARIABLE).filter(|path| !path.is_empty()) {
        None => place().socket().ok_or_else(homeless),
        Some(path) if Path::new(&path).is_absolute() => Ok(path.into()),
        Some(path) => Err(ConnectError::Unsafe {
            path: path.to_string_lossy().into_owned(),
            why: format!("{SOCKET_VARIABLE} must be an absolute path"),
            remedy: another_socket(),
        }),
    }
}

/// Whether `socket` is the default socket of this user's own daemon, not one that a person named.
pub fn is_default(socket: &Path) -> bool {
    place().is_own(socket)
}

/// Whether only a socket is here, of a share or of another machine: it was named, and no cookie is beside it.
pub fn is_foreign(socket: &Path) -> bool {
    !is_default(socket) && !cookie::path(socket).exists()
}

/// The runtime directory that the environment names, if it does not exist any more, for example after a logout.
pub fn lost_runtime_directory() -> Option<PathBuf> {
    place().lost().map(Path::to_owned)
}

/// The socket that the daemon of the state directory recorded, if it is not `socket`: that daemon may have been started
/// with another environment.
pub(super) fn elsewhere(socket: &Path) -> Option<PathBuf> {
    let lock = seat(place().state()?).join(LOCK_NAME);
    let served = Served::parse(&private::read(&lock, MAX_SERVED).ok()??)?;
    Some(served.socket).filter(|other| other != socket)
}

/// The remedy for a socket named by a variable: use the default socket.
pub(super) fn another_socket() -> Option<Remedy> {
    let is_named = env::var_os(SOCKET_VARIABLE).is_some_and(|path| !path.is_empty());
    is_named.then(|| Remedy::unset(&[SOCKET_VARIABLE]))
}

/// The remedy for a place named by a variable: unset the variable.
pub(super) fn another_place(socket: &Path) -> Option<Remedy> {
    another_socket().or_else(|| place().is_named_by_variable(socket).then(|| Remedy::unset(&[RUNTIME])))
}

fn homeless() -> ConnectError {
    ConnectError::Blocked {
        path: "~/.local/state/claviger".into(),
        why: format!("neither HOME nor {RUNTIME} is the absolute path of a directory"),
        hint: "set HOME to your home directory".into(),
        remedy: None,
    }
}

/// The kernel denies this process access to `path`: finds the directory that blocks it, and its owner.
pub(super) fn closed(path: &Path) -> ConnectError {
    let known = |path: &Path| Some((path.to_owned(), fs::metadata(path).ok()?.uid()));
    let (owned, uid) = path.ancestors().find_map(known).unwrap_or_else(|| (PathBuf::from("/"), 0));
    match uid == own_uid() {
        true => ConnectError::Blocked {
            path: path.display().to_string(),
            why: format!("you have no permission for {}", owned.display()),
            hint: String::new(),
            remedy: Some(Remedy::permit("u+rwx", &owned)),
        },
        false => foreign(path, &owned, uid),
    }
}

/// The directory `owned` on the way to `path` belongs to user `uid`.
pub(super) fn foreign(path: &Path, owned: &Path, uid: u32) -> ConnectError {
    let remedy = another_place(path);
    let hint = match &remedy {
        Some(_) => {
            "su and sudo can keep a variable of the previous user; without it, your own daemon is found"
        }
        None => "--socket or $CLAVIGER_SOCK names another socket",
    };
    ConnectError::Blocked {
        path: path.display().to_string(),
        why: format!("{} belongs to uid {uid}, not to you (uid {})", owned.display(), own_uid()),
        hint: hint.into(),
        remedy,
    }
}

/// The directory of this user's own socket, if other users can replace the socket in it (for example by that of a
/// share); `None` if only the user can.
pub(super) fn open_to_others(socket: &Path) -> Option<ConnectError> {
    const STICKY: u32 = 0o1000;
    let directory = socket.parent()?;
    let found = fs::metadata(directory).ok()?;
    let is_open = found.mode() & 0o022 != 0 && found.mode() & STICKY == 0;
    is_open.then(|| ConnectError::Unsafe {
        path: directory.display().to_string(),
        why: "other users can write to it".into(),
        remedy: Some(Remedy::permit("700", directory)),
    })
}

/// The error for a path that is too long for a socket; `None` if its length is valid.
pub(super) fn too_long(path: &Path) -> Option<ConnectError> {
    let length = path.as_os_str().as_bytes().len();
    (length > MAX_PATH).then(|| ConnectError::Blocked {
        path: path.display().to_string(),
        why: format!("the path of a socket has {MAX_PATH} bytes at most, this one has {length}"),
        hint: format!("set {RUNTIME}, or $CLAVIGER_SOCK, to a shorter path of your own"),
        remedy: another_place(path),
    })
}
