//! HTTP by hand, byte by byte: a client, and an API that says what the test says.

use super::{gated::Gated, text, wait::BOUND};
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// The head of a stream of events.
pub const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

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

/// A chunk of a body.
pub fn chunk(data: &str) -> String {
    format!("{:X}\r\n{data}\r\n", data.len())
}

/// One that is passed on whole before the next one is sent.
#[track_caller]
pub fn passes(upstream: &mut Wire, client: &mut Wire, data: &str) {
    upstream.say(chunk(data));
    assert_eq!(text(&client.take(chunk(data).len())), chunk(data));
}

/// The length of the body after a head in lower case.
pub fn length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    line.map_or(0, |length| length.parse().expect("a length"))
}

// === impl Wire ===

impl Wire {
    pub fn new(stream: OwnedFd) -> Self {
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
        let pause = Duration::from_millis(500);
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

    /// The same; `None` if the other side says no more.
    pub fn try_head(&mut self) -> Option<String> {
        while !self.seen.windows(4).any(|window| window == b"\r\n\r\n") {
            if !self.more() {
                return None;
            }
        }
        Some(self.head())
    }

    /// An answer with a length: its status, and its body.
    #[track_caller]
    pub fn answer(&mut self) -> (u16, String) {
        let head = self.head();
        let length = length(&head);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, text(&self.take(length)))
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

    /// Whether there is something to read, or the end.
    pub fn is_ready(&mut self) -> bool {
        if self.seen.is_empty() {
            self.stream.set_nonblocking(true).expect("a socket");
            let mut part = [0; 1024];
            let read = self.stream.read(&mut part);
            self.stream.set_nonblocking(false).expect("a socket");
            match read {
                Ok(count) => self.seen.extend_from_slice(&part[..count]),
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
        !self.seen.is_empty()
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

impl Drop for Wire {
    fn drop(&mut self) {
        // What another test is about to run has a copy of this socket until then, so closing alone may come late.
        drop(self.stream.shutdown(Shutdown::Both));
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

    /// Whether no connection waits to be taken.
    pub fn is_quiet(&self) -> bool {
        self.try_accept().is_none()
    }

    /// The next one, if it has come.
    pub fn try_accept(&self) -> Option<Wire> {
        self.connections.try_recv().ok()
    }

    /// The same, and the head of its first request.
    #[track_caller]
    pub fn asked(&self) -> (Wire, String) {
        let mut wire = self.accept();
        let head = wire.head();
        (wire, head)
    }

    /// A stream of events that runs: the side of the client, and that of the API.
    #[track_caller]
    pub fn stream(&self, gate: &Gated) -> (Wire, Wire) {
        let mut client = gate.ask("content-length: 1\r\n");
        client.say("x");
        let (mut upstream, _) = self.asked();
        upstream.take(1);
        upstream.say(STREAM);
        assert!(client.head().starts_with("http/1.1 200"));
        (client, upstream)
    }

    /// Answers one request with `status`, and closes the connection.
    #[track_caller]
    pub fn answer(&self, status: u16) {
        let (mut upstream, head) = self.asked();
        upstream.take(length(&head));
        upstream.say(format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
    }
}
