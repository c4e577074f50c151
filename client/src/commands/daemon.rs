//! `claviger daemon`: starts, stops and controls the daemon, and installs it as a service.

use super::service;
use crate::{
    daemon::{
        successor::{end, gone, successor},
        wait,
    },
    failure::Failure,
    json, output,
    session::context::Context,
};
use claviger::{
    client::{ConnectError, daemon_program, request, request_any, unwrap, unwrap_any},
    proto::v1::{GetVersionRequest, ReloadRequest, RestartRequest, SetLogLevelRequest},
};
use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

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
    /// Stop the daemon after running requests have been answered
    Stop,
    /// Replace the daemon by the installed program; sessions and cached credentials stay
    Restart {
        /// Replace the cookie: processes that have read the old one become foreign
        #[arg(long)]
        new_cookie: bool,
    },
    /// Reload `[daemon]` of the configuration; the cache is kept
    Reload {
        /// Change only the log level, until the daemon ends or reloads: `info`, `debug`, `clavigerd=trace`
        #[arg(long, value_name = "FILTER")]
        log_level: Option<String>,
    },
    /// As a service of the user.
    #[command(flatten)]
    Service(service::Verb),
}

/// Runs the verb.
///
/// # Errors
/// Why it failed.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Run { command } => become_daemon(context, &command),
        Verb::Start => start(context).await,
        Verb::Stop => stop(context).await,
        Verb::Restart { new_cookie } => restart(context, new_cookie).await,
        Verb::Reload { log_level: Some(filter) } => log_level(context, filter).await,
        Verb::Reload { log_level: None } => reload(context).await,
        Verb::Service(verb) => service::run(context, verb).await,
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
    let (mut client, started) = match context.connect_running().await {
        Ok(client) => (client, false),
        Err(ConnectError::Unreachable { .. }) => (context.connect().await?, true),
        Err(error) => return Err(error.into()),
    };
    let asked = client.call(|client| async move {
        unwrap(client.inspect().get_version(request(GetVersionRequest {})).await)
    });
    let answer = wait::answer(context, asked).await?;
    let release = answer.version.unwrap_or_default().release;
    match context.options.json {
        true => output::json(&json::started(started, &release))?,
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

fn stopped(context: &Context, pid: Option<u32>) -> Result<(), Failure> {
    match (context.options.json, pid) {
        (true, pid) => output::json(&json::stopped(pid))?,
        (false, Some(pid)) => note(context, &format!("clavigerd with pid {pid} has been stopped")),
        (false, None) => note(context, "no daemon runs"),
    }
    Ok(())
}

/// Sessions do not notice: their calls wait until the successor answers.
async fn restart(context: &Context, new_cookie: bool) -> Result<(), Failure> {
    let mut client = context.connect_running().await?;
    // A replaced daemon may be handing over by itself at this moment: then its successor is asked.
    let asked = client.call(|client| async move {
        unwrap_any(client.control().restart(request_any(RestartRequest { new_cookie })).await)
    });
    let pid = wait::answer(context, asked).await?.pid;
    let socket = client.socket().to_owned();
    let limit = context.options.timeout();
    let answers = async {
        gone(&client).await;
        successor(&socket).await
    };
    let answered = tokio::time::timeout(limit, answers).await;
    let release = answered.map_err(|_| Failure::TimedOut(limit))??;
    match context.options.json {
        true => output::json(&json::restarted(pid, &release))?,
        false => note(context, &format!("clavigerd {release} has taken over, with pid {pid}")),
    }
    Ok(())
}

async fn reload(context: &Context) -> Result<(), Failure> {
    let mut service = context.connect_running().await?.control();
    let answer = async { unwrap(service.reload(request(ReloadRequest {})).await) };
    let changed = wait::answer(context, answer).await?.changed;
    match context.options.json {
        true => output::json(&json::reloaded(changed))?,
        false => note(
            context,
            match changed {
                true => "the configuration has been reloaded",
                false => "the configuration has been reloaded; nothing has changed",
            },
        ),
    }
    Ok(())
}

async fn log_level(context: &Context, filter: String) -> Result<(), Failure> {
    let mut service = context.connect_running().await?.control();
    let message = SetLogLevelRequest { filter };
    wait::answer(context, async { unwrap(service.set_log_level(request(message)).await) }).await?;
    Ok(())
}

fn note(context: &Context, text: &str) {
    if !context.options.quiet {
        output::talk(&format!("claviger: {}\n", crate::text::escape::line(text)));
    }
}
