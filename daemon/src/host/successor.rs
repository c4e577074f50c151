//! The program that goes on in our place, with our process, socket and cache: what lies where we were started from. It
//! may be the same program, or one that was installed since.
//!
//! The cache travels in a sealed memory file, in the queue of a socket (`transit.rs`): nobody else can open it there.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

#[cfg(target_os = "linux")]
use super::transit;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::stat::{FileStat, stat},
    unistd,
};
#[cfg(target_os = "linux")]
use sd_notify::NotifyState;
use std::{
    env,
    ffi::{CString, OsString},
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd, AsRawFd as _},
        unix::ffi::OsStringExt as _,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, time::timeout};
use zeroize::Zeroizing;

/// Names the socket that has the memory file to the next program.
const VARIABLE: &str = "CLAVIGER_HANDOVER";
/// Names it to systemd, which keeps it while the service is started again (`FileDescriptorStoreMax=`).
const STORED: &str = "claviger-state";
/// The first descriptor that systemd hands over.
const FIRST: i32 = 3;
/// How systemd's protocol names the socket. `LISTEN_FDS_FIRST_FD` is an addition of the crate listenfd.
const SOCKET_VARIABLES: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_FDS_FIRST_FD"];
/// How long a program may take to say that it could go on. It reads a file.
const CHECK_DEADLINE: Duration = Duration::from_secs(10);
/// Most of what it says that is passed on, in bytes.
const MAX_WORDS: usize = 500;
/// Largest memory file that is read: 64 entries with the largest explicit settings each.
const MAX_STATE: u64 = 512 * 1024 * 1024;

/// Where we were started from, and how.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    /// What lay there when we were started.
    file: Option<Identity>,
}

/// Device, inode and time of change.
type Identity = (u64, u64, i64, i64);

// === impl Program ===

impl Program {
    /// This program.
    ///
    /// # Errors
    /// If the system does not say where it lies.
    pub fn own() -> io::Result<Self> {
        let (path, file) = found(env::current_exe()?);
        Ok(Self { path, arguments: env::args_os().skip(1).collect(), file })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether another file lies there by now.
    pub fn is_replaced(&self) -> bool {
        let found = identity(&self.path);
        found.is_some() && found != self.file
    }

    /// Counts what lies there by now as known.
    pub fn look_again(&mut self) {
        self.file = identity(&self.path);
    }

    /// Whether what lies there could go on in our place: it runs, and its configuration is readable to it.
    ///
    /// # Errors
    /// What is wrong, in its own words.
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
        let line = said.lines().next().unwrap_or("it ended without a word");
        Err(line.chars().filter(|letter| !letter.is_control()).collect())
    }

    /// Replaces this process by what lies there. Returns only if that failed.
    pub fn exec(&self, socket: impl AsFd, state: Option<&File>) -> io::Error {
        self.try_exec(&socket, state).err().unwrap_or_else(|| Errno::ENOEXEC.into())
    }

    fn try_exec(&self, socket: &impl AsFd, state: Option<&File>) -> io::Result<()> {
        let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::other);
        let arguments = std::iter::once(self.path.clone().into_os_string()).chain(self.arguments.clone());
        let arguments = arguments.map(text).collect::<Result<Vec<_>, _>>()?;
        let first = socket.as_fd().as_raw_fd().to_string();
        let mut variables = vec![
            ("LISTEN_FDS", "1".to_owned()),
            ("LISTEN_FDS_FIRST_FD", first),
            ("LISTEN_PID", std::process::id().to_string()),
        ];
        let state = state.map(transit::pack).transpose()?;
        let state = state.as_ref();
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
        stays_open(socket, true)?;
        state.map_or(Ok(()), |state| stays_open(state, true))?;
        let Err(errno) = unistd::execve(&program, &arguments, &environment);
        // We go on, and our commands must not inherit it.
        stays_open(socket, false)?;
        Err(errno.into())
    }
}

