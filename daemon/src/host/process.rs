//! Other processes: their programs, their parents, and whether a caller still exists.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use claviger::process::Stat;
use std::{fs, os::fd::AsFd};

#[cfg(target_os = "linux")]
pub use socket::{Control, listen, receive, tell_writers};

#[cfg(target_os = "linux")]
mod socket;

/// Other systems do not identify writers.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Default)]
pub struct Control;

/// How many parents to follow for the program that caused a request.
const MOST_SHELLS: usize = 4;
/// Programs that only start others.
const SHELLS: [&str; 10] = ["sh", "dash", "bash", "zsh", "fish", "ksh", "busybox", "env", "timeout", "xargs"];

/// Identity of a calling process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// Its id.
    pub pid: Option<u32>,
    /// Its [`Facts::session`].
    pub session: Option<u32>,
}

/// Listens at `path`.
///
/// # Errors
/// If the kernel refuses.
#[cfg(not(target_os = "linux"))]
pub fn listen(path: &std::path::Path) -> std::io::Result<std::os::unix::net::UnixListener> {
    std::os::unix::net::UnixListener::bind(path)
}

/// Whether process `pid` is a daemon of ours. If processes cannot be inspected, it may be.
pub fn is_daemon(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => name.trim_end() == "clavigerd",
        Err(_) => fs::metadata("/proc/self").is_err(),
    }
}

/// The process that listens at the other end of `stream`; `None` if the kernel does not report it.
pub fn listener_of(stream: &std::os::unix::net::UnixStream) -> Option<u32> {
    #[cfg(target_os = "linux")]
    return socket::listener_of(stream);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = stream;
        None
    }
}

/// Asks process `pid` to end. False if the signal cannot be sent.
pub fn terminate(pid: u32) -> bool {
    use nix::{sys::signal, unistd::Pid};
    i32::try_from(pid).is_ok_and(|pid| signal::kill(Pid::from_raw(pid), signal::Signal::SIGTERM).is_ok())
}

/// Group of processes that ask together: those of one terminal, or the children of one process without a terminal. Its
/// leader, and that one's start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(pub(crate) u32, pub(crate) u64);

/// Facts about a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its program: a path; in brackets if that is only its own word for it, since it hides the path, or lives in another
    /// file system, as in a container. Empty if that cannot be seen.
    pub program: String,
    /// The program that started it, past shells and `claviger`: whose session it is. Empty if that is gone.
    pub parent: String,
    /// The kernel's session: usually equal for all processes in one terminal. Its leader can be outside of the daemon's
    /// container; then the process that started this one, past shells and `claviger`.
    pub session: Option<u32>,
}

/// A connected process. While this value lives, no other process can be mistaken for it.
#[derive(Debug)]
pub struct Pinned {
    pid: Option<u32>,
    pin: Pin,
}

#[derive(Debug)]
enum Pin {
    /// The kernel's own handle (`SO_PEERPIDFD`, Linux 6.5).
    #[cfg(target_os = "linux")]
    Handle(std::os::fd::OwnedFd),
    /// When it started, in ticks since boot.
    Started(u64),
    /// It is not visible, for example in another container.
    Unknown,
}

// === impl Pinned ===

impl Pinned {
    /// The process at the other end of `socket`, with the id `pid`.
    pub fn of(socket: &impl AsFd, pid: Option<u32>) -> Self {
        #[cfg(target_os = "linux")]
        if let Some(handle) = socket::peer(socket) {
            return Self { pid, pin: Pin::Handle(handle) };
        }
        let _ = socket;
        Self { pid, pin: pid.and_then(started).map_or(Pin::Unknown, Pin::Started) }
    }

    /// Whether it still runs. An invisible one counts as running.
    pub fn is_running(&self) -> bool {
        match &self.pin {
            #[cfg(target_os = "linux")]
            Pin::Handle(handle) => socket::is_running(handle),
            Pin::Started(started) => self.pid.and_then(self::started) == Some(*started),
            Pin::Unknown => true,
        }
    }

    /// Its facts; empty if it has ended, because its id may belong to another process.
    pub fn facts(&self) -> Facts {
        let Some(pid) = self.pid else { return Facts::default() };
        let stat = stat(pid);
        let (starter, parent) = stat.as_ref().map(|stat| starter(stat.parent)).unwrap_or_default();
        let session = stat.map(|stat| if stat.session > 0 { stat.session } else { starter });
        let facts = Facts { program: program(pid), parent, session: session.filter(|session| *session > 0) };
        if self.is_running() { facts } else { Facts::default() }
    }
}

