//! `claviger share`: sockets that lend one credential each, for containers and remote machines.

use super::exec;
use crate::{
    complete,
    daemon::wait,
    failure::Failure,
    json, output, render,
    session::{context::Context, environment, tool},
};
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use claviger::{
    backend::Backend,
    client::{request, unwrap},
    credential::AWS_KEYS,
    proto::v1::{CreateShareRequest, ListSharesRequest, Share, StopShareRequest},
    reason::{Problem, Reason},
    session::{ACCOUNT, PROFILE, SessionContext},
    socket::SOCKET_VARIABLE,
    wire,
};
use std::{
    ffi::OsString,
    os::unix::process::{CommandExt as _, parent_id},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

/// Additional help.
pub(crate) const HELP: &str = "\
A share lends one credential and offers nothing else. It ends with the process that created it (the shell, or COMMAND),
after its time limit, or with `claviger share stop`:

    claviger share box -- ssh -R /tmp/claviger.sock:$XDG_RUNTIME_DIR/claviger/share/box.sock far
    docker run --volume \"$(claviger share box)\":/run/claviger.sock --env CLAVIGER_SOCK=/run/claviger.sock …

On the other side CLAVIGER_SOCK names the socket; docs/containers.md has more.";

/// Arguments of `share`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    make: Make,
}

/// Verbs below `share`.
#[derive(clap::Subcommand)]
enum Verb {
    /// List the shares
    List,
    /// End a share
    Stop {
        /// Its name
        #[arg(add = ArgValueCandidates::new(complete::shares))]
        name: String,
    },
}

/// Options of a new share.
#[derive(clap::Args)]
struct Make {
    /// Its name [default: share-1, share-2, …]
    name: Option<String>,
    /// Lend this account of the local store
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::accounts))]
    account: Option<String>,
    /// Lend the credentials of this AWS profile
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "account", add = ArgValueCandidates::new(complete::profiles))]
    profile: Option<String>,
    /// Lend the credential of this backend, even if the settings select another
    #[arg(long, value_enum)]
    backend: Option<Wanted>,
    /// End it after this time, as in 30m, 8h or 7d
    #[arg(long, value_name = "TIME", value_parser = claviger::time::parse)]
    ttl: Option<Duration>,
    /// Have a person confirm each lease, on the desktop or in a terminal
    #[arg(long)]
    confirm: bool,
    /// Lend nothing: the socket takes requests to the API, and the credential is put into them here
    #[arg(long)]
    gate: bool,
    /// End it with this command, which runs with CLAVIGER_SOCK set to the socket, or with the variables of the gate
    #[arg(last = true, value_name = "COMMAND", add = ArgValueCompleter::new(complete::programs))]
    command: Vec<OsString>,
}

/// Values of `--backend`.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Wanted {
    /// Anthropic's own API
    Anthropic,
    /// AWS Bedrock
    Bedrock,
    /// GCP Vertex
    Vertex,
    /// Azure Foundry
    Foundry,
}

impl From<Wanted> for Backend {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Anthropic => Self::Anthropic,
            Wanted::Bedrock => Self::Bedrock,
            Wanted::Vertex => Self::Vertex,
            Wanted::Foundry => Self::Foundry,
        }
    }
}

/// Runs the command line.
///
/// # Errors
/// Why there is no share, or why the command cannot be run.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    match arguments.verb {
        Some(Verb::List) => list(context).await,
        Some(Verb::Stop { name }) => stop(context, name).await,
        None => make(context, arguments.make).await,
    }
}

async fn make(context: &Context, make: Make) -> Result<(), Failure> {
    let session = session(context, &make)?;
    let client = context.connect().await?;
    // The command replaces this process.
    let parent = if make.command.is_empty() { parent_id() } else { std::process::id() };
    let (name, ttl) = (make.name.unwrap_or_default(), make.ttl.map(wire::duration));
    let (confirm, gate) = (make.confirm, make.gate);
    // Not repeated if the daemon goes away: that could create two shares.
    let create = async || {
        let session = Some(client.describe(&session)?);
        let message = CreateShareRequest { name: name.clone(), session, ttl, parent, confirm, gate };
        unwrap(client.shares().create_share(request(message)).await)
    };
    let asked = async {
        match create().await {
            Err(problem) if problem.reason == Reason::StaleSession => create().await,
            answer => answer,
        }
    };
    let answer = wait::answer(context, asked).await?;
    let share = answer.share.ok_or_else(|| Problem::new(Reason::Bug, "the daemon's answer has no share"))?;
    let Some((program, rest)) = make.command.split_first() else { return shown(context, &share) };
    let mut command = Command::new(program);
    command.args(rest);
    match &answer.gate {
        Some(opened) => {
            let mut variables = environment::gated(opened, environment::own)?;
            exec::come_first(&mut variables)?;
            environment::give(&mut command, &variables);
        }
        None => drop(command.env(SOCKET_VARIABLE, &share.socket)),
    }
    context.core_limit.restore();
    let error = command.exec();
    Err(Failure::Exec(program.to_string_lossy().into_owned(), error))
}

fn shown(context: &Context, share: &Share) -> Result<(), Failure> {
    match context.options.json {
        true => output::json(&json::share(share))?,
        false => output::data(&format!("{}\n", share.socket))?,
    }
    Ok(())
}

/// The session whose credential is lent: this one, changed by the options.
fn session(context: &Context, make: &Make) -> Result<SessionContext, Failure> {
    let mut session = context.session()?;
    // A credential that would come before the chosen one must not be lent in its place.
    if let Some(account) = &make.account {
        let own = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
        tool::choose(&mut session, &[(ACCOUNT, account)]);
        tool::choose(&mut session, &own.map(|name| (name, "")));
    }
    if let Some(profile) = &make.profile {
        tool::choose(&mut session, &[(PROFILE, profile), ("AWS_BEARER_TOKEN_BEDROCK", "")]);
        tool::choose(&mut session, &AWS_KEYS.map(|name| (name, "")));
    }
    session.backend = make.backend.map(Backend::from).or(make.profile.as_ref().map(|_| Backend::Bedrock));
    Ok(session)
}

async fn list(context: &Context) -> Result<(), Failure> {
    let mut client = context.connect().await?;
    let asked = client.call(|client| async move {
        unwrap(client.shares().list_shares(request(ListSharesRequest {})).await)
    });
    let shares = wait::answer(context, asked).await?.shares;
    let is_lost = |share: &&Share| !Path::new(&share.socket).exists();
    let lost: Vec<_> = shares.iter().filter(is_lost).map(|share| share.name.clone()).collect();
    match context.options.json {
        true => output::json(&json::shares(&shares))?,
        false => output::show(&render::share::list(&shares, &lost, SystemTime::now()))?,
    }
    Ok(())
}

async fn stop(context: &Context, name: String) -> Result<(), Failure> {
    let mut service = context.connect().await?.shares();
    let message = StopShareRequest { name: name.clone() };
    let answer = async { unwrap(service.stop_share(request(message)).await) };
    let stopped = wait::answer(context, answer).await?.stopped;
    match context.options.json {
        true => output::json(&json::share_stopped(&name, stopped))?,
        false if stopped || context.options.quiet => {}
        false => output::talk("claviger: there is no share of that name\n"),
    }
    Ok(())
}
