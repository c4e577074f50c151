//! Runs a command for a session: own process group, cleared environment, capped output, a deadline that
//! ends the whole group.

mod lines;
mod said;
mod spec;

pub use spec::{CommandError, CommandSpec, Program, Surroundings};

use super::Host;
use claviger::{reason::Said, secret::Secret, variables};
use lines::{Lines, read_capped};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use said::Tail;
use std::{
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// How long output is still read after the command itself has ended. Its own output is in the pipe by then; only a
/// remaining child keeps the pipe open longer.
const GRACE: Duration = Duration::from_millis(250);
/// Runs a command and returns its stdout, at most `max_output + 1` bytes of it. `on_line` gets each line of stderr (and
/// of stdout, if the command is attended), without control characters, as it comes.
///
/// # Errors
/// See [`CommandError`]. In any case, no process of its group is left when this returns or is dropped.
pub async fn run(
    host: &Host,
    spec: &CommandSpec,
    on_line: impl FnMut(String) + Send,
) -> Result<Secret<Vec<u8>>, CommandError> {
    let (_, nothing) = mpsc::channel(1);
    run_fed(host, spec, nothing, on_line).await
}

/// As [`run`]; data from `feed` is written to the command's stdin after its input.
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
    let (ended, output, _) = follow(host, spec, &mut child, feed, on_line).await;
    ended.map(|()| output)
}

/// As [`run`], for a command that prints a secret: also returns its last lines on stderr, fit to be shown, and
/// `on_line` gets only such lines.
pub async fn run_telling(
    host: &Host,
    spec: &CommandSpec,
    mut on_line: impl FnMut(String) + Send,
) -> (Result<Secret<Vec<u8>>, CommandError>, Said) {
    run_saying(host, spec, |line| on_line(said::cleaned(&line))).await
}

/// As [`run`], for a command that a person follows: also returns its last lines, fit to be shown to others.
pub async fn run_saying(
    host: &Host,
    spec: &CommandSpec,
    on_line: impl FnMut(String) + Send,
) -> (Result<Secret<Vec<u8>>, CommandError>, Said) {
    let mut child = match spawn(host, spec) {
        Ok(child) => child,
        Err(error) => return (Err(error), Said::default()),
    };
    let (_, nothing) = mpsc::channel(1);
    let (ended, output, tail) = follow(host, spec, &mut child, nothing, on_line).await;
    // A fetch child prints an answer, which may quote a tool.
    let printed = match spec.program {
        Program::Shell(_) => output.expose().as_slice(),
        Program::Fetch(_) => &[],
    };
    let said = Said(tail.shown(printed));
    (ended.map(|()| output), said)
}

/// Runs a command to its end: returns its exit, its output, and its last lines.
async fn follow(
    host: &Host,
    spec: &CommandSpec,
    child: &mut Child,
    feed: mpsc::Receiver<Secret<String>>,
    on_line: impl FnMut(String) + Send,
) -> (Result<(), CommandError>, Secret<Vec<u8>>, Tail) {
    let lasts = spec.program.lasts();
    let mut group = Group::of(child, lasts);
    let _running = group.id.map(|group| host.note_running(group.as_raw(), &spec.flight, lasts));
    // Reserved once, because growing would leave copies of a secret behind.
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
        wait(child, reading, spec.deadline).await
    };
    // After an answer or a deadline, no process of the group remains.
    group.lasting = false;
    let ended = status.and_then(|status| match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(CommandError::Exit(code)),
        (None, signal) => Err(CommandError::Signal(signal.unwrap_or_default())),
    });
    (ended, output, lines.tail())
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn spawn(host: &Host, spec: &CommandSpec) -> Result<Child, CommandError> {
    let mut command = match &spec.program {
        Program::Shell(line) => {
            let mut command = std::process::Command::new("/bin/sh");
            command.arg("-c").arg(line);
            command
        }
        Program::Fetch(call) => {
            let missing = |_| CommandError::Missing(host.fetch.place());
            let mut command = host.fetch.command().map_err(missing)?;
            // They only label it in a list of processes.
            let request = &call.request;
            command.arg(request.word()).args(request.record().map(|record| &record.directory));
            command
        }
    };
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.env_clear().envs(&spec.surroundings.0).envs(&spec.environment);
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

/// Writes to the command's stdin, and closes it. If the command does not read, that is not an error here.
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

/// The process group of a command; dropping this ends it, unless it may outlive its caller.
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
            // Fails when no process is left, which is the intended result.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}
