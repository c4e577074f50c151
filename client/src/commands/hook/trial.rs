//! Runs the command behind a new hook once the way claviger does, and reports differences from this shell.

use crate::{commands::explain, hook::claude::HOOKS, session::context::Context, text::escape};
use claviger::{proto::v1::Trial, source};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

/// Time limit of a trial: a command that asks a person takes longer, and is not waited for.
const DEADLINE: Duration = Duration::from_secs(8);

/// Result of a trial.
enum Tried {
    /// It printed a credential, or there was nothing to try.
    Well,
    /// It printed something else; with a description of the fault.
    Unusable(String),
    /// It failed; with its exit status and its last lines.
    Failed(String),
    /// It timed out.
    Slow,
}

/// Messages for the person about the commands behind the hooks, if any.
pub(super) async fn note(context: &Context, behind: &[(&'static str, String)]) -> Option<String> {
    if behind.is_empty() {
        return None;
    }
    let (key, tried) = match timeout(DEADLINE, as_the_daemon(context)).await {
        Ok(tried) => tried?,
        Err(_) => (behind.first()?.0, Tried::Slow),
    };
    let (_, command) = behind.iter().find(|(name, _)| *name == key)?;
    Some(match tried {
        Tried::Well => return None,
        Tried::Unusable(what) => format!("{key} prints no credential when claviger runs it: {what}"),
        Tried::Slow => format!(
            "{key} was tried, and stopped after {} s: it may wait for a person; `claviger explain --try` waits longer",
            DEADLINE.as_secs()
        ),
        Tried::Failed(how) => match works_here(command).await {
            true => format!(
                "{key} works in this shell, but not when claviger runs it: {how}. claviger gives it another \
                 PATH, fewer variables and no terminal, as `claviger explain --try` shows; full paths of \
                 programs, or `path` of [settings], may help"
            ),
            false => format!("{key} fails both when claviger runs it and in this shell: {how}"),
        },
    })
}

/// The daemon's trial, and the setting it belongs to; `None` if there was none.
async fn as_the_daemon(context: &Context) -> Option<(&'static str, Tried)> {
    let client = context.connect().await.ok()?;
    let answer = explain::explained(context, &client, true).await.ok()?;
    let [(helper, _), (export, _)] = HOOKS;
    let key = match answer.winner.as_str() {
        source::API_KEY_HELPER => helper,
        source::AWS_EXPORT => export,
        _ => return None,
    };
    let Trial { failure, said, unusable, .. } = answer.trial?;
    let told = said.last().map(|line| format!(" (its output: {})", escape::line(line))).unwrap_or_default();
    Some((
        key,
        match (failure.as_str(), unusable.as_str()) {
            ("", "") => Tried::Well,
            ("", what) => Tried::Unusable(what.to_owned()),
            (how, _) => Tried::Failed(format!("{how}{told}")),
        },
    ))
}

/// Whether the command succeeds in this shell. Its output is not read.
async fn works_here(command: &str) -> bool {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).process_group(0).kill_on_drop(true);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = shell.spawn() else { return false };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let ended = timeout(DEADLINE, child.wait()).await;
    if let Some(group) = group {
        // Fails when no process is left, which is the intended result.
        let _ = killpg(group, Signal::SIGKILL);
    }
    ended.is_ok_and(|status| status.is_ok_and(|status| status.success()))
}
