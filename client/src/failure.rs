//! Why a verb failed, as text for people or JSON for programs, and the exit code.

pub(crate) mod exit;
mod report;
#[cfg(test)]
pub(crate) use report::Failed;

use crate::output;
use claviger::{
    client::ConnectError,
    reason::{Problem, Reason},
    remedy::Remedy,
};
use report::Report;
use std::{io, time::Duration};

/// Why a verb failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The daemon's, or the client's own, typed problem.
    Problem(Problem),
    /// The daemon could not be reached.
    Connect(ConnectError),
    /// Our own `--timeout` ended.
    TimedOut(Duration),
    /// stdout cannot be written, for another reason than a closed pipe.
    Output(io::Error),
    /// stdout is closed by its reader.
    OutputClosed,
    /// `exec`: the command could not be run.
    Exec(String, io::Error),
    /// `doctor`: there were findings, already printed.
    Found(u8),
    /// `cancel`: no running sign-in matches.
    NothingToCancel,
    /// The service manager failed, or its files cannot be changed.
    Service {
        /// The failure, in words.
        message: String,
        /// What to do about it, in words; may be empty.
        hint: String,
        /// The remedy.
        remedy: Option<Remedy>,
    },
    /// `service status`: `service install` has something to do.
    NotAsInstalled,
    /// The system refuses basic resources: memory, descriptors.
    Setup(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Output(error),
        }
    }
}

impl Failure {
    /// A mistake on the command line that its parser cannot detect.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Problem(Problem::new(Reason::MalformedRequest, message).hint(hint))
    }

    /// The person at the terminal cancelled.
    pub(crate) fn gave_up() -> Self {
        Self::Problem(Problem::new(Reason::Cancelled, "given up"))
    }

    /// `--timeout` of a login ended, which cancels it.
    pub(crate) fn login_took(limit: Duration) -> Self {
        let message =
            format!("the sign-in was not completed within {} s; the login is cancelled", limit.as_secs());
        Self::Problem(
            Problem::new(Reason::SourceTimeout, message).hint("leave out --timeout, or make it longer"),
        )
    }

    /// A fault of the service manager or of the files it reads.
    pub(crate) fn service(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Service { message: message.into(), hint: hint.into(), remedy: None }
    }

    /// The reason of a typed problem.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Problem(problem) => Some(problem.reason),
            _ => None,
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Problem(problem) => exit::code(problem.reason),
            // A file has to be corrected first, as for the same problem of a running daemon.
            Self::Connect(ConnectError::NotStarted(problem)) if problem.reason == Reason::SettingsInvalid => {
                exit::code(problem.reason)
            }
            Self::Connect(_) => exit::UNREACHABLE,
            Self::TimedOut(_) => exit::TIMED_OUT,
            Self::Output(_) | Self::Setup(_) | Self::NothingToCancel | Self::Service { .. } => exit::OTHER,
            Self::NotAsInstalled => exit::NEEDS_HUMAN,
            Self::OutputClosed => exit::OK,
            Self::Found(code) => *code,
            Self::Exec(_, error) if error.kind() == io::ErrorKind::NotFound => exit::NOT_FOUND,
            Self::Exec(..) => exit::NOT_EXECUTABLE,
        }
    }

    /// The text for stderr, with its line feed; empty if there is nothing to report.
    pub(crate) fn render(&self, as_json: bool) -> String {
        match (self.report(), as_json) {
            (None, _) => String::new(),
            (Some(report), true) => output::json_line(&report::failed(&report)) + "\n",
            (Some(report), false) => report.text(),
        }
    }

    /// Reason, sentence and hint, for callers with little room.
    pub(crate) fn in_short(&self) -> (&'static str, String) {
        let Some(report) = self.report() else { return ("output-failed", "stdout is closed".into()) };
        let place = report.location.map(|location| format!("{location}: ")).unwrap_or_default();
        let hint = report.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        (report.reason, format!("{place}{}{hint}", report.message))
    }

    /// The same for the session in `directory`.
    #[must_use]
    pub(crate) fn within(self, directory: &str) -> Self {
        match self {
            Self::Problem(problem) => Self::Problem(problem.within(directory)),
            other => other,
        }
    }

    fn report(&self) -> Option<Report<'_>> {
        let report = |reason, message: String, words: &str, remedy: Option<Remedy>| {
            let words = Some(words).filter(|words| !words.is_empty());
            let hint = Remedy::advice(remedy.as_ref(), words);
            Some(Report {
                reason,
                message,
                hint,
                remedy,
                location: None,
                retry_after: None,
                trail: &[],
                said: &[],
            })
        };
        let words = |reason, message: String, words: &str| report(reason, message, words, None);
        let run = |arguments: &[&str]| Some(Remedy::claviger(arguments));
        match self {
            Self::Problem(problem) => Some(of_problem(problem)),
            Self::Connect(error) => {
                let (words, remedy) = error.help();
                report("daemon-unreachable", error.to_string(), words, remedy)
            }
            Self::TimedOut(limit) => report(
                Reason::SourceTimeout.as_str(),
                format!("no answer within {} s", limit.as_secs()),
                "the daemon continues, and `claviger status` shows what it waits for; --timeout allows more time",
                run(&["status"]),
            ),
            Self::Output(error) => words("output-failed", format!("cannot write to stdout: {error}"), ""),
            Self::OutputClosed | Self::Found(_) => None,
            Self::NothingToCancel => report(
                "nothing-to-cancel",
                "no such sign-in command is running".into(),
                "",
                Some(Remedy::pending()),
            ),
            Self::Service { message, hint, remedy } => {
                report("service-failed", message.clone(), hint, remedy.clone())
            }
            Self::NotAsInstalled => report(
                "service-not-installed",
                "the daemon does not match the service that an installation would create".into(),
                "",
                run(&["daemon", "install"]),
            ),
            Self::Setup(what) => words("setup-failed", what.clone(), ""),
            Self::Exec(program, error) => words("exec-failed", format!("cannot run {program}: {error}"), ""),
        }
    }
}

