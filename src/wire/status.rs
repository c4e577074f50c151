//! gRPC errors: a problem, in their details.

use super::message::{from_remedy, remedy};
use crate::{
    proto::v1,
    reason::{Location, Problem, Reason, Said},
    remedy::Remedy,
};
use prost::Message as _;
use prost_types::Any;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _, pb};

/// `ErrorInfo.domain` of every error of this API.
pub const DOMAIN: &str = "claviger";
/// Limits of a gRPC error, in bytes: message, file, hint, and trail with a command's last lines. All of them travel in
/// HTTP/2 headers, the message twice and escaped, and clients close the connection on headers of more than 8 KiB.
const MAX_MESSAGE: usize = 700;
const MAX_FILE: usize = 1000;
const MAX_HINT: usize = 500;
const MAX_TRAIL: usize = 1000;
/// Longest remedy, encoded. A truncated command would do something else, so a longer one is left out.
const MAX_REMEDY: usize = 1500;
/// Name of the remedy among the details of an error.
const REMEDY_TYPE: &str = "type.googleapis.com/claviger.v1.Remedy";

/// A gRPC error with reason, hint and location in `ErrorInfo`, `RetryInfo` where a retry may succeed, and the remedy as
/// a message of ours.
pub fn to_status(problem: &Problem) -> Status {
    let mut metadata = HashMap::new();
    let mut put = |key: &str, value: String| drop(metadata.insert(key.to_owned(), value));
    if let Some(hint) = &problem.hint {
        put("hint", shortened(hint, MAX_HINT));
    }
    if let Some(location) = &problem.location {
        put("layer", location.layer.clone());
        put("file", shortened(&location.file, MAX_FILE));
        put("line", location.line.to_string());
        put("column", location.column.to_string());
    }
    let trail = problem.trail.join("\n");
    // They share the limit: a command's problem has no trail.
    let room = MAX_TRAIL.saturating_sub(trail.len());
    if !trail.is_empty() {
        put("trail", shortened(&trail, MAX_TRAIL));
    }
    let said = problem.said.0.join("\n");
    if !said.is_empty() && room > MAX_TRAIL / 4 {
        put("said", shortened(&said, room));
    }
    let mut details = ErrorDetails::with_error_info(problem.reason.as_str(), DOMAIN, metadata);
    if let Some(delay) = problem.retry_after {
        details.set_retry_info(Some(delay));
    }
    let message = shortened(&problem.message, MAX_MESSAGE);
    let status = Status::with_error_details(problem.reason.code(), message, details);
    match problem.helps().map(|helps| remedy(&helps)).filter(|remedy| remedy.encoded_len() <= MAX_REMEDY) {
        Some(remedy) => with_remedy(&status, &remedy),
        None => status,
    }
}

fn with_remedy(status: &Status, remedy: &v1::Remedy) -> Status {
    let mut rich = pb::Status::decode(status.details()).unwrap_or_default();
    rich.details.push(Any { type_url: REMEDY_TYPE.to_owned(), value: remedy.encode_to_vec() });
    Status::with_details(status.code(), status.message(), rich.encode_to_vec().into())
}

fn remedy_in(status: &Status) -> Option<Remedy> {
    let rich = pb::Status::decode(status.details()).ok()?;
    let detail = rich.details.iter().find(|detail| detail.type_url == REMEDY_TYPE)?;
    from_remedy(&v1::Remedy::decode(&*detail.value).ok()?)
}

/// The text, without its middle if it is longer than `max` bytes.
fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(max / 2);
    let tail = text.ceil_char_boundary(text.len() - max / 2);
    format!("{} … {}", &text[..head], &text[tail..])
}

/// The problem a gRPC error carries. Errors of other origin (a broken connection, another server) become
/// `source-unavailable` or `bug` with the text as it is.
pub fn from_status(status: &Status) -> Problem {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let Some((info, reason)) = info.and_then(|info| Some((info, Reason::parse(&info.reason)?))) else {
        return not_ours(status);
    };
    let text = |key: &str| info.metadata.get(key).cloned().unwrap_or_default();
    let number = |key: &str| text(key).parse().unwrap_or(0);
    let location =
        Location { layer: text("layer"), file: text("file"), line: number("line"), column: number("column") };
    Problem {
        reason,
        message: status.message().to_owned(),
        hint: info.metadata.get("hint").cloned(),
        remedy: remedy_in(status),
        location: Some(location).filter(|location| !location.file.is_empty()),
        retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        trail: text("trail").lines().map(str::to_owned).collect(),
        said: Said(text("said").lines().map(str::to_owned).collect()),
    }
}

fn not_ours(status: &Status) -> Problem {
    let message = match (status.code(), status.message()) {
        (Code::Unimplemented, "") => {
            "the socket does not offer that: it belongs to a share, which only lends"
        }
        (code, "") => code.description(),
        (_, message) => message,
    };
    Problem::new(foreign(status.code()), message)
}

/// Whether an error is not of this API: it comes from a broken connection, or from another server.
pub fn is_foreign(status: &Status) -> bool {
    status.get_error_details().error_info().is_none_or(|info| info.domain != DOMAIN)
}

fn foreign(code: Code) -> Reason {
    match code {
        Code::Unavailable => Reason::SourceUnavailable,
        Code::DeadlineExceeded => Reason::SourceTimeout,
        Code::Cancelled => Reason::Cancelled,
        Code::ResourceExhausted | Code::OutOfRange => Reason::Limits,
        Code::InvalidArgument | Code::Unimplemented => Reason::MalformedRequest,
        _ => Reason::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::{from_status, to_status};
    use crate::reason::{Location, Problem, REASONS, Reason, Said};
    use std::time::Duration;
    use tonic::{Code, Status};

    #[test]
    fn every_problem_survives_the_wire() {
        let at =
            Location { layer: "user".into(), file: "/h/.claude/settings.json".into(), line: 2, column: 5 };
        for reason in REASONS {
            let mut problem = Problem::new(reason, "what happened").hint("do this").at(&at);
            problem.retry_after = Some(Duration::from_secs(5));
            problem.trail = vec!["env-api-key: not set".into(), "api-key-helper: not set".into()];
            problem.said = Said(vec!["not signed in".into(), "give up".into()]);
            let problem = problem.within("/w");
            assert_eq!(from_status(&to_status(&problem)), problem);
            assert_eq!(to_status(&problem).code(), reason.code());
        }
    }

    #[test]
    fn long_texts_lose_their_middle_and_fit_into_headers() {
        let long = "\u{e9}".repeat(5000);
        let at = Location { file: format!("/{long}/settings.json"), line: 1, ..Location::default() };
        let problem =
            Problem::new(Reason::WorkspaceUntrusted, format!("begin {long} end")).hint(&*long).at(&at);
        let status = to_status(&Problem {
            trail: vec![long.clone()],
            said: Said(vec![long.clone()]),
            ..problem.within(&format!("/{}", "x".repeat(1400)))
        });
        assert!(status.details().len() * 4 / 3 + status.message().len() * 3 < 8192);
        assert!(status.message().starts_with("begin ") && status.message().ends_with(" end"));
        assert!(from_status(&status).location.expect("a place").file.ends_with("/settings.json"));
    }

    #[test]
    fn errors_of_other_servers_are_not_mistaken_for_ours() {
        assert_eq!(from_status(&Status::new(Code::NotFound, "x")).reason, Reason::Bug);
        assert_eq!(from_status(&Status::new(Code::Unavailable, "x")).reason, Reason::SourceUnavailable);
    }
}
