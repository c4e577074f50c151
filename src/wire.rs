//! Between the domain's words and the messages of the API.

use crate::{
    PROTOCOL, RELEASE,
    proto::v1::{self, remedy::Kind},
    reason::{Location, Problem, Reason},
    remedy::{Command, Remedy},
};
use prost::Message as _;
use prost_types::{Any, Timestamp};
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt as _, pb};

/// `ErrorInfo.domain` of every error of this API.
pub const DOMAIN: &str = "claviger";
/// Metadata key with the release of the sender, both ways.
pub const RELEASE_KEY: &str = "claviger-release";
/// Metadata key with [`crate::PROTOCOL`] of the sender, both ways.
pub const PROTOCOL_KEY: &str = "claviger-protocol";

/// Longest message, file, hint and trail of a gRPC error, in bytes. All of it travels in HTTP/2 headers, the message
/// twice and escaped, and clients break the connection over headers of more than 8 KiB.
const MAX_MESSAGE: usize = 700;
const MAX_FILE: usize = 1000;
const MAX_HINT: usize = 500;
const MAX_TRAIL: usize = 1000;
/// Longest remedy, encoded. A command that is cut short would do something else, so a longer one is left out.
const MAX_REMEDY: usize = 1500;
/// What the remedy is called among the details of an error.
const REMEDY_TYPE: &str = "type.googleapis.com/claviger.v1.Remedy";

/// A gRPC error with reason, hint and location in `ErrorInfo`, `RetryInfo` where it may heal, and what helps as a
/// message of ours.
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
    if !problem.trail.is_empty() {
        put("trail", shortened(&problem.trail.join("\n"), MAX_TRAIL));
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

/// The problem a gRPC error carries. Errors that are not of this API (a broken connection, a stranger's server)
/// become `source-unavailable` or `bug` with the text as it is.
pub fn from_status(status: &Status) -> Problem {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let Some((info, reason)) = info.and_then(|info| Some((info, Reason::parse(&info.reason)?))) else {
        return Problem::new(foreign(status.code()), status.message());
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
    }
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

/// Checks the protocol that the other side (`who`) announces. Silence is accepted: third-party clients know nothing
/// of it.
///
/// # Errors
/// `malformed-request`, with what to update.
pub fn check_protocol(metadata: &MetadataMap, who: &str) -> Result<(), Problem> {
    let text = |key: &str| metadata.get(key).and_then(|value| value.to_str().ok());
    let Some(theirs) = text(PROTOCOL_KEY) else { return Ok(()) };
    // What is no number is older than numbers are.
    let number = theirs.parse().unwrap_or(0);
    if number == PROTOCOL {
        return Ok(());
    }
    let release = text(RELEASE_KEY).unwrap_or("of an unknown release");
    let message =
        format!("the {who} ({release}) speaks protocol {theirs}, this is {RELEASE} with protocol {PROTOCOL}");
    let problem = Problem::new(Reason::MalformedRequest, message);
    Err(match (who == "daemon") == (number < PROTOCOL) {
        true => problem
            .hint("the daemon is the older one; let the installed one take over")
            .remedy(Remedy::restart_daemon()),
        false => problem.hint(
            "the client is the older one: update it, or use the one that was installed with the daemon",
        ),
    })
}

/// All settings layers, for lookups.
const LAYERS: [v1::Layer; 6] = [
    v1::Layer::Managed,
    v1::Layer::Explicit,
    v1::Layer::Local,
    v1::Layer::Project,
    v1::Layer::User,
    v1::Layer::Config,
];

/// A settings layer on the wire, from its word.
pub fn layer(word: &str) -> v1::Layer {
    LAYERS.into_iter().find(|layer| layer_word(*layer) == word).unwrap_or_default()
}

/// The word of a settings layer; empty if there is none.
pub fn layer_word(layer: v1::Layer) -> &'static str {
    match layer {
        v1::Layer::Unspecified => "",
        v1::Layer::Managed => "managed",
        v1::Layer::Explicit => "explicit",
        v1::Layer::Local => "local",
        v1::Layer::Project => "project",
        v1::Layer::User => "user",
        v1::Layer::Config => "config",
    }
}

/// A location on the wire.
pub fn location(location: &Location) -> v1::Location {
    v1::Location {
        layer: layer(&location.layer).into(),
        file: location.file.clone(),
        line: location.line,
        column: location.column,
    }
}

/// A location from the wire.
pub fn from_location(location: &v1::Location) -> Location {
    Location {
        layer: layer_word(location.layer()).to_owned(),
        file: location.file.clone(),
        line: location.line,
        column: location.column,
    }
}

/// A problem on the wire, with delays counted from `now`.
pub fn problem(problem: &Problem, now: SystemTime) -> v1::Problem {
    v1::Problem {
        reason: problem.reason.to_proto().into(),
        message: problem.message.clone(),
        hint: problem.hint.clone().unwrap_or_default(),
        location: problem.location.as_ref().map(location),
        retry_at: problem.retry_after.map(|delay| timestamp(now + delay)),
        remedy: problem.helps().as_ref().map(remedy),
    }
}

/// A problem from the wire, with delays counted from `now`.
pub fn from_problem(problem: &v1::Problem, now: SystemTime) -> Problem {
    let retry_at = problem.retry_at.as_ref().and_then(system_time);
    Problem {
        reason: Reason::from_proto(problem.reason()).unwrap_or(Reason::Bug),
        message: problem.message.clone(),
        hint: Some(problem.hint.clone()).filter(|hint| !hint.is_empty()),
        remedy: helps(problem),
        location: problem.location.as_ref().map(from_location),
        retry_after: retry_at.map(|at| at.duration_since(now).unwrap_or_default()),
        trail: Vec::new(),
    }
}

/// What helps against a problem on the wire.
pub fn helps(problem: &v1::Problem) -> Option<Remedy> {
    problem.remedy.as_ref().and_then(from_remedy)
}

/// What to do about a problem on the wire, for people.
pub fn advice(problem: &v1::Problem) -> Option<String> {
    let words = Some(problem.hint.as_str()).filter(|hint| !hint.is_empty());
    Remedy::advice(helps(problem).as_ref(), words)
}

/// What helps, on the wire.
pub fn remedy(remedy: &Remedy) -> v1::Remedy {
    let kind = match remedy {
        Remedy::Run(command) => Kind::Run(v1::Command {
            argv: command.argv.clone(),
            directory: command.directory.clone().unwrap_or_default(),
            line: command.to_string(),
        }),
        Remedy::Edit(at) => Kind::Edit(location(at)),
        Remedy::Administrator(what) => Kind::Administrator(what.clone()),
    };
    v1::Remedy { kind: Some(kind) }
}

/// What helps, from the wire; `None` for a kind of a later release.
pub fn from_remedy(remedy: &v1::Remedy) -> Option<Remedy> {
    Some(match remedy.kind.as_ref()? {
        Kind::Run(v1::Command { argv, directory, .. }) => Remedy::Run(Command {
            argv: argv.clone(),
            directory: Some(directory.clone()).filter(|directory| !directory.is_empty()),
        }),
        Kind::Edit(at) => Remedy::Edit(from_location(at)),
        Kind::Administrator(what) => Remedy::Administrator(what.clone()),
    })
}

/// An instant on the wire.
pub fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::from(at)
}

