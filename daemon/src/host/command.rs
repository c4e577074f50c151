//! Runs a command for a session: own process group, cleared environment, capped output, a deadline that
//! ends the whole group.

mod lines;

use super::Host;
use claviger::{
    reason::{Location, Reason},
    remedy::Remedy,
    secret::Secret,
    variables,
};
use claviger_child::{Call, MAX_ANSWER, Request};
use lines::{Lines, read_capped};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    fmt, io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// How long output is still read after the command itself has ended. What a command writes is in the pipe by then;
/// only a child it left behind holds the pipe open for longer.
const GRACE: Duration = Duration::from_millis(250);
/// What to run.
#[derive(Clone)]
pub enum Program {
    /// A line for `/bin/sh -c`, of a settings file.
    Shell(String),
    /// `clavigerd-fetch`, which gets this on its stdin.
    Fetch(Box<Request>),
}

/// What to run and how.
#[derive(Clone)]
pub struct CommandSpec {
    /// What to run.
    pub program: Program,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
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
}

// === impl CommandError ===

impl CommandError {
    /// What it means for whoever wanted the output.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Deadline(_) => Reason::SourceTimeout,
            Self::Queued(_) | Self::Missing(_) => Reason::SourceUnavailable,
            Self::NotStarted(_) | Self::Exit(_) | Self::Signal(_) => Reason::CommandFailed,
        }
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
            Self::Exit(_) | Self::Signal(_) | Self::Queued(_) | Self::NotStarted(_) => {
                Some(Remedy::refresh())
            }
        }
    }

    /// Whether trying again at once may help.
    pub fn may_pass(&self) -> bool {
        self.said_no() || matches!(self, Self::Signal(_))
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
            program: Program::Fetch(Box::new(request)),
            environment,
            directory: "/".into(),
            deadline,
            max_output: MAX_ANSWER,
            flight,
            attended: false,
        }
    }
}

// === impl Program ===

impl Program {
    /// Whether it is left to end by itself if nobody waits for it any more: to cut it off could lose what a server gave once.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Fetch(request) if request.lasts())
    }

    /// What it reads from stdin; `None`: nothing.
    fn input(&self) -> Option<Secret<String>> {
        match self {
            Self::Shell(_) => None,
            Self::Fetch(request) => Some(Call::new((**request).clone()).line()),
        }
    }
}

// Command lines and variables of settings files often hold secrets. A request hides its own.
impl fmt::Debug for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = match &self.program {
            Program::Shell(_) => None,
            Program::Fetch(request) => Some(request),
        };
        f.debug_struct("CommandSpec")
            .field("request", &request)
            .field("directory", &self.directory)
            .field("environment", &self.environment.keys())
            .field("deadline", &self.deadline)
            .field("max_output", &self.max_output)
            .field("flight", &self.flight)
            .finish_non_exhaustive()
    }
}

/// Runs a command and returns its stdout, at most `max_output + 1` bytes of it. `on_line` gets each line of stderr (and
/// of stdout, if the command is attended), without control characters, as it comes.
///
/// # Errors
/// See [`CommandError`]. Whatever happens, no process of its group is left when this returns or is dropped.
pub async fn run(
    host: &Host,
    spec: &CommandSpec,
    on_line: impl FnMut(String) + Send,
) -> Result<Secret<Vec<u8>>, CommandError> {
    let (_, nothing) = mpsc::channel(1);
    run_fed(host, spec, nothing, on_line).await
}

