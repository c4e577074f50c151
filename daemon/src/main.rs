//! Finds socket, directories and configuration, then runs the daemon.

#![forbid(unsafe_code)]
// The rules of clippy.toml: only `host` touches the outside.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod manual;

use clap::{CommandFactory as _, Parser, Subcommand};
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use clavigerd::{
    End, Ended, Setup,
    broker::kept::Kept,
    config::{Config, Paths, reference},
    cookie::Cookie,
    host::{Host, clock::Clock, fetch::FetchProgram, memory, successor::Program, system},
    inherited::{self, Inherited, Legacy},
    listener::{self, ListenError, Listener},
    logs::{Format, Logs},
    run,
    shares::KeptShare,
};
use std::{error::Error, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// How long threads that wait for the disk may take when everything else has ended.
const LAST_THREADS: Duration = Duration::from_secs(2);
/// Name of the systemd credential that seals the file store.
const SEAL: &str = "claviger-store-key";

/// Holds the credentials of AI coding sessions and lends them to every session of this user.
#[derive(Debug, Parser)]
#[command(version, after_help = "Sessions talk to it through `claviger`, which starts it when needed.")]
struct Arguments {
    /// Socket to serve on [default: $XDG_RUNTIME_DIR/claviger/claviger.sock]
    #[arg(long)]
    socket: Option<PathBuf>,
    /// Configuration file [default: ~/.config/claviger/config.toml]
    #[arg(long)]
    config: Option<PathBuf>,
    /// Directory of trust store, audit log and log file [default: ~/.local/state/claviger]
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// What to log: info, debug, clavigerd=trace, …
    #[arg(long)]
    log: Option<String>,
    /// How a log line looks
    #[arg(long, value_enum, default_value_t)]
    log_format: Format,
    /// Detach, log to the state directory, and say "ready" on stdout once clients can connect, or why not (JSON)
    #[arg(long)]
    on_demand: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What else this program does.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Say whether a daemon could start like this; a daemon asks its successor
    #[command(hide = true)]
    Check,
    /// Print the manual page of this program
    #[command(hide = true)]
    Man,
    /// Print docs/configuration.md
    #[command(hide = true)]
    Reference,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.verb {
        Some(Verb::Check) => check(&arguments),
        Some(Verb::Man) => manual::print(Arguments::command()).map_err(Into::into),
        Some(Verb::Reference) => manual::say(&reference::page()).map_err(Into::into),
        None => start(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clavigerd: {error}");
            if arguments.on_demand {
                tell(error);
            }
            ExitCode::FAILURE
        }
    }
}

/// Why it does not start, as one line of JSON on stdout: whoever starts a daemon reads "ready" or a [`Problem`] there.
fn tell(error: Box<dyn Error>) {
    let problem = error.downcast::<Problem>().map_or_else(not_a_problem, |problem| *problem);
    // A problem always has a JSON text.
    println!("{}", serde_json::to_string(&problem).unwrap_or_default());
}

fn not_a_problem(error: Box<dyn Error>) -> Problem {
    let problem = Problem::new(Reason::SourceUnavailable, error.to_string());
    match error.downcast_ref() {
        // It answers, or is about to end.
        Some(ListenError::Taken(_)) => problem.retry_after(Duration::ZERO),
        _ => problem.remedy(Remedy::claviger(&["daemon", "run"])),
    }
}

/// Everything up to the socket that can go wrong with a program or its configuration.
fn prepare(arguments: &Arguments) -> Result<(Paths, Config), Box<dyn Error>> {
    let paths = paths(arguments)?;
    listener::private_directory(&paths.state)?;
    let config = match system::read_text(&paths.config)? {
        Some(text) => Config::parse(&paths.config.display().to_string(), &text)?,
        None => Config::default(),
    };
    Ok((paths, config))
}

/// Whether a daemon could start like this, with a program of its own release that fetches.
fn check(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    prepare(arguments)?;
    Ok(FetchProgram::of(Program::own()?.path()).matches()?)
}

fn start(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    system::close_inherited();
    claviger_private::protect()?;
    let inherited = Inherited::take();
    let (paths, config) = prepare(arguments)?;
    let log_file =
        arguments.on_demand.then(|| system::open_log(&paths.state.join("clavigerd.log"))).transpose()?;
    let logs = Logs::start(arguments.log.as_deref(), config.log.as_deref(), arguments.log_format, log_file)?;
    memory::raise_descriptor_limit();
    let Legacy { left, shares, kept } = inherited.read();
    // Before anybody can connect, so that whoever does finds it.
    let cookie = Arc::new(Cookie::of(&paths.socket)?);
    let (listener, sockets) = listener::listen(&paths.socket, left, shares.len())?;
    // One without its socket has ended.
    let pairs = shares.into_iter().zip(sockets);
    let shares = pairs.filter_map(|(share, socket)| Some((share.clone(), share.listener(socket?)))).collect();
    tracing::info!(
        socket = %paths.socket.display(),
        inherited = listener.is_inherited(),
        credentials = kept.len(),
        "listening"
    );
    if arguments.on_demand {
        system::detach("ready\n")?;
    }
    serve_on(&listener, (&paths, &config), &cookie, &logs, (kept, shares))?;
    tracing::info!("stopped");
    Ok(())
}

/// Serves until it is over: with another program in our place, if that one can take over, else with this one.
fn serve_on(
    listener: &Listener,
    (paths, config): (&Paths, &Config),
    cookie: &Arc<Cookie>,
    logs: &Logs,
    (mut kept, mut shares): (Kept, Vec<(KeptShare, Listener)>),
) -> Result<(), Box<dyn Error>> {
    let mut program = Program::own()?;
    loop {
        let setup = Setup {
            paths: paths.clone(),
            limits: config.limits,
            store: config.store,
            host: Host::new(Clock::Real, FetchProgram::of(program.path())),
            managed_owner: 0,
            logs: logs.clone(),
            program: Some(program.clone()),
            kept,
            shares,
            cookie: cookie.clone(),
        };
        let ended = serve(listener, setup)?;
        match ended.why {
            End::Asked => return Ok(()),
            End::Signal => {
                inherited::leave(listener, &ended.kept);
                return Ok(());
            }
            End::Replaced => {}
        }
        // Returns only if nothing came of it, and then this program goes on.
        let error = inherited::pass_on(&program, listener, &ended.shares, &ended.kept);
        tracing::error!(%error, "another program could not take over: this one goes on");
        program.look_again();
        (kept, shares) = (ended.kept, ended.shares);
    }
}

fn serve(listener: &Listener, setup: Setup) -> Result<Ended, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let socket = tokio::net::UnixListener::from_std(listener.socket.try_clone()?)?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let asked = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(run(socket, setup, asked).await?)
    });
    // A disk that hangs holds up a thread for as long as it likes.
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}

