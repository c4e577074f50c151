//! `awsAuthRefresh` and `gcpAuthRefresh`: sign-in commands.
//!
//! Such a command runs only when a session waits and the credentials are missing or refused, and never for a refresh in
//! the background (`spec/behaviour.md` A2). Afterwards the credentials are read again, and checked again.

use super::{Ask, Declined, Line, Provided, View};
use crate::{
    auth_refresh::{Heard, SignIn, Wanted},
    demand::Demand,
    host::{
        command::{CommandSpec, Program},
        files::{self, Stamp},
    },
    key::SourceKey,
    settings::Lookup,
};
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
    variables::{self, Use},
};
use std::{
    future::pending,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;

/// Interval of checks whether a person has signed in elsewhere while a command runs.
const LOOK: Duration = Duration::from_millis(500);
/// Time limit of a sign-in command (`spec/behaviour.md` A7).
const DEADLINE: Duration = Duration::from_secs(180);

/// Whether an input is part of a command's identity: it names programs, or selects the account. Inputs about display or
/// connection are not: otherwise terminals that differ there would open a browser each. Every session reads the result
/// with its own environment, so none can place a credential in another's cache.
fn identifies(name: &str) -> bool {
    match variables::usage(name) {
        Some(Use::Surrounding) => false,
        Some(Use::Setting) if name == "PATH" => false,
        Some(Use::Command) => ["HOME", "CLAUDE_CONFIG_DIR"].contains(&name),
        Some(Use::Sdk(_)) => !["AWS_REGION", "AWS_DEFAULT_REGION"].contains(&name),
        // A settings file sets it, and the command may read it.
        Some(Use::Secret | Use::Setting | Use::Handed | Use::Lent(_)) | None => true,
    }
}

/// One attempt to obtain a credential without a person.
pub(super) trait Attempt: Sync {
    /// Tries once.
    fn attempt(&self, ask: &mut Ask<'_>) -> impl Future<Output = Result<Provided, Declined>> + Send;
}

/// The command under `name`, if it is set.
///
/// # Errors
/// `workspace-untrusted`.
pub(super) fn bind(view: &View<'_>, name: &'static str) -> Result<Option<SignIn>, Problem> {
    let command = match view.settings.command(name) {
        Lookup::Unset => return Ok(None),
        Lookup::Untrusted(command) => return Err(view.untrusted(name, &command.at)),
        Lookup::Set(command) => command,
    };
    let environment = view.command_environment(&command.value);
    let directory = view.directory_of(command.layer);
    let inputs = [command.value.as_str(), directory.to_str().unwrap_or_default()].into_iter();
    let of_whom = environment.inputs().filter(|(name, _)| identifies(name));
    let of_whom: Vec<_> = of_whom.flat_map(|(name, value)| [name, value.into()]).collect();
    let key = SourceKey::of(name, inputs.chain(of_whom.iter().map(|text| &**text)));
    let spec = CommandSpec {
        program: Program::Shell(command.value.clone()),
        environment: environment.own,
        surroundings: environment.surroundings,
        directory,
        deadline: DEADLINE,
        max_output: 0,
        flight: key.to_string(),
        attended: true,
    };
    Ok(Some(SignIn { key, name, spec, at: command.at.clone() }))
}

/// Tries without a person; if only a person can help and a session waits, runs the sign-in and tries again.
pub(super) async fn with_sign_in(
    ask: &mut Ask<'_>,
    sign_in: Option<&SignIn>,
    source: &impl Attempt,
) -> Result<Provided, Declined> {
    let since = ask.host.clock.now();
    let declined = match source.attempt(ask).await {
        Ok(provided) => return Ok(provided),
        Err(declined) => declined,
    };
    let may_help = declined.sign_in_helps && !(ask.recursed)();
    let Some(sign_in) = sign_in.filter(|_| may_help) else { return Err(declined) };
    if ask.demand.get() == Demand::Background {
        return Err(asleep(declined, sign_in));
    }
    let Declined { kept_in, links, .. } = declined;
    let file = kept_in.as_deref().map(PathBuf::as_path);
    let wanted = Wanted { sign_in, since, kept_in: file, demand: ask.demand };
    let mut seen = Written::now(file).await;
    let mut joined = ask.auth_refreshes.join(ask.host, &wanted);
    while let Ok(Some(waiter)) = &mut joined {
        let heard = tokio::select! {
            biased;
            heard = waiter.next() => Some(heard),
            () = seen.again() => None,
        };
        match heard {
            Some(Heard::Line(text)) => (ask.on_line)(Line { text, attended: true }),
            Some(Heard::Ended(outcome)) => joined = (*outcome).map(|()| None),
            // A person may have signed in elsewhere while this one waited.
            None => {
                let Ok(provided) = source.attempt(ask).await else { continue };
                ask.auth_refreshes.note_use(sign_in.key, true);
                if let Ok(Some(waiter)) = joined {
                    waiter.leave();
                }
                return Ok(provided);
            }
        }
    }
    if let Err(problem) = joined {
        return Err(Declined { links, kept_in, ..problem.into() });
    }
    let again = source.attempt(ask).await;
    ask.auth_refreshes.note_use(sign_in.key, again.is_ok());
    again.map_err(|declined| still_declined(declined, sign_in))
}

/// A file that a sign-in would write.
struct Written<'a> {
    file: Option<&'a Path>,
    stamp: Option<Stamp>,
}

impl<'a> Written<'a> {
    async fn now(file: Option<&'a Path>) -> Self {
        Self { file, stamp: look(file).await }
    }

    /// Resolves when it was written since the last look, and the write is finished; never without a file.
    async fn again(&mut self) {
        loop {
            match self.file {
                Some(_) => sleep(LOOK).await,
                None => pending().await,
            }
            let now = look(self.file).await;
            if now != self.stamp && now.as_ref().is_some_and(Stamp::settled) {
                self.stamp = now;
                return;
            }
        }
    }
}

async fn look(file: Option<&Path>) -> Option<Stamp> {
    let file = file?.to_owned();
    tokio::task::spawn_blocking(move || files::stamp(&file)).await.ok()
}

/// No session waits, so no person is disturbed.
fn asleep(declined: Declined, sign_in: &SignIn) -> Declined {
    let mut problem = declined.problem;
    problem.reason = Reason::LoginRequired;
    problem.hint = Some(format!("the next session that asks runs {}, or run it yourself now", sign_in.name));
    problem.remedy = Some(Remedy::refresh());
    Declined { problem, transient: false, asleep: true, ..declined }
}

fn still_declined(declined: Declined, sign_in: &SignIn) -> Declined {
    if !declined.sign_in_helps {
        return declined;
    }
    let mut problem = declined.problem;
    problem.message =
        format!("{} succeeded, but the credentials are as before: {}", sign_in.name, problem.message);
    problem.hint =
        Some(format!("check that it signs in to the same account or profile; it is set in {}", sign_in.at));
    problem.remedy = Remedy::edit(&sign_in.at);
    Declined { problem, ..declined }
}

#[cfg(test)]
mod tests {
    use super::identifies;

    #[test]
    fn terminals_share_a_run_and_accounts_do_not() {
        for shared in ["PATH", "DISPLAY", "TZ", "SSH_AUTH_SOCK", "AWS_REGION"] {
            assert!(!identifies(shared), "{shared}");
        }
        for own in ["HOME", "AWS_PROFILE", "AWS_CONFIG_FILE", "CLOUDSDK_CONFIG", "MY_ACCOUNT"] {
            assert!(identifies(own), "{own}");
        }
    }
}
