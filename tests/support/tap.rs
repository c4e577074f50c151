//! A tap on a socket: it passes on what both sides say, and remembers it.
//!
//! It speaks HTTP/2 to both. Headers and trailers are compressed on the wire, so whatever a problem says could not be found in
//! its bytes.

use super::Home;
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use hyper::{
    HeaderMap, Request, Response,
    body::{Body, Frame, Incoming},
    client, server,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    fs,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    thread,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::oneshot,
};
use tonic::codegen::Bytes;

/// A tap that ends with this value.
pub struct Tap {
    socket: PathBuf,
    seen: Seen,
    _end: oneshot::Sender<()>,
}

/// Everything that passed, decoded.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

/// A body that is remembered while it passes.
struct Tapped {
    inner: Incoming,
    seen: Seen,
}

impl Tap {
    /// A socket `name` of its own, in a directory of its own, that leads to `to`.
    pub fn on(home: &Home, name: &str, to: &Path) -> Self {
        let socket = home.path(format!("tap/{name}/claviger.sock"));
        fs::create_dir_all(socket.parent().expect("a directory")).expect("a directory");
        let (end, ended) = oneshot::channel();
        let (seen, to) = (Seen::default(), to.to_owned());
        let (noted, at) = (seen.clone(), socket.clone());
        let (listening, listens) = std::sync::mpsc::channel();
        thread::spawn(move || {
            super::block_on(async {
                let listener = UnixListener::bind(at).expect("a socket");
                listening.send(()).expect("it waits");
                tokio::select! { () = accept(&listener, &to, &noted) => {}, _ = ended => {} }
            });
        });
        listens.recv().expect("it listens");
        Self { socket, seen, _end: end }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether `text` has passed.
    pub fn has_seen(&self, text: &str) -> bool {
        let seen = self.seen.0.lock().expect("bytes");
        seen.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

async fn accept(listener: &UnixListener, to: &Path, seen: &Seen) {
    loop {
        let (near, far) = (listener.accept().await, UnixStream::connect(to).await);
        if let (Ok((near, _)), Ok(far)) = (near, far) {
            tokio::spawn(pass(near, far, seen.clone()));
        }
    }
}

async fn pass(near: UnixStream, far: UnixStream, seen: Seen) {
    let handshake = client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(far)).await;
    let Ok((sender, connection)) = handshake else { return };
    let service = service_fn(|request: Request<Incoming>| {
        let (mut sender, seen) = (sender.clone(), seen.clone());
        async move {
            let (parts, body) = request.into_parts();
            seen.note(parts.uri.path().as_bytes());
            seen.headers(&parts.headers);
            let request = Request::from_parts(parts, Tapped { inner: body, seen: seen.clone() });
            let (parts, body) = sender.send_request(request).await?.into_parts();
            seen.headers(&parts.headers);
            Ok::<_, hyper::Error>(Response::from_parts(parts, Tapped { inner: body, seen }))
        }
    });
    let served =
        server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(near), service);
    // As soon as one side has gone, so does the other.
    tokio::select! { _ = served => {}, _ = connection => {} }
}

impl Seen {
    fn note(&self, bytes: &[u8]) {
        let mut seen = self.0.lock().expect("bytes");
        seen.extend_from_slice(bytes);
        seen.push(b'\n');
    }

    /// Values too as what they encode: the details of a problem travel in Base64.
    fn headers(&self, headers: &HeaderMap) {
        for value in headers.values() {
            self.note(value.as_bytes());
            if let Ok(decoded) = BASE64_STANDARD_NO_PAD.decode(value) {
                self.note(&decoded);
            }
        }
    }
}

impl Body for Tapped {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            frame.data_ref().into_iter().for_each(|data| self.seen.note(data));
            frame.trailers_ref().into_iter().for_each(|trailers| self.seen.headers(trailers));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}