/// Where things are. Besides systemd's `LISTEN_…`, these are the only variables the daemon reads from its own
/// environment: directories, and where the keyring and the key of the file store are. None picks a credential.
fn paths(arguments: &Arguments) -> Result<Paths, Box<dyn Error>> {
    let home = || system::variable_path("HOME").ok_or("HOME is not set to an absolute path");
    let directory = |variable: &str, below_home: &str| match system::variable_path(variable) {
        Some(path) => Ok::<_, Box<dyn Error>>(path.join("claviger")),
        None => Ok(home()?.join(below_home).join("claviger")),
    };
    let uid = nix::unistd::Uid::effective().as_raw();
    Ok(Paths {
        home: home()?,
        socket: match &arguments.socket {
            Some(path) => path.clone(),
            None => claviger::socket::default_path(system::runtime_directory().as_deref(), uid),
        },
        config: match &arguments.config {
            Some(path) => path.clone(),
            None => directory("XDG_CONFIG_HOME", ".config")?.join("config.toml"),
        },
        state: match &arguments.state_dir {
            Some(path) => path.clone(),
            None => directory("XDG_STATE_HOME", ".local/state")?,
        },
        managed: PathBuf::from(system::MANAGED),
        bus: system::session_bus(),
        seal: system::credential(SEAL),
    })
}
