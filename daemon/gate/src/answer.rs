//! Answers of the gate itself: errors in the form of the API, with claviger's reason and remedy.

use crate::{backend::anthropic, head::Refusal};
use bytes::Bytes;
use claviger::reason::{Problem, Reason};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{Either, Full};

/// Header that tells the SDKs of the API whether to try again.
const RETRY: &str = "x-should-retry";

/// The body of an answer: our own, or that of the API.
pub(crate) type Body<T> = Either<Full<Bytes>, T>;

/// An error of ours.
pub(crate) fn error<T>(status: StatusCode, message: &str) -> Response<Body<T>> {
    // Tools show the text as if it came from the API, so it says where it comes from.
    let prefix = if message.starts_with("claviger ") { "" } else { "claviger: " };
    let body = anthropic::error(status, &format!("{prefix}{message}")).to_string();
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // After a lost connection, the request may have been carried out, so only the client can decide.
    let again =
        HeaderValue::from_static(if status == StatusCode::SERVICE_UNAVAILABLE { "true" } else { "false" });
    headers.insert(RETRY, again);
    response
}

/// The answer to a refused head. The connection ends with it.
pub(crate) fn refused<T>(refusal: Refusal) -> Response<Body<T>> {
    let mut response = error(refusal.status, refusal.why);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer if there is no credential.
pub(crate) fn problem<T>(problem: &Problem) -> Response<Body<T>> {
    of_problem(status(problem.reason), problem)
}

/// Why the API is not reached. Only what may pass by itself is worth another attempt.
pub(crate) fn unreachable<T>(problem: &Problem) -> Response<Body<T>> {
    match problem.reason {
        Reason::SourceUnavailable => of_problem(StatusCode::SERVICE_UNAVAILABLE, problem),
        _ => of_problem(StatusCode::BAD_GATEWAY, problem),
    }
}

fn of_problem<T>(status: StatusCode, problem: &Problem) -> Response<Body<T>> {
    let message = match problem.advice() {
        Some(advice) => format!("{problem} ({}): {advice}", problem.reason.as_str()),
        None => format!("{problem} ({})", problem.reason.as_str()),
    };
    let mut response = error(status, &message);
    if let Some(after) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, after.as_secs().max(1).into());
    }
    response
}

/// SDKs repeat requests after a 503, so only problems that can pass by themselves get that status. The others get 424, which no tool
/// handles specially: after 401 and 403, Claude Code asks its user to log in, which would not help.
fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::SourceUnavailable
        | Reason::Handover
        | Reason::ShuttingDown
        | Reason::SourceTimeout
        | Reason::Limits
        | Reason::Cancelled
        | Reason::StaleCookie
        | Reason::StaleSession => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::FAILED_DEPENDENCY,
    }
}
