//! One request: checked, given the credential and sent on; its answer is passed back as it arrives.

use crate::{
    answer::{self, Body},
    backend::anthropic,
    gate::Gate,
    guard::Denied,
    headers,
    intake::{self, Intake, REFUSED},
    lease::Ready,
    meter::Meter,
    reach,
    tee::{Outgoing, Tee},
    upstream::Upstream,
    used::InProgress,
};
use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, HOST},
    request::Parts,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Either, Limited};
use hyper::body::Incoming;
use std::{
    error::Error,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
    time::Instant,
};

type BoxError = Box<dyn Error + Send + Sync>;

/// The body of an answer, as it arrives. An error here ends the connection, so that the client sees that the answer is incomplete.
pub(crate) struct Passing {
    rest: Either<Incoming, http_body_util::Full<Bytes>>,
    meter: Option<Meter>,
    /// Counts the request until the answer ends.
    _progress: InProgress,
    /// The rest of the request, which the client may still send.
    body: Tee,
}

/// The answer to a request.
type Answer = Response<Body<Passing>>;

/// Answers one request.
pub(crate) async fn forward(gate: &Gate, intake: &Mutex<Intake>, request: Request<Incoming>) -> Answer {
    let came = Instant::now();
    let (parts, incoming) = request.into_parts();
    let body = Tee::new(incoming);
    if parts.headers.contains_key(REFUSED) {
        gate.used.refused();
        return answer::refused(intake::refusal(intake));
    }
    let answer = attempt(gate, parts, body, came).await;
    answer.unwrap_or_else(|(refused, body)| {
        gate.used.refused();
        // A client that is busy sending does not read.
        body.drain();
        refused
    })
}

async fn attempt(gate: &Gate, parts: Parts, body: Tee, came: Instant) -> Result<Answer, (Answer, Tee)> {
    if let Err(answer) = admit(gate, &parts) {
        return Err((answer, body));
    }
    let mut progress = gate.used.begin();
    // What the wait for a credential and the API take is not the gate's.
    let mut own = Some(came.elapsed());
    let mut lease = match gate.leases.newest().await {
        Ok(lease) => lease,
        Err(problem) => return Err((answer::problem(&problem), body)),
    };
    gate.used.sent_on();
    let mut is_second = false;
    loop {
        progress.with(&lease.holders);
        let began = Instant::now();
        let ready = match prepare(gate, &parts, &body, &lease) {
            Ok(ready) => ready,
            Err(answer) => return Err((answer, body)),
        };
        // Of the first sending.
        if let Some(own) = own.take() {
            gate.used.handed_on(own + began.elapsed());
        }
        let sent = match send(ready, &body, &lease).await {
            Ok(sent) => sent,
            Err(answer) => return Err((answer, body)),
        };
        let (mut head, rest) = sent.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err((answer::error(StatusCode::BAD_GATEWAY, "the API changed the protocol"), body));
        }
        let mut rest = Either::Left(rest);
        if anthropic::may_reject(head.status) {
            let (is_rejected, again) = rejection(head.status, rest).await;
            rest = again;
            if is_rejected && !is_second {
                match gate.leases.after(&lease, head.status.as_u16()).await {
                    Ok(Some(next)) if body.is_kept() => {
                        (lease, is_second) = (next, true);
                        gate.used.replayed();
                        continue;
                    }
                    Ok(_) => {}
                    Err(problem) => return Err((answer::problem(&problem), body)),
                }
            }
        }
        if head.status.is_success() {
            lease.note_success();
        }
        body.forget();
        gate.used.answered(head.status.as_u16());
        headers::end_to_end(&mut head.headers);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let meter = Meter::of(&head.headers, &gate.used);
        let passing = Passing { rest, meter, _progress: progress, body };
        return Ok(Response::from_parts(head, Either::Right(passing)));
    }
}