fn of_problem(problem: &Problem) -> Report<'_> {
    Report {
        reason: problem.reason.as_str(),
        message: problem.message.clone(),
        hint: problem.advice(),
        remedy: problem.helps(),
        location: problem.location.as_ref(),
        retry_after: problem.retry_after,
        trail: &problem.trail,
        said: &problem.said.0,
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use claviger::{
        client::ConnectError,
        reason::{Location, Problem, Reason},
    };
    use std::{io, time::Duration};

    /// One failure of each kind but for typed problems, whose reasons the table of exit codes has.
    fn of_each_kind() -> Vec<Failure> {
        let error = |kind| io::Error::from(kind);
        let path = || "/run/claviger.sock".to_owned();
        // A further variant has to be added below.
        let _ = |failure: &Failure| match failure {
            Failure::Problem(_)
            | Failure::Connect(_)
            | Failure::TimedOut(_)
            | Failure::Output(_)
            | Failure::OutputClosed
            | Failure::Exec(..)
            | Failure::Found(_)
            | Failure::NothingToCancel
            | Failure::Service { .. }
            | Failure::NotAsInstalled
            | Failure::Setup(_) => {}
        };
        vec![
            ConnectError::Unreachable { path: path(), cause: error(io::ErrorKind::NotFound) }.into(),
            Failure::TimedOut(Duration::ZERO),
            Failure::Output(error(io::ErrorKind::StorageFull)),
            Failure::Exec(path(), error(io::ErrorKind::NotFound)),
            Failure::Exec(path(), error(io::ErrorKind::PermissionDenied)),
            Failure::NothingToCancel,
            Failure::Service { message: String::new(), hint: String::new(), remedy: None },
            Failure::NotAsInstalled,
            Failure::Setup(String::new()),
        ]
    }

    #[test]
    fn the_page_has_every_reason_that_is_printed_in_the_row_of_its_number() {
        const PAGE: &str = include_str!("../../docs/exit-codes.md");
        for failure in of_each_kind() {
            let (reason, code) = (failure.report().expect("a report").reason, failure.code());
            let row = PAGE.lines().find(|line| line.starts_with(&format!("| {code} |"))).expect("a row");
            assert!(row.contains(&format!("`{reason}`")), "{reason} is missing in {row:?}");
        }
    }

    fn broken_settings() -> Failure {
        let at = Location { layer: "user".into(), file: "/h/a\x1b.json".into(), line: 3, column: 7 };
        let mut problem =
            Problem::new(Reason::SettingsInvalid, "expected a\nstring").hint("repair it").at(&at);
        problem.retry_after = Some(Duration::from_millis(2500));
        problem.trail = vec!["env-api-key: not\x1b set".into(), "api-key-helper: broken".into()];
        problem.into()
    }

    #[test]
    fn people_get_place_hint_and_trail_without_control_characters() {
        let expected = "claviger: /h/a\\u{1b}.json:3:7: expected a\n  string\nhint: repair it\n\
            hint: another attempt is made in 3 s at the earliest\n\
            trail:\n  env-api-key: not\\u{1b} set\n  api-key-helper: broken\n";
        assert_eq!(broken_settings().render(false), expected);
    }

    #[test]
    fn programs_get_one_object_on_one_line() {
        let text = broken_settings().render(true);
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let error = &value["error"];
        assert_eq!(error["reason"], "settings-invalid");
        assert_eq!(error["location"]["line"], 3);
        assert_eq!(error["retry_after_seconds"], 2.5);
        assert_eq!(error["trail"][1], "api-key-helper: broken");
    }

    #[test]
    fn codes_and_silence() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for (failure, code) in [
            (broken_settings(), 4),
            (ConnectError::Unreachable { path: "/s".into(), cause: refused() }.into(), 8),
            (ConnectError::NotStarted(Box::new(Problem::new(Reason::SettingsInvalid, "x"))).into(), 4),
            (ConnectError::NotStarted(Box::new(Problem::new(Reason::SourceUnavailable, "x"))).into(), 8),
            (Failure::TimedOut(Duration::from_secs(1)), 7),
            (Failure::login_took(Duration::from_secs(1)), 7),
            (io::Error::from(io::ErrorKind::StorageFull).into(), 1),
            (Failure::Exec("x".into(), io::ErrorKind::NotFound.into()), 127),
            (Failure::Exec("x".into(), io::ErrorKind::PermissionDenied.into()), 126),
            (Failure::NothingToCancel, 1),
            (Failure::usage("x", "y"), 2),
        ] {
            assert_eq!(failure.code(), code, "{failure:?}");
            assert!(failure.render(false).starts_with("claviger: "), "{failure:?}");
        }
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(
            (closed.code(), closed.render(false), closed.render(true)),
            (0, String::new(), String::new())
        );
    }
}