impl Facts {
    /// The program of the session, and the client that it asks through, if that is `claviger`.
    pub fn who(&self) -> (&str, &str) {
        match is_claviger(&self.program) && !self.parent.is_empty() {
            true => (&self.parent, &self.program),
            false => (&self.program, ""),
        }
    }
}

impl Group {
    /// The facts of process `pid`; `None` if it is not visible.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = stat(pid)?;
        let leader = match stat.has_terminal && stat.session > 0 {
            true => stat.session,
            false => starter(stat.parent).0,
        };
        Some(Self(leader, started(leader)?))
    }
}

/// The kernel's facts about process `pid`; `None` if it has ended, or the system does not report them.
fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Start time of process `pid` in ticks since boot: ids are reused. `None` if it has ended.
#[cfg(not(target_os = "macos"))]
pub fn started(pid: u32) -> Option<u64> {
    // A zombie counts as ended.
    stat(pid).filter(|stat| !stat.has_ended).map(|stat| stat.started)
}

/// Zero while process `pid` runs: the system does not report start times. `None` if it has ended.
#[cfg(target_os = "macos")]
pub fn started(pid: u32) -> Option<u64> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?);
    nix::sys::signal::kill(pid, None).ok().map(|()| 0)
}

/// The process `pid` and its program; if that is a shell, the first parent that is not.
fn starter(mut pid: u32) -> (u32, String) {
    let mut found = program(pid);
    for _ in 0..MOST_SHELLS {
        if !is_shell(&found) && !is_claviger(&found) {
            break;
        }
        let Some(stat) = stat(pid) else { break };
        // A person at a terminal: the shell itself is the requester.
        if stat.parent <= 1 || (stat.has_terminal && stat.session == pid) {
            break;
        }
        let above = stat.parent;
        match program(above) {
            name if name.is_empty() => break,
            name => (pid, found) = (above, name),
        }
    }
    (pid, found)
}

fn is_shell(program: &str) -> bool {
    SHELLS.contains(&program.rsplit('/').next().unwrap_or_default().trim_start_matches('-'))
}

fn is_claviger(program: &str) -> bool {
    program.trim_matches(['[', ']']).rsplit('/').next() == Some("claviger")
}

/// The program of process `pid`. Empty if it has ended.
#[cfg(target_os = "macos")]
fn program(pid: u32) -> String {
    let path = i32::try_from(pid).ok().and_then(claviger_system::program);
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// The program of process `pid` as in [`Facts::program`]. Empty if it is gone.
#[cfg(not(target_os = "macos"))]
fn program(pid: u32) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let file = format!("/proc/{pid}/exe");
    let Ok(path) = fs::read_link(&file) else {
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        return name.map(|name| format!("[{}]", name.trim_end())).unwrap_or_default();
    };
    let identity = |path: &std::path::Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    // A path in another mount namespace has no meaning here, nor does that of a replaced file.
    match identity(&path).is_some_and(|here| identity(file.as_ref()) == Some(here)) {
        true => path.display().to_string(),
        false => format!("[{}]", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Pinned, is_shell};
    use nix::unistd::{Pid, getppid, getsid};
    use std::{
        os::unix::net::{UnixListener, UnixStream},
        process::{Command, Stdio},
    };

    #[test]
    fn shells_are_known_by_name() {
        assert!(is_shell("/usr/bin/dash") && is_shell("-bash") && !is_shell("/usr/bin/ssh"));
    }

    #[test]
    fn a_process_is_known_until_it_ends_and_nothing_is_said_of_another() {
        let place = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(place.path().join("socket")).expect("a socket");
        let client = UnixStream::connect(place.path().join("socket")).expect("a connection");
        let (server, _) = listener.accept().expect("accepted");
        let ours = Pinned::of(&server, Some(std::process::id()));
        assert!(ours.is_running());
        let program = std::env::current_exe().expect("own path");
        assert_eq!(ours.facts().program, program.display().to_string());
        // What is outside of the namespace of this test is not seen.
        let id = |pid: Pid| u32::try_from(pid.as_raw()).ok().filter(|pid| *pid > 0);
        let session = getsid(None).ok().and_then(id);
        assert!(ours.facts().session == session || session.is_none());
        assert_eq!(ours.facts().parent.is_empty(), id(getppid()).is_none());
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat runs");
        let started = super::started(child.id()).expect("it runs");
        let theirs = Pinned { pid: Some(child.id()), pin: super::Pin::Started(started) };
        let another = Pinned { pid: Some(child.id()), pin: super::Pin::Started(started - 1) };
        assert!(theirs.is_running() && !another.is_running());
        assert_eq!(another.facts(), super::Facts::default());
        drop(child.stdin.take());
        child.wait().expect("it ends");
        assert!(!theirs.is_running());
        drop(client);
    }
}
