//! The successor: the program that replaces this one in the same process, with its socket and cache. It is at the path
//! this program was started from, and may be the same or a newer one.
//!
//! The cache travels in a sealed memory file, in the queue of a socket (`transit.rs`): no other process can open it there.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

#[cfg(target_os = "linux")]
mod state;
#[cfg(not(target_os = "linux"))]
#[path = "successor/no_state.rs"]
mod state;

#[cfg(all(test, target_os = "linux"))]
pub(super) use state::memory_file;
pub use state::{inherited, sealed, store};

use claviger_child::{FETCH_PROGRAM, GATE_PROGRAM, programs_of};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::stat::{FileStat, stat},
    unistd,
};
use std::{
    env,
    ffi::{CString, OsString},
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::ffi::OsStringExt as _,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, time::timeout};

/// Name of the socket that passes the memory file to the successor.
const VARIABLE: &str = "CLAVIGER_HANDOVER";
/// Names of variables in systemd's protocol. `LISTEN_FDS_FIRST_FD` is an addition of the crate listenfd.
const SOCKET_VARIABLES: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_FDS_FIRST_FD"];
/// Time limit for a program to check whether it could take over. It reads a file.
const CHECK_DEADLINE: Duration = Duration::from_secs(10);
/// First number tried for consecutive descriptors: usually above those of a daemon.
const FIRST_COPY: RawFd = 100;
/// Most bytes of its output that are passed on.
const MAX_WORDS: usize = 500;

/// Path of this program, and its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    /// The files of this program and of those beside it, at the start.
    files: [Option<Identity>; FILES],
}

/// This program, and two places for each of those beside it.
const FILES: usize = 5;

/// Device, inode and time of change.
type Identity = (u64, u64, i64, i64);

// === impl Program ===

impl Program {
    /// This program.
    ///
    /// # Errors
    /// If the system does not report its path.
    pub fn own() -> io::Result<Self> {
        let (path, file) = found(env::current_exe()?);
        let mut files = identities(&path);
        files[0] = file;
        Ok(Self { path, arguments: env::args_os().skip(1).collect(), files })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether one of these files was replaced.
    pub fn is_replaced(&self) -> bool {
        let found = identities(&self.path);
        found[0].is_some() && found != self.files
    }

    /// Counts the current files as known.
    pub fn look_again(&mut self) {
        self.files = identities(&self.path);
    }

    /// Checks that the program at the path could take over: it runs, and accepts its configuration.
    ///
    /// # Errors
    /// The fault, in its own words.
    pub async fn check(&self) -> Result<(), String> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).arg("check").current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let said = match timeout(CHECK_DEADLINE, command.output()).await {
            Err(_) => return Err(format!("it did not answer within {} s", CHECK_DEADLINE.as_secs())),
            Ok(Err(error)) => return Err(format!("it cannot be run: {error}")),
            Ok(Ok(output)) if output.status.success() => return Ok(()),
            Ok(Ok(output)) => output.stderr,
        };
        let said = String::from_utf8_lossy(&said[..said.len().min(MAX_WORDS)]).into_owned();
        let line = said.lines().next().unwrap_or("it ended without an error message");
        Err(line.chars().filter(|letter| !letter.is_control()).collect())
    }

    /// Replaces this process by the program at the path, with the `socket`, those of `shares` and the `state`. Returns
    /// only if that failed.
    pub fn exec(&self, socket: impl AsFd, shares: &[impl AsFd], state: Option<&OwnedFd>) -> io::Error {
        let sockets: Vec<_> = std::iter::once(socket.as_fd()).chain(shares.iter().map(AsFd::as_fd)).collect();
        self.try_exec(&sockets, state).err().unwrap_or_else(|| Errno::ENOEXEC.into())
    }

    fn try_exec(&self, sockets: &[BorrowedFd<'_>], state: Option<&OwnedFd>) -> io::Result<()> {
        let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::other);
        let arguments = std::iter::once(self.path.clone().into_os_string()).chain(self.arguments.clone());
        let arguments = arguments.map(text).collect::<Result<Vec<_>, _>>()?;
        let copies = in_a_row(sockets)?;
        let mut variables = vec![
            ("LISTEN_FDS", copies.len().to_string()),
            ("LISTEN_FDS_FIRST_FD", copies.first().copied().unwrap_or_default().to_string()),
            ("LISTEN_PID", std::process::id().to_string()),
        ];
        variables.extend(state.map(|state| (VARIABLE, state.as_raw_fd().to_string())));
        let is_ours = |name: &OsString| SOCKET_VARIABLES.iter().any(|ours| name == ours) || name == VARIABLE;
        let kept = env::vars_os().filter(|(name, _)| !is_ours(name));
        let all = kept.chain(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        let join = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            text(name)
        };
        let environment = all.map(join).collect::<Result<Vec<_>, _>>()?;
        let program = text(self.path.clone().into_os_string())?;
        state.map_or(Ok(()), |state| stays_open(state, true))?;
        let Err(errno) = unistd::execve(&program, &arguments, &environment);
        // We continue, so our commands must not inherit it.
        copies.into_iter().try_for_each(unistd::close)?;
        state.map_or(Ok(()), |state| stays_open(state, false))?;
        Err(errno.into())
    }
}

