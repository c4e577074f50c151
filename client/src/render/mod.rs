//! Text for people. Pure: the caller brings the time and the colours. Whatever others wrote is escaped here.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod bar;
pub(crate) mod columns;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod facts;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod lease;
pub(crate) mod login;
pub(crate) mod news;
pub(crate) mod pending;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod trust;

use crate::escape;
use claviger::proto::v1::{Location, Problem};

/// `file:line`, as editors and terminals open it.
pub(crate) fn place(location: &Location) -> String {
    match location.line {
        0 => escape::line(&location.file),
        line => format!("{}:{line}", escape::line(&location.file)),
    }
}

/// `file:line (layer)`.
pub(crate) fn place_and_layer(location: &Location) -> String {
    format!("{} ({})", place(location), escape::line(&location.layer))
}

/// A problem on one line: place, message, hint.
pub(crate) fn problem(problem: &Problem) -> String {
    problem_and_hint(problem).join("; ")
}

/// A problem with its place, then what to do about it if there is anything.
pub(crate) fn problem_and_hint(problem: &Problem) -> Vec<String> {
    let place = problem.location.as_ref().map(|location| match location.column {
        0 => format!("{}: ", place(location)),
        column => format!("{}:{column}: ", place(location)),
    });
    let (message, reason) = (escape::line(&problem.message), escape::line(&problem.reason));
    let what = format!("{}{message} ({reason})", place.unwrap_or_default());
    let hint = Some(escape::line(&problem.hint)).filter(|hint| !hint.is_empty());
    std::iter::once(what).chain(hint).collect()
}
