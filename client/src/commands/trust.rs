//! `claviger trust`: the requests of a workspace's files, and decisions about them.

use crate::{
    ask::person,
    daemon::{prompt, wait},
    failure::Failure,
    json,
    output::{self, Style},
    render,
    session::context::Context,
    text::escape,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{ListTrustRequest, RevokeTrustRequest, TrustDecision, Workspace},
    reason::{Problem, Reason},
    remedy::Remedy,
    session::SessionContext,
};
use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Verbs below `trust`.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Show what the files of a workspace request
    Show {
        /// Directory in the workspace, instead of the working directory
        path: Option<PathBuf>,
    },
    /// Allow everything that the files of a workspace request
    Grant(Decide),
    /// Ignore the files of a workspace; the user's own settings apply
    Ignore(Decide),
    /// Forget the decision about a workspace
    Revoke {
        /// Root of the workspace, instead of the one around the working directory
        path: Option<PathBuf>,
    },
    /// List all decisions
    List,
}

/// Arguments of a decision.
#[derive(clap::Args)]
pub(crate) struct Decide {
    /// Directory in the workspace, instead of the working directory
    path: Option<PathBuf>,
    /// Decide only if this is still the digest that `trust show` printed
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Do not ask for confirmation; without a terminal, `grant` needs --digest
    #[arg(long, short)]
    yes: bool,
}

/// Runs the verb.
///
/// # Errors
/// The daemon's problem, or a digest that does not match any more.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Show { path } => show(context, path.as_deref()).await,
        Verb::Grant(arguments) => decide(context, &arguments, TrustDecision::Trusted).await,
        Verb::Ignore(arguments) => decide(context, &arguments, TrustDecision::Ignored).await,
        Verb::Revoke { path } => revoke(context, path).await,
        Verb::List => list(context).await,
    }
}

async fn show(context: &Context, path: Option<&Path>) -> Result<(), Failure> {
    let (client, session) = start(context, path).await?;
    let workspace = prompt::describe(context, &client, &session).await?;
    print(context, &workspace)
}

async fn decide(context: &Context, arguments: &Decide, decision: TrustDecision) -> Result<(), Failure> {
    let (client, session) = start(context, arguments.path.as_deref()).await?;
    let seen = prompt::describe(context, &client, &session).await?;
    check(&seen, arguments.digest.as_deref())?;
    if seen.digest.is_empty() {
        return print(context, &seen);
    }
    if context.interactive && !arguments.yes && arguments.digest.is_none() {
        output::talk(&render::trust::render(&seen, SystemTime::now(), Style::stderr()));
        let verb = if decision == TrustDecision::Trusted { "trust" } else { "ignore" };
        if !person::confirm(&format!("\n{verb} exactly this?")) {
            return Err(undecided().into());
        }
    }
    if decision == TrustDecision::Trusted && !context.interactive && arguments.digest.is_none() {
        return Err(unseen().into());
    }
    let decided = prompt::decide(context, &client, &session, &seen.digest, decision).await?;
    print(context, &decided)
}

/// The person said no: the remedy is to read again, never to trust.
fn undecided() -> Problem {
    Problem::new(Reason::WorkspaceUntrusted, "nothing was decided")
        .hint("`claviger trust show` lists what the workspace requests")
        .remedy(Remedy::claviger(&["trust", "show"]))
}

/// A script may trust what a person has reviewed, not whatever the files contain now.
fn unseen() -> Problem {
    let message = "without a terminal, --digest must name what is trusted";
    Problem::new(Reason::WorkspaceUntrusted, message)
        .hint("review what the workspace requests, and pass the digest shown with it")
        .remedy(Remedy::claviger(&["trust", "show"]))
}

async fn revoke(context: &Context, path: Option<PathBuf>) -> Result<(), Failure> {
    let root = match path {
        // Not canonicalised: the directory may not exist, and the daemon knows the recorded path.
        Some(path) => std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned(),
        None => {
            let (client, session) = start(context, None).await?;
            prompt::describe(context, &client, &session).await?.root
        }
    };
    let mut service = context.connect().await?.trust();
    let message = RevokeTrustRequest { root: root.clone() };
    let removed =
        wait::answer(context, async { unwrap(service.revoke_trust(request(message)).await) }).await?.removed;
    match context.options.json {
        true => output::json(&json::revoked(&root, removed))?,
        false => output::show(&forgotten(removed, &root))?,
    }
    Ok(())
}

async fn list(context: &Context) -> Result<(), Failure> {
    let mut client = context.connect().await?;
    let asked = client
        .call(|client| async move { unwrap(client.trust().list_trust(request(ListTrustRequest {})).await) });
    let answer = wait::answer(context, asked).await?;
    match context.options.json {
        true => output::json(&answer.records.iter().map(json::record).collect::<Vec<_>>())?,
        false => output::show(&render::trust::records(&answer.records, SystemTime::now()))?,
    }
    Ok(())
}

async fn start(context: &Context, path: Option<&Path>) -> Result<(Client, SessionContext), Failure> {
    let session = context.session_in(path.or(context.options.cwd.as_deref()))?;
    Ok((context.connect().await?, session))
}

fn forgotten(removed: u32, root: &str) -> String {
    let what = match removed {
        0 => "nothing was decided".to_owned(),
        1 => "1 decision forgotten".to_owned(),
        many => format!("{many} decisions forgotten"),
    };
    format!("{}: {what}\n", escape::line(root))
}

fn check(seen: &Workspace, expected: Option<&str>) -> Result<(), Problem> {
    match expected {
        Some(expected) if expected != seen.digest => Err(Problem::new(
            Reason::WorkspaceUntrusted,
            "the files request something other than this digest covers",
        )
        .hint("see what they request now")
        .remedy(Remedy::claviger(&["trust", "show"]))),
        _ => Ok(()),
    }
}

fn print(context: &Context, workspace: &Workspace) -> Result<(), Failure> {
    match context.options.json {
        true => output::json(&json::workspace(workspace))?,
        false => output::show(&render::trust::render(workspace, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check, forgotten};
    use claviger::{proto::v1::Workspace, reason::Reason};

    #[test]
    fn revoking_says_how_much_there_was() {
        assert_eq!(forgotten(0, "/w"), "/w: nothing was decided\n");
        assert_eq!(forgotten(1, "/w\n"), "/w\\n: 1 decision forgotten\n");
        assert_eq!(forgotten(2, "/w"), "/w: 2 decisions forgotten\n");
    }

    #[test]
    fn another_digest_is_refused() {
        let seen = Workspace { digest: "ab".into(), ..Default::default() };
        assert_eq!(check(&seen, None), Ok(()));
        assert_eq!(check(&seen, Some("ab")), Ok(()));
        for digest in ["", "a", "abc"] {
            assert_eq!(check(&seen, Some(digest)).expect_err(digest).reason, Reason::WorkspaceUntrusted);
        }
    }
}
