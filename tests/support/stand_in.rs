//! An HTTP server on loopback that stands in for a cloud's: it answers as a test says and remembers what it was asked.

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

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
    /// Before the answer.
    pub delay: Duration,
    /// Before each byte of the body.
    pub drip: Duration,
}

/// A server that ends with this value.
pub struct StandIn {
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub url: String,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

/// A certificate authority of one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
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

    fn serve(
        base: &str,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (requests, stop) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::<AtomicBool>::default());
        let (seen, stopped, answer) = (requests.clone(), stop.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(SeqCst) {
                    return;
                }
                let (seen, answer, tls) = (seen.clone(), answer.clone(), tls.clone());
                thread::spawn(move || {
                    drop(stream.set_read_timeout(Some(Duration::from_secs(30))));
                    let respond = |request: &Request| {
                        seen.lock().expect("requests").push(request.clone());
                        answer(request)
                    };
                    match tls {
                        None => converse(stream, respond),
                        Some(config) => {
                            let connection = ServerConnection::new(config).expect("TLS");
                            converse(StreamOwned::new(connection, stream), respond);
                        }
                    }
                });
            }
        });
        Self { url: format!("{base}:{}", address.port()), address, requests, stop }
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
        self.address.port()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "claviger test authority");
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        Self { issuer }
    }

    /// The certificate to trust, in PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).expect("a certificate"))
    }
}

/// One request and its answer; then the connection is closed.
fn converse(mut stream: impl Read + Write, answer: impl Fn(&Request) -> Response) {
    let Some(request) = read(&mut stream) else { return };
    let response = answer(&request);
    thread::sleep(response.delay);
    if response.never {
        // Until the client gives up.
        drop(stream.read(&mut [0]));
        return;
    }
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", response.status);
    head.push_str(&format!("content-length: {}\r\n", response.body.len()));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // The client may have given up.
    if response.drip.is_zero() {
        head.push_str(&format!("\r\n{}", response.body));
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.flush()));
        return;
    }
    drop(stream.write_all(format!("{head}\r\n").as_bytes()));
    for byte in response.body.as_bytes() {
        if stream.write_all(&[*byte]).and_then(|()| stream.flush()).is_err() {
            return;
        }
        thread::sleep(response.drip);
    }
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = parsed.parse(&bytes).ok()? {
            let mut request = request(&parsed);
            let length = request.header("content-length").parse().unwrap_or(0);
            while bytes.len() < head + length {
                match stream.read(&mut chunk) {
                    Ok(count @ 1..) => bytes.extend_from_slice(&chunk[..count]),
                    _ => return None,
                }
            }
            request.body = String::from_utf8_lossy(&bytes[head..head + length]).into_owned();
            return Some(request);
        }
        match stream.read(&mut chunk) {
            Ok(count @ 1..) => bytes.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
}

fn request(parsed: &httparse::Request<'_, '_>) -> Request {
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |header: &httparse::Header<'_>| {
        (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
    };
    Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parsed.headers.iter().map(header).collect(),
        body: String::new(),
    }
}