/// Whether a descriptor outlives this program.
fn stays_open(file: &impl AsFd, stays: bool) -> io::Result<()> {
    let flags = if stays { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(file.as_fd(), FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// A program's place, and what of it lies there. One that was replaced while it started is said to be deleted; whatever
/// lies there is another one.
fn found(path: PathBuf) -> (PathBuf, Option<Identity>) {
    let file = identity(&path);
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).filter(|_| file.is_none());
    replaced.map_or_else(|| (path.clone(), file), |path| (path.into(), None))
}

fn identity(path: &Path) -> Option<Identity> {
    let FileStat { st_dev, st_ino, st_ctime, st_ctime_nsec, .. } = stat(path).ok()?;
    #[expect(clippy::unnecessary_cast, reason = "its type differs between systems")]
    Some((st_dev as u64, st_ino, st_ctime, st_ctime_nsec))
}

/// Puts `parts` into a file that lies in memory and cannot be changed any more. `None` where the system has no such
/// files: then the socket is all that is handed over.
///
/// # Errors
/// If there is no room for it.
#[cfg(target_os = "linux")]
pub fn sealed(parts: &[&[u8]]) -> io::Result<Option<File>> {
    use nix::{
        fcntl::SealFlag,
        sys::memfd::{MFdFlags, memfd_create},
    };
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create("claviger-state", flags)?);
    parts.iter().try_for_each(|part| file.write_all(part))?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(Some(file))
}

/// As on Linux, but there is no such thing here.
#[cfg(not(target_os = "linux"))]
pub fn sealed(_parts: &[&[u8]]) -> io::Result<Option<File>> {
    Ok(None)
}

/// What the program before us in this process left, if there was one. Its file is closed: no command may inherit it.
///
/// # Errors
/// If it cannot be read.
#[cfg(target_os = "linux")]
pub fn inherited() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let handed = env::var(VARIABLE).ok().and_then(|number| number.parse::<i32>().ok());
    let Some(number) = handed.or_else(stored) else { return Ok(None) };
    let opened = transit::unpack(number);
    if number > 2 {
        unistd::close(number)?;
    }
    let file = opened?;
    // Only a sealed memory file has seals; anything else is not from us.
    let seals = fcntl(&file, FcntlArg::F_GET_SEALS)?;
    if seals & nix::fcntl::SealFlag::F_SEAL_WRITE.bits() == 0 {
        return Err(io::Error::other("it is not sealed"));
    }
    let size = file.metadata()?.len().min(MAX_STATE);
    let mut state = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(size).read_to_end(&mut state)?;
    Ok(Some(state))
}

/// The socket that systemd kept with the memory file; it keeps it no longer.
#[cfg(target_os = "linux")]
fn stored() -> Option<i32> {
    let is_for_us = env::var("LISTEN_PID").ok()?.parse() == Ok(std::process::id());
    let names = env::var("LISTEN_FDNAMES").ok().filter(|_| is_for_us)?;
    let place = names.split(':').position(|name| name == STORED)?;
    drop(sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(STORED)]));
    i32::try_from(place).ok().map(|place| FIRST + place)
}

/// Asks systemd to keep `state` until the service starts again. Nobody listens if it did not start us.
#[cfg(target_os = "linux")]
pub fn store(state: &File) {
    // Its other end is closed, which would be a reason to drop it.
    let wishes = [NotifyState::FdStore, NotifyState::FdName(STORED), NotifyState::Custom("FDPOLL=0")];
    let sent = transit::pack(state).and_then(|state| sd_notify::notify_with_fds(&wishes, &[state.as_fd()]));
    if let Err(error) = sent {
        tracing::warn!(%error, "the cache is not kept for the next start");
    }
}

/// Nobody could keep it here.
#[cfg(not(target_os = "linux"))]
pub fn store(_state: &File) {}

/// As on Linux, but nothing is handed over here.
///
/// # Errors
/// Never.
#[cfg(not(target_os = "linux"))]
pub fn inherited() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    Ok(None)
}

/// As on Linux, but there is nothing to hand over.
#[cfg(not(target_os = "linux"))]
mod transit {
    use std::{fs::File, io, os::fd::OwnedFd};

    pub(super) fn pack(_file: &File) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{Program, sealed};
    use std::io::{Read as _, Seek as _, Write as _};

    #[test]
    fn what_is_sealed_cannot_be_changed() {
        let mut file = sealed(&[b"sta", b"te"]).expect("memory").expect("on Linux");
        assert!(file.write_all(b"more").is_err() && file.set_len(0).is_err());
        let mut text = String::new();
        file.rewind().expect("seeks");
        file.read_to_string(&mut text).expect("reads");
        assert_eq!(text, "state");
    }

    #[test]
    fn a_program_that_was_replaced_while_it_started_is_noticed() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("clavigerd");
        std::fs::write(&path, "2").expect("written");
        let deleted = place.path().join("clavigerd (deleted)");
        let (found, file) = super::found(deleted.clone());
        assert!(Program { path: found.clone(), file, arguments: Vec::new() }.is_replaced());
        assert_eq!(found, path);
        std::fs::write(&deleted, "a name like any other").expect("written");
        assert_eq!(super::found(deleted.clone()).0, deleted);
    }

    #[test]
    fn a_file_that_was_replaced_is_noticed_once() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("program");
        std::fs::write(&path, "1").expect("written");
        let mut program = Program { file: super::identity(&path), path: path.clone(), arguments: Vec::new() };
        assert!(!program.is_replaced());
        std::fs::write(place.path().join("new"), "2").expect("written");
        std::fs::rename(place.path().join("new"), &path).expect("renamed");
        assert!(program.is_replaced());
        program.look_again();
        assert!(!program.is_replaced());
        std::fs::remove_file(&path).expect("removed");
        assert!(!program.is_replaced(), "there is nothing that could go on");
    }
}
