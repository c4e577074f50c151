//! A session with a gate, whose requests the test sends itself, and an API that the test plays itself: both byte by byte.

use super::{Home, signal, text, wait::BOUND};
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

/// A session with a gate, until it is dropped.
pub struct Gated {
    session: Child,
    /// A path, or `127.0.0.1:PORT`.
    pub address: String,
    pub placeholder: String,
}

/// One side of a connection.
pub struct Wire {
    /// A socket of any family.
    stream: UnixStream,
    seen: Vec<u8>,
}

/// An API that takes connections, and says what the test says.
pub struct Api {
    pub url: String,
    connections: Receiver<Wire>,
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

// === impl Wire ===

impl Wire {
    fn new(stream: OwnedFd) -> Self {
        let stream = UnixStream::from(stream);
        stream.set_read_timeout(Some(BOUND)).expect("a socket");
        stream.set_write_timeout(Some(BOUND)).expect("a socket");
        Self { stream, seen: Vec::new() }
    }

    #[track_caller]
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("said");
    }

    /// The same to a reader that may have gone.
    pub fn try_say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Says as much as the other side takes without being read, up to `most` bytes. Returns how much that was.
    pub fn fill(&mut self, most: usize) -> usize {
        let pause = std::time::Duration::from_millis(500);
        self.stream.set_write_timeout(Some(pause)).expect("a socket");
        let part = [b'x'; 64 * 1024];
        let mut all = 0;
        while all < most
            && let Ok(count @ 1..) = self.stream.write(&part[..part.len().min(most - all)])
        {
            all += count;
        }
        self.stream.set_write_timeout(Some(BOUND)).expect("a socket");
        all
    }

    /// Everything up to `end`.
    #[track_caller]
    pub fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.seen.windows(end.len()).position(|window| window == end.as_bytes()) {
                let rest = self.seen.split_off(at + end.len());
                return text(&std::mem::replace(&mut self.seen, rest));
            }
            assert!(self.more(), "it ended without {end:?}: {}", text(&self.seen));
        }
    }

    /// A head, in lower case.
    #[track_caller]
    pub fn head(&mut self) -> String {
        self.until("\r\n\r\n").to_ascii_lowercase()
    }

    /// Exactly so many bytes.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.seen.len() < count {
            assert!(self.more(), "it ended after {} bytes of {count}", self.seen.len());
        }
        let rest = self.seen.split_off(count);
        std::mem::replace(&mut self.seen, rest)
    }

    /// Everything up to the end, which comes; an abortion counts.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        while self.more() {}
        text(&std::mem::take(&mut self.seen))
    }

    /// Says no more.
    pub fn finish(&self) {
        drop(self.stream.shutdown(Shutdown::Write));
    }

    /// Reads more. False at the end.
    #[track_caller]
    fn more(&mut self) -> bool {
        let mut part = vec![0; 64 * 1024];
        match self.stream.read(&mut part) {
            Ok(count) => {
                self.seen.extend_from_slice(&part[..count]);
                count > 0
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came for {} s after {}", BOUND.as_secs(), text(&self.seen))
            }
            Err(_) => false,
        }
    }
}

// === impl Api ===

impl Api {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, connections) = mpsc::channel();
        // It ends with the test program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if sender.send(Wire::new(stream.into())).is_err() {
                    return;
                }
            }
        });
        Self { url, connections }
    }

    /// The next connection of the gate.
    #[track_caller]
    pub fn accept(&self) -> Wire {
        self.connections.recv_timeout(BOUND).expect("the gate comes")
    }

    /// The same, and the head of its first request.
    #[track_caller]
    pub fn asked(&self) -> (Wire, String) {
        let mut wire = self.accept();
        let head = wire.head();
        (wire, head)
    }

    /// Whether no connection waits to be taken.
    pub fn is_quiet(&self) -> bool {
        self.connections.try_recv().is_err()
    }
}

/// Processes that serve the gates of this home.
pub fn servers(home: &Home) -> Vec<u32> {
    let serving = super::processes("--serve");
    let own = super::processes(&home.socket().display().to_string());
    own.intersection(&serving).filter_map(|pid| pid.parse().ok()).collect()
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

/// Ends a process without a word.
pub fn kill(pid: u32) {
    signal(pid, "KILL");
}