/// An instant from the wire; `None` if it is out of range.
pub fn system_time(at: &Timestamp) -> Option<SystemTime> {
    SystemTime::try_from(*at).ok()
}

/// A duration on the wire.
pub fn duration(of: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(of).unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::{PROTOCOL_KEY, check_protocol, from_status, to_status};
    use crate::PROTOCOL;
    use crate::reason::{Location, Problem, REASONS, Reason};
    use std::time::Duration;
    use tonic::{Code, Status, metadata::MetadataMap};

    #[test]
    fn every_problem_survives_the_wire() {
        let at =
            Location { layer: "user".into(), file: "/h/.claude/settings.json".into(), line: 2, column: 5 };
        for reason in REASONS {
            let mut problem = Problem::new(reason, "what happened").hint("do this").at(&at);
            problem.retry_after = Some(Duration::from_secs(5));
            problem.trail = vec!["env-api-key: not set".into(), "api-key-helper: not set".into()];
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
            ..problem.within(&format!("/{}", "x".repeat(1400)))
        });
        assert!(status.details().len() * 4 / 3 + status.message().len() * 3 < 8192);
        assert!(status.message().starts_with("begin ") && status.message().ends_with(" end"));
        assert!(from_status(&status).location.expect("a place").file.ends_with("/settings.json"));
    }

    #[test]
    fn the_older_side_is_named() {
        for (who, theirs, expected) in [
            ("daemon", PROTOCOL - 1, "the daemon is the older"),
            ("daemon", PROTOCOL + 1, "the client is the older"),
            ("client", PROTOCOL - 1, "the client is the older"),
            ("client", PROTOCOL + 1, "the daemon is the older"),
        ] {
            let mut metadata = MetadataMap::new();
            metadata.insert(PROTOCOL_KEY, theirs.into());
            let hint = check_protocol(&metadata, who).expect_err("another protocol").hint.expect("a hint");
            assert!(hint.starts_with(expected), "{who} {theirs}: {hint}");
        }
        assert!(check_protocol(&MetadataMap::new(), "client").is_ok());
    }

    #[test]
    fn errors_of_other_servers_are_not_mistaken_for_ours() {
        assert_eq!(from_status(&Status::new(Code::NotFound, "x")).reason, Reason::Bug);
        assert_eq!(from_status(&Status::new(Code::Unavailable, "x")).reason, Reason::SourceUnavailable);
    }
}