/// Copies of `sockets` that are inherited across exec, with consecutive numbers as systemd's protocol requires.
fn in_a_row(sockets: &[BorrowedFd<'_>]) -> io::Result<Vec<RawFd>> {
    let mut first = FIRST_COPY;
    loop {
        let mut copies = Vec::with_capacity(sockets.len());
        for (socket, wanted) in sockets.iter().zip(first..) {
            copies.push(fcntl(socket, FcntlArg::F_DUPFD(wanted))?);
        }
        if copies.iter().zip(first..).all(|(copy, wanted)| *copy == wanted) {
            return Ok(copies);
        }
        // A number is taken: behind the last one there is more room.
        first = copies.iter().max().copied().unwrap_or(first) + 1;
        copies.into_iter().try_for_each(unistd::close)?;
    }
}

/// Whether a descriptor is inherited across exec.
fn stays_open(file: &impl AsFd, stays: bool) -> io::Result<()> {
    let flags = if stays { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(file.as_fd(), FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Path and files of a program. If it was replaced while it started, the kernel appends "deleted" to the path; the file
/// there is another one.
fn found(path: PathBuf) -> (PathBuf, Option<Identity>) {
    let file = identity(&path);
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).filter(|_| file.is_none());
    replaced.map_or_else(|| (path.clone(), file), |path| (path.into(), None))
}

/// The files of the program at `path` and of those beside it.
fn identities(path: &Path) -> [Option<Identity>; FILES] {
    let [fetch, gate] = [FETCH_PROGRAM, GATE_PROGRAM].map(|name| programs_of(name, path));
    [path, &fetch[0], &fetch[1], &gate[0], &gate[1]].map(identity)
}

fn identity(path: &Path) -> Option<Identity> {
    let FileStat { st_dev, st_ino, st_ctime, st_ctime_nsec, .. } = stat(path).ok()?;
    #[expect(clippy::unnecessary_cast, reason = "its type differs between systems")]
    Some((st_dev as u64, st_ino, st_ctime, st_ctime_nsec))
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn a_program_that_was_replaced_while_it_started_is_noticed() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("clavigerd");
        std::fs::write(&path, "2").expect("written");
        let deleted = place.path().join("clavigerd (deleted)");
        let (found, file) = super::found(deleted.clone());
        assert!(
            Program { path: found.clone(), files: [file, None, None, None, None], arguments: Vec::new() }
                .is_replaced()
        );
        assert_eq!(found, path);
        std::fs::write(&deleted, "a name like any other").expect("written");
        assert_eq!(super::found(deleted.clone()).0, deleted);
    }

    #[test]
    fn a_file_that_was_replaced_is_noticed_once() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("program");
        std::fs::write(&path, "1").expect("written");
        let mut program =
            Program { files: super::identities(&path), path: path.clone(), arguments: Vec::new() };
        assert!(!program.is_replaced());
        std::fs::write(place.path().join("new"), "2").expect("written");
        std::fs::rename(place.path().join("new"), &path).expect("renamed");
        assert!(program.is_replaced());
        program.look_again();
        assert!(!program.is_replaced());
        std::fs::remove_file(&path).expect("removed");
        assert!(!program.is_replaced(), "there is nothing that could go on");
        std::fs::write(&path, "3").expect("written");
        program.look_again();
        std::fs::write(place.path().join("clavigerd-fetch"), "1").expect("written");
        assert!(program.is_replaced(), "the program that fetches is another one");
    }
}
