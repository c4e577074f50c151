//! The API that is asked: a TLS server on loopback, on a thread of its own.

use crate::sh;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    time::{MissedTickBehavior, interval},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};
use tokio_stream::StreamExt as _;

/// What is sent at once of a large body, in bytes.
const PIECE: usize = 64 * 1024;

/// A body of either side.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A running server. It ends with the process.
#[derive(Debug)]
pub(super) struct Upstream {
    /// The authority that signed its certificate, in PEM.
    pub(super) authority: String,
    /// Where it speaks HTTP/1.1.
    pub(super) http1: SocketAddr,
    /// Where it speaks HTTP/2.
    pub(super) http2: SocketAddr,
    /// When each endless answer was given up by its client.
    pub(super) left: mpsc::Receiver<Instant>,
    /// What times in events count from.
    pub(super) begin: Instant,
}

impl Upstream {
    /// Starts it.
    pub(super) fn start() -> sh::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for its own issuer if both have one name.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let (sender, left) = mpsc::channel();
        let begin = Instant::now();
        let mut places = Vec::new();
        for protocol in ["http/1.1", "h2"] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            places.push(listener.local_addr()?);
            let acceptor = acceptor(&authority, protocol)?;
            let sender = sender.clone();
            thread::spawn(move || serve(listener, acceptor, sender, begin));
        }
        Ok(Self { authority: authority.pem(), http1: places[0], http2: places[1], left, begin })
    }
}

fn acceptor(authority: &CertifiedIssuer<'_, KeyPair>, protocol: &str) -> sh::Result<TlsAcceptor> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[tokio::main(flavor = "current_thread")]
async fn serve(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    left: mpsc::Sender<Instant>,
    begin: Instant,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, left) = (acceptor.clone(), left.clone());
        tokio::spawn(async move {
            drop(stream.set_nodelay(true));
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request| answer(request, left.clone(), begin));
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    left: mpsc::Sender<Instant>,
    begin: Instant,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    if !request.headers().contains_key("x-api-key") {
        let mut response = Response::new(whole("no credential"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    }
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(Response::new(match path.as_str() {
        "/events" => events(begin),
        "/endless" => endless(left),
        path => match path.strip_prefix("/bytes/").and_then(|number| number.parse().ok()) {
            Some(number) => bytes(number),
            None => whole(r#"{"type":"message","usage":{"input_tokens":3,"output_tokens":1}}"#),
        },
    }))
}

/// All of a body at once.
pub(super) fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

/// That many bytes.
pub(super) fn bytes(number: usize) -> Body {
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let pieces = (0..number.div_ceil(PIECE)).map(move |_| Ok(Frame::data(piece.clone())));
    StreamBody::new(tokio_stream::iter(pieces)).boxed_unsync()
}

/// A thousand events a second: each says when it was sent, in nanoseconds.
fn events(begin: Instant) -> Body {
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let ticks = tokio_stream::wrappers::IntervalStream::new(ticks);
    let events =
        ticks.map(move |_| Ok(Frame::data(format!("data: {}\n\n", begin.elapsed().as_nanos()).into())));
    StreamBody::new(events).boxed_unsync()
}

/// One event, and then nothing until the client leaves.
fn endless(left: mpsc::Sender<Instant>) -> Body {
    struct Leaving(mpsc::Sender<Instant>);
    impl Drop for Leaving {
        fn drop(&mut self) {
            let _ended = self.0.send(Instant::now());
        }
    }
    let leaving = Leaving(left);
    let first = tokio_stream::once(Ok(Frame::data(Bytes::from_static(b"data: first\n\n"))));
    let events = first.chain(tokio_stream::pending()).map(move |event| {
        let _until_dropped = &leaving;
        event
    });
    StreamBody::new(events).boxed_unsync()
}
