//! Ensures one daemon per state directory on a machine: a lock that the kernel releases with its holder, in a file that
//! names the holder and its socket.

#![expect(clippy::disallowed_methods, reason = "files of the daemon itself, before any session is served")]

use crate::{
    host::process,
    listener::{ListenError, private_directory},
};
use claviger::{
    place::seat,
    reason::{Problem, Reason},
    remedy::Remedy,
    socket::{LOCK_NAME, MAX_SERVED, Served},
};
use nix::fcntl::OFlag;
use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::{fs::OpenOptionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a program that takes over in this process waits for the lock. Another daemon that has it meanwhile finds a
/// running one, and exits.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time limit for a daemon that was asked to end: it finishes work in progress, for five seconds at most.
const LAST_WORK: Duration = Duration::from_secs(7);
/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// The state directory on this machine: exclusive while this lives.
#[derive(Debug)]
pub struct Seat {
    lock: File,
}

/// Another daemon has the state directory.
#[derive(Debug, thiserror::Error)]
#[error("another daemon serves {}{}", state.display(), by(served.as_ref()))]
pub struct Held {
    /// The state directory.
    state: PathBuf,
    /// The content of that daemon's lock file.
    served: Option<Served>,
}

fn by(served: Option<&Served>) -> String {
    served.map_or_else(String::new, |Served { pid, socket }| format!(" (pid {pid}, at {})", socket.display()))
}

/// Why the state directory is not available.
#[derive(Debug, thiserror::Error)]
pub enum SeatError {
    /// Another daemon has it.
    #[error(transparent)]
    Held(#[from] Held),
    /// Its lock cannot be used.
    #[error(transparent)]
    Lock(#[from] ListenError),
}

// === impl Seat ===

impl Seat {
    /// Takes the directory `state` for the daemon on `socket`. A daemon that continues in this process, or that a
    /// service manager `starts`, waits for the lock. The latter also asks a daemon that a client started elsewhere to
    /// end, because sessions find the service manager's socket first.
    ///
    /// If the directory cannot be written, as in a read-only home, the lock is beside the socket.
    ///
    /// # Errors
    /// See [`SeatError`].
    pub fn claim(state: &Path, socket: &Path, started: bool) -> Result<Self, SeatError> {
        let path = match seat(state) {
            own if can_keep(&own)? => own,
            _ => socket.with_file_name(""),
        }
        .join(LOCK_NAME);
        let mut give_up = Instant::now() + if started { PATIENCE } else { Duration::ZERO };
        let mut asked = !started;
        let lock = loop {
            match lock(&path)? {
                Some(lock) => break lock,
                None if Instant::now() < give_up => sleep(PAUSE),
                None => {
                    let served = served(&path);
                    if asked || !served.as_ref().is_some_and(ask_to_end) {
                        return Err(Held { state: state.to_owned(), served }.into());
                    }
                    (asked, give_up) = (true, Instant::now() + LAST_WORK);
                }
            }
        };
        if let Err(error) = say(&lock, socket) {
            tracing::warn!(%error, path = %path.display(), "sessions with another environment do not find this daemon");
        }
        Ok(Self { lock })
    }

    /// Records that the daemon now answers on `socket`.
    ///
    /// # Errors
    /// The system's error, for example on a full disk.
    pub fn moved(&self, socket: &Path) -> io::Result<()> {
        say(&self.lock, socket)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // The recorded socket is not valid any more. The file stays: if it were removed, two daemons could hold the
        // lock.
        let _ = self.lock.set_len(0);
    }
}

// === impl Held ===

impl Held {
    /// The problem of a daemon that cannot start because of it, with the command that ends the other one.
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Reason::SourceUnavailable, self.to_string()).retry_after(Duration::ZERO);
        let Some(Served { pid, socket }) = &self.served else {
            return problem.hint("it has only just started, or is about to end: try again");
        };
        match (UnixStream::connect(socket).is_ok(), process::is_daemon(*pid)) {
            (true, _) => problem
                .hint("a state directory has one daemon; use another one with --state-dir")
                .remedy(Remedy::claviger(&["daemon", "stop"])),
            (false, true) => problem
                .hint("its socket does not answer; end it, and the next call starts another")
                .remedy(Remedy::run(&["kill", &pid.to_string()])),
            (false, false) => problem.hint(
                "it runs in another container of this machine: stop it there, or set XDG_STATE_HOME to a \
                    directory of this one's own",
            ),
        }
    }
}

impl SeatError {
    /// The problem of a daemon that cannot start because of it.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Held(held) => held.problem(),
            Self::Lock(error) => Problem::new(Reason::SourceUnavailable, error.to_string())
                .remedy(Remedy::claviger(&["daemon", "run"])),
        }
    }
}

/// Whether files can be created in `directory`, which is created if necessary.
fn can_keep(directory: &Path) -> Result<bool, ListenError> {
    match private_directory(directory) {
        Ok(()) => {}
        Err(ListenError::Failed { cause, .. }) if is_unwritable(&cause) => return Ok(false),
        Err(error) => return Err(error),
    }
    match open(&directory.join(LOCK_NAME)) {
        Err(cause) if is_unwritable(&cause) => Ok(false),
        // Other faults are reported when it is locked.
        _ => Ok(true),
    }
}

/// Whether writing is impossible: the directory is read-only, belongs to another user, or its disk is full.
pub fn is_unwritable(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

fn open(path: &Path) -> io::Result<File> {
    // Opened without blocking: the path may be a FIFO without a reader.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true).mode(0o600).custom_flags(flags).open(path)
}

/// The lock, if it is free.
fn lock(path: &Path) -> Result<Option<File>, ListenError> {
    let failed = |cause| ListenError::Failed { action: "lock", path: path.to_owned(), cause };
    let file = open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(ListenError::Unsafe { path: path.to_owned(), why: "it is not a regular file".into() });
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

fn say(mut file: &File, socket: &Path) -> io::Result<()> {
    let served = Served { pid: std::process::id(), socket: socket.to_owned() };
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(&served.to_bytes())
}

fn served(path: &Path) -> Option<Served> {
    let mut content = Vec::new();
    open(path).ok()?.take(MAX_SERVED as u64).read_to_end(&mut content).ok()?;
    Served::parse(&content)
}

/// Asks the daemon that serves elsewhere to end; only if it is the same process that listens there.
fn ask_to_end(served: &Served) -> bool {
    let listens = UnixStream::connect(&served.socket).ok().and_then(|stream| process::listener_of(&stream));
    let is_asked = listens == Some(served.pid) && process::terminate(served.pid);
    if is_asked {
        tracing::info!(pid = served.pid, "asking the daemon that a client started to end");
    }
    is_asked
}