/// Checks that a request may pass.
fn admit(gate: &Gate, parts: &Parts) -> Result<(), Answer> {
    let host = parts.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    if !host.is_none_or(|host| gate.is_at(host)) {
        let message =
            "the request is for another host: this gate is http://localhost, or its port of 127.0.0.1";
        return Err(answer::error(StatusCode::MISDIRECTED_REQUEST, message));
    }
    if parts.method == Method::CONNECT || parts.uri.authority().is_some() {
        return Err(answer::error(
            StatusCode::BAD_REQUEST,
            "a gate leads to one API and is no proxy for others",
        ));
    }
    gate.guard.admit(&parts.headers).map_err(|denied| {
        let message = match denied {
            Denied::Nothing => "the placeholder is missing: only processes that `claviger exec` gave it to may send here",
            Denied::Another => {
                "the request has a credential of its own, which a gate does not replace without a word: take it away, or send the request to the API itself"
            }
        };
        answer::error(StatusCode::UNAUTHORIZED, message)
    })
}

/// The request with the credential, and the client that sends it.
fn prepare(
    gate: &Gate,
    parts: &Parts,
    body: &Tee,
    lease: &Ready,
) -> Result<(Upstream, Request<Outgoing>), Answer> {
    let upstream = match gate.upstreams.of(&gate.network, &lease.origin) {
        Ok(upstream) => upstream,
        Err(problem) => return Err(answer::unreachable(&problem)),
    };
    let (Some(uri), Some(outgoing)) = (lease.uri(parts.uri.path_and_query()), body.send()) else {
        return Err(answer::error(StatusCode::BAD_REQUEST, "the target of the request is no path"));
    };
    let length = outgoing.size_hint().exact().filter(|_| parts.headers.contains_key(CONTENT_LENGTH));
    let mut request = Request::new(outgoing);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    let mut sent = parts.headers.clone();
    headers::inject(&mut sent, &lease.headers);
    sent.extend(length.map(|length| (CONTENT_LENGTH, length.into())));
    *request.headers_mut() = sent;
    Ok((upstream, request))
}

async fn send(
    (upstream, request): (Upstream, Request<Outgoing>),
    body: &Tee,
    lease: &Ready,
) -> Result<Response<Incoming>, Answer> {
    let host = lease.origin.authority().map_or("the API", |authority| authority.as_str());
    upstream.request(request).await.map_err(|error| {
        if body.is_broken() {
            return answer::error(StatusCode::BAD_REQUEST, "the body of the request is not whole");
        }
        match reach::before_answer(host, &error) {
            Some(problem) => answer::unreachable(&problem),
            None => answer::error(
                StatusCode::BAD_GATEWAY,
                &format!("{host} broke off the connection before it answered; the request is not sent again, for it may have been carried out"),
            ),
        }
    })
}

/// Whether an answer rejects the credential, and the unread answer.
async fn rejection(
    status: StatusCode,
    rest: Either<Incoming, http_body_util::Full<Bytes>>,
) -> (bool, Either<Incoming, http_body_util::Full<Bytes>>) {
    if status == StatusCode::UNAUTHORIZED {
        return (true, rest);
    }
    match Limited::new(rest, anthropic::MAX_ERROR).collect().await {
        Ok(all) => {
            let all = all.to_bytes();
            (anthropic::rejects(status, &all), Either::Right(http_body_util::Full::new(all)))
        }
        Err(_) => (false, Either::Right(http_body_util::Full::default())),
    }
}

// === impl Passing ===

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match std::task::ready!(Pin::new(&mut self.rest).poll_frame(cx)) {
            // Trailers are dropped.
            Some(Ok(frame)) if !frame.is_data() => Poll::Ready(None),
            other => {
                if let (Some(Ok(frame)), Some(meter)) = (&other, &mut self.meter) {
                    frame.data_ref().into_iter().for_each(|data| meter.see(data));
                }
                Poll::Ready(other)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.size_hint()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.body.drain();
    }
}
