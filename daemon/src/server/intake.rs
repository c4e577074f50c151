//! Counts the memory of requests, before every service: a message uses memory from its first byte, long before a
//! service gets it.

use super::MAX_REQUEST;
use crate::{connections::Call, peer::Peer};
use claviger::{
    reason::{Problem, Reason},
    wire,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, Service, http},
};
use tower_layer::Layer;

/// The stream of the program that serves gates. It lasts for days, and only near callers get past its headers; each message is limited.
const ATTEND: &str = "/claviger.v1.GateService/Attend";
/// Overhead of a header.
const HEADER: usize = 32;

/// Adds the counting to a service.
#[derive(Clone, Debug)]
pub(super) struct Intake;

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub(super) struct Counted<S>(S);

/// An incoming request.
struct Arriving {
    body: Body,
    call: Option<Arc<Call>>,
}

/// A call that is being answered.
pub(super) struct Answering<F> {
    answer: F,
    call: Option<Arc<Call>>,
}

/// An outgoing answer; the call ends when it has been sent.
pub(super) struct Leaving<B> {
    body: B,
    _call: Option<Arc<Call>>,
}

impl<S> Layer<S> for Intake {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted(inner)
    }
}

impl<S, B> Service<http::Request<Body>> for Counted<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>>,
    S::Future: Unpin,
{
    type Response = http::Response<Leaving<B>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let link = request.extensions().get::<Peer>().and_then(|peer| peer.link.clone());
        let call = link.map(|link| Arc::new(Call::new(link, size(request.headers()))));
        let arriving = call.clone().filter(|_| request.uri().path() != ATTEND);
        let request = request.map(|body| Body::new(Arriving { body, call: arriving }));
        Answering { answer: self.0.call(request), call }
    }
}

fn size(headers: &http::HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER).sum()
}

// === impl Arriving ===

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let (Some(Ok(frame)), Some(call)) = (&frame, &self.call) {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            if !call.hold(bytes) || call.held() > 2 * MAX_REQUEST {
                return Poll::Ready(Some(Err(too_much())));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// It is complete, or the rest is not needed.
impl Drop for Arriving {
    fn drop(&mut self) {
        if let Some(call) = &self.call {
            call.begin();
        }
    }
}

fn too_much() -> Status {
    wire::to_status(&Problem::new(Reason::Limits, "the requests under way are too large in all"))
}

// === impl Answering ===

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<http::Response<B>, E>> + Unpin,
{
    type Output = Result<http::Response<Leaving<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx))?;
        let call = self.call.take();
        // A stream of requests is answered while it continues.
        call.iter().for_each(|call| call.begin());
        Poll::Ready(Ok(answer.map(|body| Leaving { body, _call: call })))
    }
}

// === impl Leaving ===

impl<B: HttpBody + Unpin> HttpBody for Leaving<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
