//! Domain types as messages.

use crate::{
    proto::v1::{self, remedy::Kind},
    reason::{Location, Problem, Reason, Said},
    remedy::{Command, Remedy, Setting},
};
use prost_types::Timestamp;
use std::time::{Duration, SystemTime};

/// All settings layers, for lookups.
const LAYERS: [v1::Layer; 6] = [
    v1::Layer::Managed,
    v1::Layer::Explicit,
    v1::Layer::Local,
    v1::Layer::Project,
    v1::Layer::User,
    v1::Layer::Config,
];

/// A settings layer, encoded from its word.
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

/// A location, encoded.
pub fn location(location: &Location) -> v1::Location {
    v1::Location {
        layer: layer(&location.layer).into(),
        file: location.file.clone(),
        line: location.line,
        column: location.column,
    }
}

/// A location, decoded.
pub fn from_location(location: &v1::Location) -> Location {
    Location {
        layer: layer_word(location.layer()).to_owned(),
        file: location.file.clone(),
        line: location.line,
        column: location.column,
    }
}

/// A problem, encoded, with delays relative to `now`.
pub fn problem(problem: &Problem, now: SystemTime) -> v1::Problem {
    v1::Problem {
        reason: problem.reason.to_proto().into(),
        message: problem.message.clone(),
        hint: problem.hint.clone().unwrap_or_default(),
        location: problem.location.as_ref().map(location),
        retry_at: problem.retry_after.map(|delay| timestamp(now + delay)),
        remedy: problem.helps().as_ref().map(remedy),
        said: problem.said.0.clone(),
    }
}

/// A problem, decoded, with delays relative to `now`.
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
        said: Said(problem.said.clone()),
    }
}

/// The remedy of an encoded problem.
pub fn helps(problem: &v1::Problem) -> Option<Remedy> {
    problem.remedy.as_ref().and_then(from_remedy)
}

/// Hint and remedy of an encoded problem, as text.
pub fn advice(problem: &v1::Problem) -> Option<String> {
    let words = Some(problem.hint.as_str()).filter(|hint| !hint.is_empty());
    Remedy::advice(helps(problem).as_ref(), words)
}

/// A remedy, encoded.
pub fn remedy(remedy: &Remedy) -> v1::Remedy {
    let kind = match remedy {
        Remedy::Run(command) => Kind::Run(v1::Command {
            argv: command.argv.clone(),
            directory: command.directory.clone().unwrap_or_default(),
            line: command.to_string(),
        }),
        Remedy::Edit(at) => Kind::Edit(location(at)),
        Remedy::Write(setting) => {
            let Setting { file, table, line } = &**setting;
            Kind::Write(v1::Setting { file: file.clone(), table: table.clone(), line: line.clone() })
        }
        Remedy::Administrator(what) => Kind::Administrator(what.clone()),
    };
    v1::Remedy { kind: Some(kind) }
}

/// A remedy, decoded; `None` for a kind of a later release.
pub fn from_remedy(remedy: &v1::Remedy) -> Option<Remedy> {
    Some(match remedy.kind.as_ref()? {
        Kind::Run(v1::Command { argv, directory, .. }) => Remedy::Run(Command {
            argv: argv.clone(),
            directory: Some(directory.clone()).filter(|directory| !directory.is_empty()),
        }),
        Kind::Edit(at) => Remedy::Edit(from_location(at)),
        Kind::Write(v1::Setting { file, table, line }) => {
            Remedy::Write(Box::new(Setting { file: file.clone(), table: table.clone(), line: line.clone() }))
        }
        Kind::Administrator(what) => Remedy::Administrator(what.clone()),
    })
}

/// An instant, encoded.
pub fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::from(at)
}

/// An instant, decoded; `None` if it is out of range.
pub fn system_time(at: &Timestamp) -> Option<SystemTime> {
    SystemTime::try_from(*at).ok()
}

/// A duration, encoded.
pub fn duration(of: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(of).unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}
