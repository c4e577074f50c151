//! Gathers the facts. Only this part of the doctor has effects: each with a deadline, all at once where possible.
//! Nothing is changed, no sign-in is started, and secrets reach only a child's stdin.

mod child;
mod daemon;
mod google;
mod holder;
mod places;
mod settings;
mod units;
mod variables;

use super::{
    facts::{Daemon, Facts, Unchecked},
    progress::Progress,
};
use crate::{failure::Failure, service::look::has_given_up, session::context::Context};
use claviger::{
    client::daemon_program,
    reason::{Problem, Reason},
    socket::SOCKET_VARIABLE,
};
use std::{collections::BTreeMap, env, process::Stdio, time::Duration};
use tokio::{process::Command, task::spawn_blocking, time::timeout};

/// Time limit for files of a network that hangs.
const FILES: Duration = Duration::from_secs(5);

/// Gathers all facts; contacts endpoints only if `online`.
///
/// # Errors
/// If the command line describes no session.
pub(crate) async fn gather(context: &Context, online: bool) -> Result<Facts, Failure> {
    let cwd = context.options.cwd.as_deref();
    let mut session = context.session_of(cwd, variables::usable(env::vars_os()))?;
    // No person answers questions here.
    session.interactive = false;
    let progress = Progress::start(context);
    let mut facts = Facts {
        directory: session.cwd.display().to_string(),
        socket: context.options.socket.as_ref().map(|path| path.display().to_string()),
        names_socket: env::var_os(SOCKET_VARIABLE).is_some_and(|path| !path.is_empty()),
        uid: nix::unistd::Uid::effective().as_raw(),
        variables: session.variables.clone(),
        present: session.present.iter().chain(session.lent.keys()).cloned().collect(),
        malformed: variables::malformed(env::vars_os()),
        ..Facts::default()
    };
    facts.variables.extend(variables::of_tools(env::vars_os()));
    daemon::gather(context, &session, online, &progress, &mut facts).await;
    if matches!(facts.daemon, Daemon::Running(_)) {
        facts.next_start = next_start(&facts.variables).await;
    }
    facts.units_failed = timeout(FILES, has_given_up(context)).await.unwrap_or_default();
    let step = progress.step("files");
    let files = spawn_blocking({
        let socket = context.socket().ok();
        let (variables, programs) =
            (facts.variables.clone(), facts.programs.iter().map(|one| one.word.clone()).collect::<Vec<_>>());
        let certificates = variables::named_certificates(&facts);
        move || {
            let places = places::all(&variables, socket.as_deref(), &programs);
            let certificates = certificates.into_iter().map(variables::certificates).collect();
            let tools = (settings::of_tools(&variables), google::look(&variables));
            (places, certificates, tools, units::all(&variables))
        }
    });
    match timeout(FILES, files).await {
        Ok(Ok((places, certificates, (programs, google), units))) => {
            (facts.places, facts.certificates, facts.units) = (places, certificates, units);
            facts.google = google;
            facts.programs.extend(programs);
        }
        _ => facts.unchecked.push(Unchecked {
            what: "files and permissions",
            why: format!("they could not be checked within {} s", FILES.as_secs()),
        }),
    }
    drop(step);
    drop(progress);
    Ok(facts)
}

/// Why a daemon would not start now because of a file. It is asked the way a daemon asks its successor.
async fn next_start(variables: &BTreeMap<String, String>) -> Option<Problem> {
    let mut command = Command::new(daemon_program().ok()?);
    command
        .args(["--on-demand", "check"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let places = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"];
    command.envs(places.iter().filter_map(|name| Some((name, variables.get(*name)?))));
    let output = timeout(FILES, command.output()).await.ok()?.ok()?;
    let problem: Problem = serde_json::from_slice(&output.stdout).ok()?;
    Some(problem).filter(|problem| problem.reason == Reason::SettingsInvalid)
}
