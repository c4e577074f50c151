//! Text for people. Pure: the caller passes the time and the colours. All foreign text is escaped here.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod bar;
pub(crate) mod columns;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod facts;
pub(crate) mod gate;
pub(crate) mod lease;
pub(crate) mod login;
pub(crate) mod news;
pub(crate) mod openmetrics;
pub(crate) mod pending;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod share;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod trust;

use crate::text::escape;
use crate::text::words;
use claviger::{
    proto::v1::{Location, Problem},
    remedy::Remedy,
    wire,
};

/// `file:line`, as editors and terminals open it.
pub(crate) fn place(location: &Location) -> String {
    match location.line {
        0 => escape::line(&location.file),
        line => format!("{}:{line}", escape::line(&location.file)),
    }
}

/// `file:line (layer)`.
pub(crate) fn place_and_layer(location: &Location) -> String {
    format!("{} ({})", place(location), wire::layer_word(location.layer()))
}

/// A problem on one line: place, message, hint, remedy.
pub(crate) fn problem(problem: &Problem) -> String {
    problem_and_help(problem).join("; ")
}

/// A problem with its place, then hint and remedy if there are any.
pub(crate) fn problem_and_help(problem: &Problem) -> Vec<String> {
    let hint = Some(escape::line(&problem.hint)).filter(|hint| !hint.is_empty());
    let said = problem.said.iter().map(|line| format!("its output: {}", escape::line(line)));
    let help = [hint, wire::helps(problem).as_ref().map(action)].into_iter().flatten();
    [what(problem)].into_iter().chain(said).chain(help).collect()
}

/// A problem with its place.
pub(crate) fn what(problem: &Problem) -> String {
    let place = problem.location.as_ref().map(|location| match location.column {
        0 => format!("{}: ", place(location)),
        column => format!("{}:{column}: ", place(location)),
    });
    let (message, reason) = (escape::line(&problem.message), words::reason(problem.reason()));
    format!("{}{message} ({reason})", place.unwrap_or_default())
}

/// The remedy on a line of its own. A command is shown as it is pasted.
pub(crate) fn action(remedy: &Remedy) -> String {
    escape::line(&match remedy {
        Remedy::Run(command) => format!("run: {command}"),
        Remedy::Edit(at) => format!("edit: {at}"),
        Remedy::Write(setting) => format!("write: {setting}"),
        Remedy::Administrator(what) => format!("ask your administrator to {what}"),
    })
}
