//! Metadata of requests, and decoding of answers.

use crate::{
    PROTOCOL, RELEASE,
    reason::{Problem, Reason},
    wire,
};
use tonic::{Request, Response, Status, Streaming};

/// A request with the release and protocol of this client.
pub fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(wire::RELEASE_KEY, tonic::metadata::MetadataValue::from_static(RELEASE));
    request.metadata_mut().insert(wire::PROTOCOL_KEY, PROTOCOL.into());
    request
}

/// The message of a response, after checking the daemon's protocol.
///
/// # Errors
/// The daemon's typed [`Problem`]; `malformed-request` if it speaks another protocol.
pub fn unwrap<T>(response: Result<Response<T>, Status>) -> Result<T, Problem> {
    let response = response.map_err(|status| problem(&status))?;
    wire::check_protocol(response.metadata(), "daemon")?;
    Ok(response.into_inner())
}

/// A request to a daemon of any protocol. Stop, Restart and GetVersion are the same in all of them, so that a client
/// can always replace an incompatible daemon.
pub fn request_any<T>(message: T) -> Request<T> {
    Request::new(message)
}

/// The message of a response to [`request_any`].
///
/// # Errors
/// The daemon's typed [`Problem`].
pub fn unwrap_any<T>(response: Result<Response<T>, Status>) -> Result<T, Problem> {
    Ok(response.map_err(|status| problem(&status))?.into_inner())
}

/// The next message of a stream; `None` when the daemon has ended it.
///
/// # Errors
/// The daemon's typed [`Problem`]; `shutting-down` if the connection broke.
pub async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Problem> {
    stream.message().await.map_err(|status| problem(&status))
}

/// Whether the daemon went away, so that reconnecting may help.
pub(super) fn is_lost(problem: &Problem) -> bool {
    matches!(problem.reason, Reason::Handover | Reason::ShuttingDown)
}

/// Whether the daemon refused the cookie, or did not receive one.
pub(super) fn is_refused(problem: &Problem) -> bool {
    matches!(problem.reason, Reason::StaleCookie | Reason::ForeignCaller)
}

/// The problem behind a failed call. A broken connection means that the daemon went away, not that it has a bug.
fn problem(status: &Status) -> Problem {
    let cause = std::error::Error::source(status);
    match cause.and_then(|cause| cause.downcast_ref::<hyper::Error>()) {
        Some(_) => Problem::new(Reason::ShuttingDown, "the daemon went away before it answered")
            .hint("try again; the next call starts a new daemon"),
        None => wire::from_status(status),
    }
}
