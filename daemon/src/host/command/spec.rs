//! What to run and how, and why it has no output to use.

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

/// What helps a daemon without the program that fetches.
const INSTALL: &str =
    "install claviger again: clavigerd-fetch belongs beside clavigerd, or into ../libexec/claviger";

/// Most directories of a `PATH` that are named in a hint.
const DIRECTORIES: usize = 8;

/// The exit code of a command whose failure is temporary: `EX_TEMPFAIL` of `sysexits.h`.
const TEMPORARY: i32 = 75;

/// What to run.
#[derive(Clone)]
pub enum Program {
    /// A line for `/bin/sh -c`, of a settings file.
    Shell(String),
    /// `clavigerd-fetch`, which gets this on its stdin.
    Fetch(Box<Call>),
}

/// Variables of the session that starts a command: where it is, not whose. They are in no key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Surroundings(pub BTreeMap<String, String>);

/// What to run and how.
#[derive(Clone)]
pub struct CommandSpec {
    /// What to run.
    pub program: Program,
    /// The environment, all that its identity depends on.
    pub environment: BTreeMap<String, String>,
    /// What the session that starts it lends besides.
    pub surroundings: Surroundings,
    /// Working directory; `/` if it does not exist.
    pub directory: PathBuf,
    /// When to give up.
    pub deadline: Duration,
    /// Most bytes of stdout that are kept; one more means too many.
    pub max_output: usize,
    /// Put into the environment so that a client inside the command is recognised.
    pub flight: String,
    /// It talks to a person: lines of stdout are passed on too, and not kept.
    pub attended: bool,
}

/// Why a command has no output to use. Never holds the command line or anything it printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The program that fetches is not where it should be.
    #[error("{0} is missing")]
    Missing(String),
    /// It could not be started.
    #[error("it could not be started: {0}")]
    NotStarted(io::ErrorKind),
    /// It ended with an exit code other than 0.
    #[error("it ended with exit code {0}")]
    Exit(i32),
    /// A signal ended it.
    #[error("it was ended by signal {0}")]
    Signal(i32),
    /// It ran past its deadline and was ended.
    #[error("it did not end within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// Other commands ran for so long that it never started.
    #[error("it did not start within {} s: too many other commands are running", .0.as_secs_f32())]
    Queued(Duration),
    /// It was ended, for no session waited for it any more.
    #[error("no session waits for it any more")]
    Abandoned,
}

// === impl CommandError ===

impl CommandError {
    /// What it means for the caller that wanted the output.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Deadline(_) => Reason::SourceTimeout,
            Self::Queued(_) | Self::Missing(_) => Reason::SourceUnavailable,
            Self::NotStarted(_) | Self::Exit(_) | Self::Signal(_) => Reason::CommandFailed,
            Self::Abandoned => Reason::Cancelled,
        }
    }

    /// Whether the shell did not find the command, or one that it starts.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Exit(127))
    }

    /// Whether the command ran and said no itself. The shell's codes for "cannot execute" and "not found" are not its own.
    pub fn said_no(&self) -> bool {
        matches!(self, Self::Exit(code) if !matches!(code, 126 | 127))
    }

    /// What helps against it, of a command that is configured `at`: another command, or another attempt.
    pub fn remedy(&self, at: &Location) -> Option<Remedy> {
        match self {
            Self::Exit(126 | 127) | Self::Deadline(_) => Remedy::edit(at),
            Self::Missing(_) => Some(Remedy::restart_daemon()),
            Self::Exit(_) | Self::Signal(_) | Self::Queued(_) | Self::NotStarted(_) | Self::Abandoned => {
                Some(Remedy::refresh())
            }
        }
    }

    /// Why a child that fetches gave no answer. `what` is the start of its sentence.
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

    /// Whether trying again at once may help: a signal ended it (a shell answers with 128 and its number), or it says itself
    /// that its failure is temporary. Any other exit code is an answer, perhaps a person's: so is 130, of Ctrl-C.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Signal(_) | Self::Exit(TEMPORARY | 129 | 131..=192))
    }
}

// === impl Surroundings ===

impl Surroundings {
    /// A short text for them, to tell which were tried.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Those of a command that no session waits for: its terminal may be in use, or gone.
    pub fn unattended(&self) -> Self {
        let is_terminal = |name: &str| ["GPG_TTY", "TERM"].contains(&name);
        let others = self.0.iter().filter(|(name, _)| !is_terminal(name));
        Self(others.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

impl CommandSpec {
    /// A request to `clavigerd-fetch`, run in `/`: a directory where only root can leave a file. Its flight is `flight`.
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

    /// What helps a command that the shell did not find: where it looked.
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

    /// The same, without asking these servers.
    #[must_use]
    pub fn sparing(mut self, busy: Busy) -> Self {
        if let Program::Fetch(call) = &mut self.program {
            call.busy = busy;
        }
        self
    }

    /// The same, with what the session lends that starts it.
    pub fn within(self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self }
    }
}

// === impl Program ===

impl Program {
    /// Whether it is left to end by itself if no caller waits for it any more: to cut it off could lose what a server gave once.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Fetch(call) if call.request.lasts())
    }

    /// What it reads from stdin; `None`: nothing.
    pub(super) fn input(&self) -> Option<Secret<String>> {
        match self {
            Self::Shell(_) => None,
            Self::Fetch(call) => Some(call.line()),
        }
    }
}

// Command lines and variables of settings files often hold secrets. A request hides its own.
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
