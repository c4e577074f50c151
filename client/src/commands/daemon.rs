//! `claviger daemon`: runs, starts, stops and steers the daemon.

use crate::{context::Context, failure::Failure, output, wait};
use claviger::{
    client::{Client, ConnectError, daemon_program, request, request_any, unwrap, unwrap_any},
    proto::v1::{GetVersionRequest, ReloadRequest, RestartRequest, SetLogLevelRequest, StopRequest},
    reason::Reason,
};
use nix::{sys::signal::kill, unistd::Pid};
use serde_json::json;
use std::{
    ffi::OsString,
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
    time::Duration,
};

/// How often to look whether a stopping daemon is gone.
const POLL: Duration = Duration::from_millis(20);
/// How long it may take to end once it has answered everybody: it finishes refreshes, for 5 s at most.
const LAST_WORK: Duration = Duration::from_secs(6);

/// Verbs below `daemon`.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Run clavigerd in the foreground
    Run {
        /// Further arguments for clavigerd
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        command: Vec<OsString>,
    },
    /// Start the daemon if none runs
    Start,
    /// Stop the daemon after it has answered what it was asked
    Stop,
    /// Let the program that is installed now go on in the place of the daemon, with all it holds
    Restart,
    /// Have the daemon read `[daemon]` of its configuration again; nothing it holds is lost
    Reload,
    /// Change what the daemon logs, until it ends or reloads
    LogLevel {
        /// For example `info`, `debug` or `clavigerd=trace`
        filter: String,
    },
}

/// Does what the verb says.
///
/// # Errors
/// Why it could not be done.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Run { command } => become_daemon(context, &command),
        Verb::Start => start(context).await,
        Verb::Stop => stop(context).await,
        Verb::Restart => restart(context).await,
        Verb::Reload => reload(context).await,
        Verb::LogLevel { filter } => log_level(context, filter).await,
    }
}

fn become_daemon(context: &Context, arguments: &[OsString]) -> Result<(), Failure> {
    let program = daemon_program()?;
    let mut command = Command::new(&program);
    if context.options.socket.is_some() {
        command.arg("--socket").arg(context.socket()?);
    }
    context.core_limit.restore();
    let error = command.args(arguments).exec();
    Err(Failure::Exec(program.display().to_string(), error))
}

async fn start(context: &Context) -> Result<(), Failure> {
    let (client, started) = match context.connect_running().await {
        Ok(client) => (client, false),
        Err(ConnectError::Unreachable { .. }) => (context.connect().await?, true),
        Err(error) => return Err(error.into()),
    };
    let mut service = client.inspect();
    let answer =
        wait::answer(context, async { unwrap(service.get_version(request(GetVersionRequest {})).await) })
            .await?;
    let release = answer.version.unwrap_or_default().release;
    match context.options.json {
        true => output::json(&json!({"started": started, "release": release}))?,
        false => note(
            context,
            &format!("clavigerd {release} {}", if started { "has been started" } else { "runs already" }),
        ),
    }
    Ok(())
}

async fn stop(context: &Context) -> Result<(), Failure> {
    let pid = end(context).await?;
    stopped(context, pid)
}

/// Ends the daemon and waits until it has ended. `None` if none runs.
///
/// # Errors
/// Why it could not be asked.
pub(crate) async fn end(context: &Context) -> Result<Option<u32>, Failure> {
    let client = match context.connect_running().await {
        Ok(client) => client,
        Err(ConnectError::Unreachable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut service = client.control();
    let socket = context.socket()?;
    let served = inode(&socket);
    let pid = wait::answer(context, async { unwrap_any(service.stop(request_any(StopRequest {})).await) })
        .await?
        .pid;
    let gone = async {
        gone(&client).await;
        // Until it has ended it holds the socket, and whoever calls next would be turned away.
        let ended = async {
            while inode(&socket) == served && is_alive(pid) {
                tokio::time::sleep(POLL).await;
            }
        };
        drop(tokio::time::timeout(LAST_WORK, ended).await);
        Ok(())
    };
    wait::answer(context, gone).await?;
    Ok(Some(pid))
}

/// Which file the socket is. A daemon that made its socket removes it at its very end.
fn inode(socket: &Path) -> Option<u64> {
    fs::symlink_metadata(socket).ok().map(|found| found.ino())
}

/// Whether there is such a process; the pid of a daemon in another container can be anybody's.
fn is_alive(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None).is_ok())
}

/// Waits until the daemon has closed this connection. Opening another one could start a new daemon.
async fn gone(client: &Client) {
    while client.inspect().get_version(request_any(GetVersionRequest {})).await.is_ok() {
        tokio::time::sleep(POLL).await;
    }
}

fn stopped(context: &Context, pid: Option<u32>) -> Result<(), Failure> {
    match (context.options.json, pid) {
        (true, pid) => output::json(&json!({"stopped": pid.is_some(), "pid": pid}))?,
        (false, Some(pid)) => note(context, &format!("clavigerd with pid {pid} has been stopped")),
        (false, None) => note(context, "no daemon runs"),
    }
    Ok(())
}

/// Sessions notice nothing: their calls wait until the next program answers.
async fn restart(context: &Context) -> Result<(), Failure> {
    let client = context.connect_running().await?;
    let mut service = client.control();
    let asked = async { unwrap_any(service.restart(request_any(RestartRequest {})).await) };
    let pid = wait::answer(context, asked).await?.pid;
    let socket = context.socket()?;
    let limit = context.options.timeout();
    let answers = async {
        gone(&client).await;
        successor(&socket).await
    };
    let answered = tokio::time::timeout(limit, answers).await;
    let release = answered.map_err(|_| Failure::TimedOut(limit))??;
    match context.options.json {
        true => output::json(&json!({"restarted": true, "pid": pid, "release": release}))?,
        false => note(context, &format!("clavigerd {release} has taken over, with pid {pid}")),
    }
    Ok(())
}

async fn reload(context: &Context) -> Result<(), Failure> {
    let mut service = context.connect_running().await?.control();
    let answer = async { unwrap(service.reload(request(ReloadRequest {})).await) };
    let changed = wait::answer(context, answer).await?.changed;
    match context.options.json {
        true => output::json(&json!({"changed": changed}))?,
        false => note(
            context,
            match changed {
                true => "the configuration has been read again",
                false => "the configuration has been read again; it says what it said before",
            },
        ),
    }
    Ok(())
}

/// The release of the daemon that goes on. Its socket has never been closed.
async fn successor(socket: &Path) -> Result<String, Failure> {
    loop {
        let client = Client::connect(socket).await?;
        let answer = client.inspect().get_version(request_any(GetVersionRequest {})).await;
        match unwrap_any(answer) {
            Err(problem) if problem.reason == Reason::ShuttingDown => tokio::time::sleep(POLL).await,
            answer => return Ok(answer?.version.unwrap_or_default().release),
        }
    }
}

async fn log_level(context: &Context, filter: String) -> Result<(), Failure> {
    let mut service = context.connect_running().await?.control();
    let message = SetLogLevelRequest { filter };
    wait::answer(context, async { unwrap(service.set_log_level(request(message)).await) }).await?;
    Ok(())
}

fn note(context: &Context, text: &str) {
    if !context.options.quiet {
        output::talk(&format!("claviger: {}\n", crate::escape::line(text)));
    }
}
