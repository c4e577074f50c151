//! Specification of a command, and errors of running it.

use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    secret::Secret,
};
use claviger_child::{Busy, Call, MAX_ANSWER, Request};
use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::PathBuf,
    time::Duration,
};

/// The remedy if the program that fetches is missing.
const INSTALL: &str =
    "install claviger again: clavigerd-fetch belongs beside clavigerd, or into ../libexec/claviger";

/// Most directories of a `PATH` that a hint names.
const DIRECTORIES: usize = 8;

/// The exit code of a command whose failure is temporary: `EX_TEMPFAIL` of `sysexits.h`.
const TEMPORARY: i32 = 75;

/// The program to run.
#[derive(Clone)]
pub enum Program {
    /// A shell line for `/bin/sh -c`, from a settings file.
    Shell(String),
    /// `clavigerd-fetch`, with this on its stdin.
    Fetch(Box<Call>),
}

/// Variables that describe where the starting session runs, not whose it is. They are in no key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Surroundings(pub BTreeMap<String, String>);

/// A command and its limits.
#[derive(Clone)]
pub struct CommandSpec {
    /// The program.
    pub program: Program,
    /// The part of the environment that its identity depends on.
    pub environment: BTreeMap<String, String>,
    /// The part lent by the session that starts it.
    pub surroundings: Surroundings,
    /// Working directory; `/` if it does not exist.
    pub directory: PathBuf,
    /// Time limit.
    pub deadline: Duration,
    /// Most bytes of stdout that are kept; one more means too many.
    pub max_output: usize,
    /// Set in the environment so that a client inside the command is recognised.
    pub flight: String,
    /// It is interactive: lines of stdout are forwarded too, and not kept.
    pub attended: bool,
}

/// Why a command has no usable output. Never contains the command line or its output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The program that fetches is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// It could not be started.
    #[error("it could not be started: {0}")]
    NotStarted(io::ErrorKind),
    /// It ended with an exit code other than 0.
    #[error("it ended with exit code {0}")]
    Exit(i32),
    /// A signal killed it.
    #[error("it was killed by signal {0}")]
    Signal(i32),
    /// It exceeded its time limit and was killed.
    #[error("it did not end within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// It never started, because other commands ran for too long.
    #[error("it did not start within {} s: too many other commands are running", .0.as_secs_f32())]
    Queued(Duration),
    /// It was ended, because no session waited for it any more.
    #[error("no session waits for it any more")]
    Abandoned,
}

// === impl CommandError ===

impl CommandError {
    /// The problem for a caller that needed the output.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Deadline(_) => Reason::SourceTimeout,
            Self::Queued(_) | Self::Missing(_) => Reason::SourceUnavailable,
            Self::NotStarted(_) | Self::Exit(_) | Self::Signal(_) => Reason::CommandFailed,
            Self::Abandoned => Reason::Cancelled,
        }
    }

    /// Whether the shell did not find the command, or a program that it starts.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Exit(127))
    }

    /// Whether the command ran and failed by itself. The shell's codes for "cannot execute" and "not found" do not
    /// count.
    pub fn said_no(&self) -> bool {
        matches!(self, Self::Exit(code) if !matches!(code, 126 | 127))
    }

    /// The remedy, for a command that is configured `at`: another command, or a retry.
    pub fn remedy(&self, at: &Location) -> Option<Remedy> {
        match self {
            Self::Exit(126 | 127) | Self::Deadline(_) => Remedy::edit(at),
            Self::Missing(_) => Some(Remedy::restart_daemon()),
            Self::Exit(_) | Self::Signal(_) | Self::Queued(_) | Self::NotStarted(_) | Self::Abandoned => {
                Some(Remedy::refresh())
            }
        }
    }

    /// The problem of a fetch child without an answer. `what` is the start of its sentence.
    pub fn of_fetch(&self, what: &str) -> Problem {
        let reason = match self {
            Self::Missing(_) => {
                return Problem::new(Reason::SourceUnavailable, self.to_string()).hint(INSTALL);
            }
            Self::Deadline(_) => Reason::SourceTimeout,
            Self::Queued(_) | Self::NotStarted(_) | Self::Signal(_) => Reason::SourceUnavailable,
            Self::Exit(_) => Reason::Bug,
            Self::Abandoned => Reason::Cancelled,
        };
        Problem::new(reason, format!("{what}: {self}"))
    }

    /// Whether an immediate retry may help: a signal killed it (a shell returns 128 plus its number), or its exit code
    /// marks the failure as temporary. Any other exit code is an answer, perhaps a person's: so is 130, of Ctrl-C.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Signal(_) | Self::Exit(TEMPORARY | 129 | 131..=192))
    }
}

// === impl Surroundings ===

impl Surroundings {
    /// A short digest, to record which surroundings were tried.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Those of a command that no session waits for: a terminal may be in use or gone.
    pub fn unattended(&self) -> Self {
        let is_terminal = |name: &str| ["GPG_TTY", "TERM"].contains(&name);
        let others = self.0.iter().filter(|(name, _)| !is_terminal(name));
        Self(others.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

impl CommandSpec {
    /// A request to `clavigerd-fetch`, run in `/`, where only root can write a file. Its flight is `flight`.
    pub fn fetch(
        request: Request,
        environment: BTreeMap<String, String>,
        deadline: Duration,
        flight: String,
    ) -> Self {
        Self {
            program: Program::Fetch(Box::new(Call::new(request))),
            environment,
            surroundings: Surroundings::default(),
            directory: "/".into(),
            deadline,
            max_output: MAX_ANSWER,
            flight,
            attended: false,
        }
    }

    /// The hint for a command that the shell did not find: the searched directories.
    pub fn not_found(&self) -> String {
        let path = self.environment.get("PATH").map_or("", String::as_str);
        let directories: Vec<&str> = path.split(':').filter(|directory| !directory.is_empty()).collect();
        let shown = directories.iter().take(DIRECTORIES).copied().collect::<Vec<_>>().join(", ");
        let more = match directories.len().saturating_sub(DIRECTORIES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "it is not in {shown}{more}: use an absolute path, or add its directory to `path` of [settings] in ~/.config/claviger/config.toml"
        )
    }

    /// The same, but without requests to these servers.
    #[must_use]
    pub fn sparing(mut self, busy: Busy) -> Self {
        if let Program::Fetch(call) = &mut self.program {
            call.busy = busy;
        }
        self
    }

    /// The same, with the surroundings of the session that starts it.
    pub fn within(self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self }
    }
}

// === impl Program ===

impl Program {
    /// Whether it may finish when its caller has left: ending it could lose a token that a server issues only once.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Fetch(call) if call.request.lasts())
    }

    /// Its input on stdin; `None`: nothing.
    pub(super) fn input(&self) -> Option<Secret<String>> {
        match self {
            Self::Shell(_) => None,
            Self::Fetch(call) => Some(call.line()),
        }
    }
}

// Command lines and variables of settings files often contain secrets. A request has its own redacting Debug.
impl fmt::Debug for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = match &self.program {
            Program::Shell(_) => None,
            Program::Fetch(call) => Some(&call.request),
        };
        f.debug_struct("CommandSpec")
            .field("request", &request)
            .field("directory", &self.directory)
            .field("environment", &self.environment.keys())
            .field("surroundings", &self.surroundings.0.keys())
            .field("deadline", &self.deadline)
            .field("max_output", &self.max_output)
            .field("flight", &self.flight)
            .finish_non_exhaustive()
    }
}
