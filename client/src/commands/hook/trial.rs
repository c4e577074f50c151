//! Tries the command behind a new hook once as claviger runs it, and says what differs from this shell.

use crate::{commands::explain, hook::claude::HOOKS, session::context::Context, text::escape};
use claviger::{proto::v1::Trial, source};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

/// How long a trial may take: a command that asks a person takes longer, and is left alone.
const DEADLINE: Duration = Duration::from_secs(8);

/// How a trial went.
enum Tried {
    /// It printed a credential, or there was nothing to try.
    Well,
    /// It printed something else: what is wrong with that.
    Unusable(String),
    /// It failed: how, and its last words.
    Failed(String),
    /// It was not over in time.
    Slow,
}

/// What the person has to know about the commands behind the hooks, if anything.
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
        Tried::Unusable(what) => format!("{key} prints no credential as claviger runs it: {what}"),
        Tried::Slow => format!(
            "{key} was tried as claviger runs it, and stopped after {} s: a person may have to answer it; `claviger explain --try` waits longer",
            DEADLINE.as_secs()
        ),
        Tried::Failed(how) => match works_here(command).await {
            true => format!(
                "{key} works in this shell and not as claviger runs it: {how}. There it has another PATH, fewer variables and no terminal, \
                 which `claviger explain --try` shows; full paths of programs, or `path` of [settings], may help"
            ),
            false => format!("{key} fails as claviger runs it, and in this shell: {how}"),
        },
    })
}

/// The trial of the daemon, and the setting that it was of; `None` if there was none.
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
    let told = said.last().map(|line| format!(" (it said: {})", escape::line(line))).unwrap_or_default();
    Some((
        key,
        match (failure.as_str(), unusable.as_str()) {
            ("", "") => Tried::Well,
            ("", what) => Tried::Unusable(what.to_owned()),
            (how, _) => Tried::Failed(format!("{how}{told}")),
        },
    ))
}

/// Whether the command succeeds in this shell. What it prints is not read.
async fn works_here(command: &str) -> bool {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).process_group(0).kill_on_drop(true);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = shell.spawn() else { return false };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let ended = timeout(DEADLINE, child.wait()).await;
    if let Some(group) = group {
        // It fails when none is left, which is what we want.
        let _ = killpg(group, Signal::SIGKILL);
    }
    ended.is_ok_and(|status| status.is_ok_and(|status| status.success()))
}
