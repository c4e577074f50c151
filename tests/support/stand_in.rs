//! An HTTP server on loopback that stands in for a cloud's: it answers as a test says and remembers what it was asked.

mod authority;
pub mod proxy;
pub mod second;
mod wire;

pub use authority::Authority;

use nix::sys::socket::{Shutdown, shutdown};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use wire::converse;

/// What was asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// After the question mark.
    pub query: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The connection is kept open and nothing is ever said.
    pub never: bool,
    /// Hangs up without an answer.
    pub hangs_up: bool,
    /// The connection is kept for another request, which is not answered.
    pub lingers: bool,
    /// What is sent in place of all the rest: head and body, or as much of them as the client reads.
    pub verbatim: Option<Vec<u8>>,
    /// Before the answer.
    pub delay: Duration,
    /// Before each byte of the body.
    pub drip: Duration,
}

/// A server that ends with this value.
pub struct StandIn {
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub url: String,
    /// Copies of those that its threads accept from.
    listeners: Vec<TcpListener>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A field of a form in the body, decoded.
    pub fn field(&self, name: &str) -> Option<String> {
        form(&self.body).remove(name)
    }
}

/// The fields of a form or a query, decoded.
pub fn form(text: &str) -> BTreeMap<String, String> {
    let decode = |part: &str| {
        let mut bytes = part.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            match byte {
                b'+' => decoded.push(b' '),
                b'%' => {
                    let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                    decoded.push(u8::from_str_radix(&digits, 16).expect("percent-encoded"));
                }
                byte => decoded.push(byte),
            }
        }
        String::from_utf8(decoded).expect("UTF-8")
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

impl Response {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            never: false,
            hangs_up: false,
            lingers: false,
            verbatim: None,
            delay: Duration::ZERO,
            drip: Duration::ZERO,
        }
    }

    pub fn json(body: serde_json::Value) -> Self {
        Self::new(200, body.to_string()).header("content-type", "application/json")
    }

    /// An error with a JSON body.
    pub fn error(status: u16, body: serde_json::Value) -> Self {
        Self { status, ..Self::json(body) }
    }

    /// Never answers.
    pub fn never() -> Self {
        Self { never: true, ..Self::new(200, "") }
    }

    /// Does what it is asked for, and hangs up.
    pub fn lost() -> Self {
        Self { hangs_up: true, ..Self::new(200, "") }
    }

    /// Exactly these bytes.
    pub fn verbatim(bytes: Vec<u8>) -> Self {
        Self { verbatim: Some(bytes), ..Self::new(200, "") }
    }

    /// As if another request could follow on the same connection.
    pub fn lingering(self) -> Self {
        Self { lingers: true, ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A body that takes its time: no read of it times out, and yet it does not end.
    pub fn dripping(mut self) -> Self {
        self.drip = Duration::from_millis(200);
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl StandIn {
    /// A server without encryption.
    pub fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self::serve("http://127.0.0.1", None, answer)
    }

    /// The same at `::1`, and nowhere else.
    pub fn start_v6(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self::serve("http://[::1]", None, answer)
    }

    /// A server at `::1` with a certificate for that address.
    pub fn start_tls_v6(
        authority: &Authority,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::serve("https://[::1]", Some(authority.server("::1")), answer)
    }

    /// A server with a certificate for `localhost` by `authority`.
    pub fn start_tls(
        authority: &Authority,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::start_tls_as(authority, "localhost", answer)
    }

    /// A server at `localhost` with a certificate for `name`.
    pub fn start_tls_as(
        authority: &Authority,
        name: &str,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::serve("https://localhost", Some(authority.server(name)), answer)
    }

    /// A server at `localhost` with a certificate that has expired.
    pub fn start_tls_expired(
        authority: &Authority,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::serve("https://localhost", Some(authority.expired("localhost")), answer)
    }

    /// A server at `localhost` that wants a certificate of `authority` from its clients.
    pub fn start_tls_demanding(
        authority: &Authority,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::serve("https://localhost", Some(authority.demanding()), answer)
    }

    /// All servers of the world behind `listeners`: each takes plain requests, TLS for any name, and is a proxy that leads
    /// to itself.
    pub fn everywhere(
        authority: &Arc<Authority>,
        listeners: Vec<TcpListener>,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::listen("http://127.0.0.1", listeners, Some(authority.any_server()), true, answer)
    }

    fn serve(
        base: &str,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let host = if base.contains("[::1]") { "[::1]:0" } else { "127.0.0.1:0" };
        let listener = TcpListener::bind(host).expect("a port");
        Self::listen(base, vec![listener], tls, false, answer)
    }

    fn listen(
        base: &str,
        listeners: Vec<TcpListener>,
        tls: Option<Arc<ServerConfig>>,
        is_everything: bool,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let answer = Arc::new(answer);
        let copies = listeners.iter().map(|listener| listener.try_clone().expect("a copy")).collect();
        for listener in listeners {
            let (seen, answer, tls) = (requests.clone(), answer.clone(), tls.clone());
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let stream = match stream {
                        Ok(stream) => stream,
                        // It was shut down.
                        Err(error) if error.kind() == ErrorKind::InvalidInput => return,
                        Err(_) => continue,
                    };
                    let (seen, answer, tls) = (seen.clone(), answer.clone(), tls.clone());
                    thread::spawn(move || {
                        drop(stream.set_read_timeout(Some(Duration::from_secs(30))));
                        let respond = |request: &Request| {
                            seen.lock().expect("requests").push(request.clone());
                            answer(request)
                        };
                        match tls.filter(|_| !is_everything || wants_tls(&stream)) {
                            None => converse(stream, respond),
                            Some(config) => {
                                let connection = ServerConnection::new(config).expect("TLS");
                                converse(StreamOwned::new(connection, stream), respond);
                            }
                        }
                    });
                }
            });
        }
        let mut started = Self { url: base.to_owned(), listeners: copies, requests };
        started.url += &format!(":{}", started.port());
        started
    }

    /// Everything that was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("requests").clone()
    }

    /// How often `path` was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.requests().iter().filter(|request| request.path == path).count()
    }

    pub fn port(&self) -> u16 {
        self.listeners[0].local_addr().expect("an address").port()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // What another test is about to run has a copy of each socket until then, so that closing alone may come late.
        for listener in &self.listeners {
            let _ = shutdown(listener.as_raw_fd(), Shutdown::Both);
        }
    }
}

/// Whether a client begins with TLS, at once or through this proxy.
fn wants_tls(mut stream: &TcpStream) -> bool {
    let mut first = [0];
    if stream.peek(&mut first).is_ok_and(|count| count == 1) && &first == b"C" {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut first).is_ok() {
            head.extend_from_slice(&first);
        }
        drop(stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n"));
        drop(stream.peek(&mut first));
    }
    // RFC 8446 section 5.1: the type of a handshake record.
    first[0] == 22
}
