//! One HTTP/2 connection over a Unix socket, as tonic's generated clients want it.
//!
//! tonic's own `Channel` adds reconnecting, buffering and balancing, which a local socket has no use for and a
//! process that lives three milliseconds would pay for.

use super::{
    cookie,
    error::ConnectError,
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

/// How long a daemon that is only just started may take to say that it is there.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// An open connection. Clones share it.
#[derive(Clone, Debug)]
pub struct Connection {
    sender: http2::SendRequest<Body>,
    socket: Arc<PathBuf>,
    /// What shows that this process is on the daemon's machine; `None`: it is foreign.
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
            // connect(2) itself never says so: a seccomp filter does, or a kernel without such sockets.
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
        tokio::spawn(async move { drop(connection.await) });
        let mut opened = Self { sender, socket: Arc::new(socket.to_owned()), cookie: cookie::read(socket)? };
        if opened.cookie.is_none() {
            // A daemon that the service manager starts for this very connection makes it before it answers.
            let version = InspectServiceClient::with_origin(opened.clone(), Self::origin());
            let asked = async move { version.clone().get_version(Request::new(GetVersionRequest {})).await };
            drop(timeout(FIRST_ANSWER, asked).await);
            opened.cookie = cookie::read(socket)?;
        }
        Ok(opened)
    }

    /// Whether the daemon takes this process for one of its own machine.
    pub(super) fn is_near(&self) -> bool {
        self.cookie.is_some()
    }

    /// The socket at the other end.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether the cookie beside the socket is another than the one that this connection sends.
    pub(super) fn is_outdated(&self) -> bool {
        cookie::read(&self.socket).is_ok_and(|found| found.is_some() && found != self.cookie)
    }

    /// What requests carry as scheme and authority.
    pub(super) fn origin() -> http::Uri {
        http::Uri::from_static("http://localhost")
    }
}

impl Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    /// Always: a connection that has ended shows in the call itself, whose error says so. tonic makes a text of this one.
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
