//! Starts a daemon when none answers.

use super::{
    error::ConnectError,
    user::own_uid,
    way::{another_socket, closed, elsewhere, foreign, place, too_long},
};
use crate::{
    place::DAEMON_VARIABLES,
    reason::{Problem, Reason},
    remedy::Remedy,
    socket,
};
use nix::fcntl::OFlag;
use std::{
    env, fs, io,
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::UnixStream,
    process::{Child, Command},
    time::timeout,
};

/// Time limit for a daemon to become ready. It needs a few milliseconds; a machine that swaps may need more.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// Starts a daemon for `socket`, or waits for the one that another client is starting.
pub(super) async fn start(socket: &Path) -> Result<(), ConnectError> {
    if let Some(error) = too_long(socket) {
        return Err(error);
    }
    let directory = socket.parent().unwrap_or(Path::new("/"));
    prepare(directory)?;
    let lock = take_start_lock(directory.join(socket::START_LOCK_NAME)).await?;
    // Another process may have started it while we waited for the lock.
    let is_there = match elsewhere(socket) {
        Some(other) => UnixStream::connect(other).await.is_ok(),
        None => false,
    };
    if !is_there && UnixStream::connect(socket).await.is_err() {
        launch(socket).await?;
    }
    drop(lock);
    Ok(())
}

/// Creates `directory` with mode 0700; an existing one must be a directory of ours that no other user can write to.
fn prepare(directory: &Path) -> Result<(), ConnectError> {
    let unsafe_because = |why: String, remedy: Remedy| ConnectError::Unsafe {
        path: directory.display().to_string(),
        why,
        remedy: Some(another_socket().unwrap_or(remedy)),
    };
    let above = directory.parent().unwrap_or(directory);
    if let Some(uid) = fs::metadata(above).ok().map(|found| found.uid())
        && uid != own_uid()
        && uid != 0
    {
        return Err(foreign(directory, above, uid));
    }
    // Directories above a runtime directory are created by the system.
    let is_seat = place().state().is_some_and(|state| directory.starts_with(state));
    let recursive = is_seat || cfg!(target_os = "macos");
    if let Err(error) = fs::DirBuilder::new().recursive(recursive).mode(0o700).create(directory)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(not_made(directory, &error));
    }
    let found = fs::symlink_metadata(directory).map_err(|error| not_made(directory, &error))?;
    if !found.is_dir() {
        return Err(unsafe_because("it is not a directory".into(), Remedy::move_away(directory)));
    }
    if found.uid() != own_uid() {
        return Err(foreign(directory, directory, found.uid()));
    }
    if found.mode() & 0o022 != 0 {
        return Err(unsafe_because("other users can write to it".into(), Remedy::permit("700", directory)));
    }
    Ok(())
}

fn not_made(directory: &Path, error: &io::Error) -> ConnectError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return closed(directory);
    }
    ConnectError::Blocked {
        path: directory.display().to_string(),
        why: format!("there is no such directory, and it cannot be created: {error}"),
        hint: "the socket needs a writable directory of yours: set XDG_RUNTIME_DIR to one".into(),
        remedy: another_socket(),
    }
}

/// A kernel lock: it is released when its holder ends, however that happens.
async fn take_start_lock(path: PathBuf) -> Result<fs::File, ConnectError> {
    let not_locked =
        |error: io::Error| ConnectError::not_started(format!("cannot lock {}: {error}", path.display()));
    // Does not follow a symlink, and does not block on a FIFO.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600).custom_flags(flags);
    let file = options.open(&path).map_err(&not_locked)?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(io::Error::other).and_then(|result| result).map_err(not_locked)
}

async fn launch(socket: &Path) -> Result<(), ConnectError> {
    let program = daemon_program()?;
    let mut command = std::process::Command::new(&program);
    command.arg("--on-demand").arg("--socket").arg(socket).env_clear().current_dir("/").process_group(0);
    for name in DAEMON_VARIABLES {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    let mut command = Command::from(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let cannot_run = |error| ConnectError::not_started(format!("cannot run {}: {error}", program.display()));
    let mut child = command.spawn().map_err(cannot_run)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut line = String::new();
    let announced = async {
        if let Some(stdout) = stdout {
            drop(BufReader::new(stdout).read_line(&mut line).await);
        }
    };
    if timeout(START_DEADLINE, announced).await.is_err() {
        return Err(ConnectError::not_started(format!("not ready after {} s", START_DEADLINE.as_secs())));
    }
    match line.trim() {
        "ready" => Ok(()),
        // Killed, not failed: another attempt may succeed.
        _ if was_killed(&mut child).await => {
            let cause = io::ErrorKind::ConnectionReset.into();
            Err(ConnectError::Unreachable { path: socket.display().to_string(), cause })
        }
        said => Err(match serde_json::from_str(said) {
            Ok(problem) => ConnectError::NotStarted(problem),
            Err(_) => ConnectError::not_started(last_words(stderr).await),
        }),
    }
}

async fn was_killed(child: &mut Child) -> bool {
    let ended = timeout(START_DEADLINE, child.wait()).await;
    ended.is_ok_and(|ended| ended.is_ok_and(|status| status.signal().is_some()))
}

async fn last_words(stderr: Option<tokio::process::ChildStderr>) -> String {
    let mut text = String::new();
    if let Some(stderr) = stderr {
        drop(timeout(START_DEADLINE, stderr.take(4096).read_to_string(&mut text)).await);
    }
    match text.trim() {
        "" => "it ended without an error message".into(),
        words => words.into(),
    }
}

/// `clavigerd` beside this executable, else in the absolute directories of `PATH`.
///
/// # Errors
/// [`ConnectError::NotStarted`] if there is none.
pub fn daemon_program() -> Result<PathBuf, ConnectError> {
    const NAME: &str = "clavigerd";
    let beside = env::current_exe().ok().and_then(|path| Some(path.parent()?.join(NAME)));
    let on_path =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let candidates = beside
        .into_iter()
        .chain(on_path.into_iter().filter(|dir| dir.is_absolute()).map(|dir| dir.join(NAME)));
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let message = match env::current_exe() {
            Ok(_) => format!("{NAME} is neither beside this program nor on PATH"),
            Err(_) => {
                format!("{NAME} is not on PATH, and without /proc the directory of this program is unknown")
            }
        };
        let problem = Problem::new(Reason::SourceUnavailable, message);
        let remedy = Remedy::run(&["cargo", "xtask", "install"]);
        ConnectError::NotStarted(Box::new(problem.remedy(remedy)))
    })
}