/// As [`run`]; what comes from `feed` is written to the command's stdin after its input.
///
/// # Errors
/// See [`CommandError`].
pub async fn run_fed(
    host: &Host,
    spec: &CommandSpec,
    feed: mpsc::Receiver<Secret<String>>,
    on_line: impl FnMut(String) + Send,
) -> Result<Secret<Vec<u8>>, CommandError> {
    let mut child = spawn(host, spec)?;
    let lasts = spec.program.lasts();
    let mut group = Group::of(&child, lasts);
    let _running = group.id.map(|group| host.note_running(group.as_raw(), &spec.flight, lasts));
    // Reserved once, so that no copy of a secret is left behind by growing.
    let mut output = Secret::new(Vec::with_capacity(spec.max_output + 1));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let lines = Lines::new(on_line, spec.attended);
    let status = {
        let stdout = async {
            match spec.attended {
                true => lines.read(stdout).await,
                false => read_capped(stdout, &mut output, spec.max_output + 1).await,
            }
        };
        let stdin = child.stdin.take();
        let reading = async {
            let reading = async { tokio::join!(stdout, lines.read(stderr)) };
            tokio::pin!(reading);
            tokio::select! {
                read = &mut reading => read,
                () = write(stdin, spec.program.input(), feed) => reading.await,
            }
        };
        wait(&mut child, reading, spec.deadline).await
    };
    // Whoever got an answer, or ran out of time, leaves nothing behind.
    group.lasting = false;
    let status = status?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(output),
        (Some(code), _) => Err(CommandError::Exit(code)),
        (None, signal) => Err(CommandError::Signal(signal.unwrap_or_default())),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn spawn(host: &Host, spec: &CommandSpec) -> Result<Child, CommandError> {
    let mut command = match &spec.program {
        Program::Shell(line) => {
            let mut command = std::process::Command::new("/bin/sh");
            command.arg("-c").arg(line);
            command
        }
        Program::Fetch(request) => {
            let missing = |_| CommandError::Missing(host.fetch.place());
            let mut command = host.fetch.command().map_err(missing)?;
            // They only label it in a list of processes.
            command.arg(request.word()).args(request.record().map(|record| &record.directory));
            command
        }
    };
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.env_clear().envs(&spec.environment);
    command.env(variables::INSIDE_FLIGHT, &spec.flight);
    command.current_dir(if spec.directory.is_dir() { &spec.directory } else { Path::new("/") });
    let mut command = Command::from(command);
    let stdin = match spec.program {
        Program::Shell(_) => Stdio::null(),
        Program::Fetch(_) => Stdio::piped(),
    };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(!spec.program.lasts());
    command.spawn().map_err(|error| CommandError::NotStarted(error.kind()))
}

/// Writes to the command's stdin, and closes it. A command that does not read is its own problem.
async fn write(
    stdin: Option<ChildStdin>,
    input: Option<Secret<String>>,
    mut feed: mpsc::Receiver<Secret<String>>,
) {
    let Some(mut stdin) = stdin else { return };
    if let Some(input) = input {
        drop(stdin.write_all(input.expose().as_bytes()).await);
    }
    while let Some(more) = feed.recv().await {
        drop(stdin.write_all(more.expose().as_bytes()).await);
    }
}

/// Waits for the end of the command while its output is read.
async fn wait(
    child: &mut Child,
    reading: impl Future<Output = ((), ())>,
    deadline: Duration,
) -> Result<ExitStatus, CommandError> {
    tokio::pin!(reading);
    let deadline_at = Instant::now() + deadline;
    let mut give_up = deadline_at;
    let (mut status, mut read) = (None, false);
    loop {
        if let (Some(status), true) = (status, read) {
            return Ok(status);
        }
        tokio::select! {
            _ = &mut reading, if !read => read = true,
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(|error| CommandError::NotStarted(error.kind()))?);
                give_up = deadline_at.min(Instant::now() + GRACE);
            }
            () = sleep_until(give_up) => return status.ok_or(CommandError::Deadline(deadline)),
        }
    }
}

/// The process group of a command; ends with this value, unless it lasts.
struct Group {
    id: Option<Pid>,
    lasting: bool,
}

impl Group {
    fn of(child: &Child, lasting: bool) -> Self {
        Self { id: child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw), lasting }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.id.filter(|_| !self.lasting) {
            // It fails when nobody is left, which is what we want.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}
