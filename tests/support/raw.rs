//! The API without the library's own checks: what a client that believes anything would see.

use claviger::proto::v1::{
    self, credential_service_client::CredentialServiceClient, inspect_service_client::InspectServiceClient,
};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::net::UnixStream;
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, Service, http},
};

/// A connection that does not look at who listens.
#[derive(Clone)]
pub struct Raw(http2::SendRequest<Body>);

impl Raw {
    pub async fn open(socket: &Path) -> Self {
        Self::over(UnixStream::connect(socket).await.expect("the socket was opened by hand")).await
    }

    /// On a connection that is open already.
    pub async fn on(connection: std::os::unix::net::UnixStream) -> Self {
        connection.set_nonblocking(true).expect("a socket");
        Self::over(UnixStream::from_std(connection).expect("a socket")).await
    }

    async fn over(stream: UnixStream) -> Self {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
        tokio::spawn(async move { drop(connection.await) });
        Self(sender)
    }

    pub async fn status(&self) -> Result<v1::GetStatusResponse, Status> {
        let mut service = InspectServiceClient::with_origin(self.clone(), origin());
        service.get_status(v1::GetStatusRequest {}).await.map(tonic::Response::into_inner)
    }

    pub async fn get(&self, session: v1::SessionContext) -> Result<v1::GetCredentialResponse, Status> {
        let message = v1::GetCredentialRequest { session: Some(session), ..Default::default() };
        let mut service = CredentialServiceClient::with_origin(self.clone(), origin());
        service.get_credential(message).await.map(tonic::Response::into_inner)
    }

    /// Calls `method`, says that a message of `length` bytes comes, and never sends the last of them.
    pub async fn half(self, method: &str, length: u32) {
        let begin = [&[0][..], &length.to_be_bytes()].concat();
        let request = http::Request::post(format!("http://localhost{method}"));
        let request = request.header("content-type", "application/grpc").header("te", "trailers");
        let body = Body::new(Half { begin: Some(begin.into()), left: length as usize - 1 });
        let mut sender = self.0;
        if sender.ready().await.is_ok() {
            drop(sender.send_request(request.body(body).expect("a request")).await);
        }
    }
}

/// A message that never ends.
struct Half {
    begin: Option<Bytes>,
    left: usize,
}

impl tonic::codegen::Body for Half {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];
        let count = self.left.min(ZEROS.len());
        match self.begin.take() {
            Some(begin) => Poll::Ready(Some(Ok(Frame::data(begin)))),
            None if count == 0 => Poll::Pending,
            None => {
                self.left -= count;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&ZEROS[..count])))))
            }
        }
    }
}

fn origin() -> http::Uri {
    http::Uri::from_static("http://localhost")
}

impl Service<http::Request<Body>> for Raw {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
