//! The API without the library's own checks: what a client that believes anything would see.

use claviger::proto::v1::{
    self, credential_service_client::CredentialServiceClient, inspect_service_client::InspectServiceClient,
};
use hyper::{body::Incoming, client::conn::http2};
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
    codegen::{Service, http},
};

/// A connection that does not look at who listens.
#[derive(Clone)]
pub struct Raw(http2::SendRequest<Body>);

impl Raw {
    pub async fn open(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).await.expect("the socket was opened by hand");
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
