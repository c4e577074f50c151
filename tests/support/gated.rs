//! A session with a gate, whose requests the test sends itself.

use super::{Home, by_hand::Wire, text};
use std::{
    io::Read as _,
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

/// A session with a gate, until it is dropped.
pub struct Gated {
    session: Child,
    /// A path, or `127.0.0.1:PORT`.
    pub address: String,
    pub placeholder: String,
}

// === impl Gated ===

impl Gated {
    /// Opens a gate; `kind` is the option of `claviger exec`.
    pub fn open(home: &Home, kind: &str) -> Self {
        let script = r#"echo "${ANTHROPIC_UNIX_SOCKET:-${ANTHROPIC_BASE_URL#http://}}" \
            "${ANTHROPIC_API_KEY:-$ANTHROPIC_AUTH_TOKEN}"; exec cat"#;
        let mut session = home.claviger(&["exec", kind, "--", "sh", "-c", script]);
        session.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut session = session.spawn().expect("claviger runs");
        let mut said = Vec::new();
        let stdout = session.stdout.as_mut().expect("a pipe");
        let mut byte = [0];
        while stdout.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            said.extend_from_slice(&byte);
        }
        let said = text(&said);
        let (address, placeholder) = said.split_once(' ').expect("a gate");
        Self { address: address.to_owned(), placeholder: placeholder.to_owned(), session }
    }

    /// The process that the gate ends with.
    pub fn pid(&self) -> u32 {
        self.session.id()
    }

    pub fn connect(&self) -> Wire {
        self.try_connect().expect("the gate listens")
    }

    pub fn try_connect(&self) -> Option<Wire> {
        Some(match self.address.starts_with('/') {
            true => Wire::new(UnixStream::connect(&self.address).ok()?.into()),
            false => Wire::new(TcpStream::connect(&self.address).ok()?.into()),
        })
    }

    /// A connection on which a request was sent: `head` follows the first line.
    pub fn ask(&self, head: &str) -> Wire {
        let mut wire = self.connect();
        wire.say(self.head("POST", head));
        wire
    }

    /// The head of a request; `more` are further headers, each with its line end.
    pub fn head(&self, method: &str, more: &str) -> String {
        let Self { address, placeholder, .. } = self;
        let host = if address.starts_with('/') { "localhost" } else { address };
        format!("{method} /v1/messages HTTP/1.1\r\nhost: {host}\r\nx-api-key: {placeholder}\r\n{more}\r\n")
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        // `cat` ends with its input, and the gate with `cat`.
        drop(self.session.stdin.take());
        drop(self.session.wait());
    }
}

/// Processes that serve the gates of this home.
pub fn servers(home: &Home) -> Vec<u32> {
    serving(&home.socket())
}

/// The same, for the daemon on `socket`.
fn serving(socket: &Path) -> Vec<u32> {
    let serving = super::processes("--serve");
    let own = super::processes(&socket.display().to_string());
    own.intersection(&serving).filter_map(|pid| pid.parse().ok()).collect()
}

/// A standing gate outlives its daemon: it ends with this value.
pub struct Ended(PathBuf);

impl Ended {
    /// Ends what serves the gates of this home then.
    pub fn with(home: &Home) -> Self {
        Self(home.socket())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        serving(&self.0).into_iter().for_each(|pid| super::signal(pid, "KILL"));
    }
}

/// What a process has resident, in kB.
pub fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a process")
}

/// How many descriptors a process has.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// A home whose key goes to the API at `url`.
pub fn home(url: &str) -> Home {
    let home = Home::new();
    let helper = home.counting_helper("key", 0.0);
    home.user_settings(&helper, &[("ANTHROPIC_BASE_URL", url)]);
    home
}
