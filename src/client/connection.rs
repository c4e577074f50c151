//! One HTTP/2 connection over a Unix socket, for tonic's generated clients.
//!
//! tonic's own `Channel` adds reconnecting, buffering and balancing. A local socket has no use for them, and they are
//! expensive for a process that runs for three milliseconds.

use super::{
    cookie,
    error::{self, ConnectError},
    user::own_uid,
    way::{another_place, closed, too_long},
};
use crate::{
    cookie::COOKIE_KEY,
    gather::Gathered,
    proto::v1::{GetVersionRequest, inspect_service_client::InspectServiceClient},
    remedy::Remedy,
};
use http::HeaderValue;
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::errno::Errno;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::UnixStream, time::timeout};
use tonic::{Request, body::Body};
use tower_service::Service;

/// Time limit for a daemon that is just starting to answer the first connection.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// An open connection. Clones share it.
#[derive(Clone, Debug)]
pub struct Connection {
    sender: http2::SendRequest<Body>,
    socket: Arc<PathBuf>,
    /// Proof that this process is on the daemon's machine; `None`: it is foreign.
    cookie: Option<HeaderValue>,
}

impl Connection {
    /// Connects to `socket`, which must belong to this user.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(socket: &Path) -> Result<Self, ConnectError> {
        let path = || socket.display().to_string();
        let stream = UnixStream::connect(socket).await.map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::WouldBlock => ConnectError::Unreachable { path: path(), cause },
            // connect(2) itself never returns these: a seccomp filter does, or a kernel without Unix sockets.
            _ if matches!(
                cause.raw_os_error().map(Errno::from_raw),
                Some(Errno::EPERM | Errno::EAFNOSUPPORT)
            ) =>
            {
                ConnectError::Sandboxed { path: path(), cause }
            }
            io::ErrorKind::PermissionDenied => closed(socket),
            _ => too_long(socket).unwrap_or_else(|| ConnectError::Unsafe {
                path: path(),
                why: cause.to_string(),
                remedy: another_place(socket),
            }),
        })?;
        let theirs =
            stream.peer_cred().map_err(|cause| ConnectError::Unreachable { path: path(), cause })?.uid();
        let ours = own_uid();
        if theirs != ours {
            return Err(ConnectError::Unsafe {
                path: path(),
                why: format!("the daemon runs as uid {theirs}, not {ours}"),
                remedy: another_place(socket).or_else(|| Some(Remedy::move_away(socket))),
            });
        }
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(Gathered::new(stream))).await?;
        // It ends when the last sender is dropped; its error reaches the callers that wait for an answer.
        let driven = tokio::spawn(connection);
        let mut opened = Self { sender, socket: Arc::new(socket.to_owned()), cookie: cookie::read(socket)? };
        if opened.cookie.is_none() {
            // If the service manager starts a daemon for this connection, the daemon creates the cookie before it
            // answers.
            let version = InspectServiceClient::with_origin(opened.clone(), Self::origin());
            let asked = async move { version.clone().get_version(Request::new(GetVersionRequest {})).await };
            drop(timeout(FIRST_ANSWER, asked).await);
            if driven.is_finished()
                && let Ok(Err(error)) = driven.await
                && error::is_not_http2(&error)
            {
                return Err(error.into());
            }
            opened.cookie = cookie::read(socket)?;
        }
        Ok(opened)
    }

    /// Whether the daemon regards this process as local.
    pub(super) fn is_near(&self) -> bool {
        self.cookie.is_some()
    }

    /// The socket at the other end.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether the cookie beside the socket differs from the one this connection sends.
    pub(super) fn is_outdated(&self) -> bool {
        cookie::read(&self.socket).is_ok_and(|found| found.is_some() && found != self.cookie)
    }

    /// Scheme and authority of requests.
    pub(super) fn origin() -> http::Uri {
        http::Uri::from_static("http://localhost")
    }
}

impl Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    /// Always ready: the call itself reports that a connection has ended. tonic would turn an error here into a mere
    /// text.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(COOKIE_KEY, cookie.clone());
        }
        Box::pin(self.sender.send_request(request))
    }
}
