//! Finds socket, directories and configuration, then runs the daemon.

#![forbid(unsafe_code)]
// The rules of clippy.toml: only `host` touches the outside.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_mangen::Man;
use claviger::{
    place::seat,
    reason::{Problem, Reason},
    remedy::Remedy,
    socket::SOCKET_NAME,
};
use claviger_private::lock;
use clavigerd::{
    End, Ended, Setup,
    broker::kept::Kept,
    config::{Config, Paths},
    cookie::Cookie,
    host::{Host, bus::SessionBus, clock::Clock, memory, program::Programs, successor::Program, system},
    inherited::{self, Inherited, Legacy},
    keep::{self, keep},
    listener::{self, ListenError, Listener},
    logs::{Format, Logs},
    peer::Sockets,
    run,
    seat::{Seat, SeatError, is_unwritable},
    settings::Own,
    shares::KeptShare,
};
use std::{
    error::Error,
    io,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Time limit for threads that wait for the disk, after everything else has ended.
const LAST_THREADS: Duration = Duration::from_secs(2);
/// Name of the systemd credential that seals the file store.
const SEAL: &str = "claviger-store-key";
/// Exit code if a file has to be corrected first, the same as the client's.
const FILE_INVALID: u8 = 4;
/// Owner of what an administrator manages.
const ROOT: u32 = 0;

/// End of the help.
const SHORT: &str = "Sessions talk to it through `claviger`, which starts it when needed.";
/// And the long one, which is the manual page as well.
const LONG: &str = "\
Sessions talk to it through `claviger`, which starts it when needed; `claviger daemon install` lets systemd or launchd do so.

SIGTERM and SIGINT end it: requests that have arrived are answered, for 5 s at most. SIGHUP reloads the configuration.
Exit codes: 0 if it was asked to end, 1 if it could not start or continue (the error is on stderr), 2 for a wrong option,
4 for a file that has to be corrected.

Files:
  ~/.config/claviger/config.toml, /etc/claviger/config.toml, /etc/claude-code/
      The configuration, see claviger.toml(5), and managed settings.
  $XDG_RUNTIME_DIR/claviger/claviger.sock
      The socket; without such a directory it is ~/.local/state/claviger/run/claviger.sock. One that systemd passes comes first.
  ~/.local/state/claviger/
      Trust decisions, audit log, accounts, and the log of a daemon started on demand.

See also: claviger(1), claviger.toml(5), systemctl(1)";

/// Holds the credentials of AI coding sessions and lends them to every session of this user.
#[derive(Debug, Parser)]
#[command(version, after_help = SHORT, after_long_help = LONG, disable_help_subcommand = true)]
struct Arguments {
    /// Socket to serve on [default: in $XDG_RUNTIME_DIR/claviger, else with the state]
    #[arg(long)]
    socket: Option<PathBuf>,
    /// Configuration file [default: ~/.config/claviger/config.toml]
    #[arg(long)]
    config: Option<PathBuf>,
    /// Directory of trust store, audit log and log file [default: ~/.local/state/claviger]
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Log filter: info, debug, clavigerd=trace, …
    #[arg(long)]
    log: Option<String>,
    /// Format of log lines
    #[arg(long, value_enum, default_value_t)]
    log_format: Format,
    /// Detach, log to the state directory, and print "ready" on stdout once clients can connect, or the error as JSON
    #[arg(long)]
    on_demand: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Other functions of this program.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Check whether a daemon could start with these options; a daemon runs this before a handover
    #[command(hide = true)]
    Check,
    /// Print the manual page of this program
    #[command(hide = true)]
    Man,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.verb {
        Some(Verb::Check) => check(&arguments),
        Some(Verb::Man) => Man::new(Arguments::command()).render(&mut io::stdout()).map_err(Into::into),
        None => start(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let problem = problem_of(error);
            eprintln!("clavigerd: {problem}");
            if let Some(advice) = problem.advice() {
                eprintln!("hint: {advice}");
            }
            if arguments.on_demand {
                tell(&problem);
            }
            match problem.reason {
                Reason::SettingsInvalid => ExitCode::from(FILE_INVALID),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Reports a failed start as one line of JSON on stdout: the client that starts a daemon reads "ready" or a [`Problem`]
/// there.
fn tell(problem: &Problem) {
    // A problem always has a JSON text.
    println!("{}", serde_json::to_string(problem).unwrap_or_default());
}

fn problem_of(error: Box<dyn Error>) -> Problem {
    error.downcast::<Problem>().map_or_else(not_a_problem, |problem| *problem)
}

fn not_a_problem(error: Box<dyn Error>) -> Problem {
    if let Some(error) = error.downcast_ref::<SeatError>() {
        return error.problem();
    }
    let problem = Problem::new(Reason::SourceUnavailable, error.to_string());
    match error.downcast_ref() {
        // It answers, or is about to end.
        Some(ListenError::Taken(_)) => problem.retry_after(Duration::ZERO),
        _ => problem.remedy(Remedy::claviger(&["daemon", "run"])),
    }
}

/// All checks before the socket that can fail because of the program or its configuration.
fn prepare(arguments: &Arguments) -> Result<(Paths, Config), Box<dyn Error>> {
    let paths = paths(arguments)?;
    match listener::private_directory(&paths.state) {
        // Helpers and chains work without it; saving a secret returns an error.
        Err(ListenError::Failed { cause, .. }) if is_unwritable(&cause) => {}
        made => made?,
    }
    let config = Config::read(&paths.config, &paths.system, ROOT)?;
    Ok((paths, config))
}

/// Whether a daemon could start like this, with programs of its own release.
fn check(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    prepare(arguments)?;
    Ok(Programs::of(Program::own()?.path()).match_release()?)
}

fn start(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    system::close_inherited();
    claviger_private::protect()?;
    let inherited = Inherited::take();
    let (paths, config) = prepare(arguments)?;
    let log_file = match arguments.on_demand.then(|| system::open_log(&paths.state.join("clavigerd.log"))) {
        // The state directory cannot even be created.
        Some(Err(error)) if is_unwritable(&error) || error.kind() == io::ErrorKind::NotFound => None,
        opened => opened.transpose()?,
    };
    let logs = Logs::start(
        arguments.log.as_deref(),
        config.log.as_ref().map(|(log, _)| log.as_str()),
        arguments.log_format,
        log_file,
    )?;
    memory::raise_descriptor_limit();
    let is_handed_a_socket = system::is_handed_a_socket();
    let Legacy { left, shares, kept } = inherited.read();
    let claimed = match Seat::claim(&paths.state, &paths.socket, is_handed_a_socket) {
        Err(error) if left.is_some() => {
            tracing::error!(%error, "the last program's socket is served without the lock");
            None
        }
        claimed => Some(claimed?),
    };
    // Before the first connection, so that its caller finds the cookie.
    let cookie = Arc::new(Cookie::of(&paths.socket)?);
    let (listener, sockets) = listener::listen(&paths.socket, left, shares.len())?;
    // A share without its socket has ended.
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
    let listener = Mutex::new(listener);
    let kept_up = keep::Kept { listener: &listener, seat: claimed.as_ref(), cookie: &cookie };
    serve_on(kept_up, (&paths, &config), &cookie, &logs, (kept, shares))?;
    tracing::info!("stopped");
    Ok(())
}

/// Serves to the end: after a handover as another program, if that succeeds, else as this one.
fn serve_on(
    with: keep::Kept<'_>,
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
            host: Host::new(Clock::Real, Programs::of(program.path())),
            managed_owner: ROOT,
            logs: logs.clone(),
            program: Some(program.clone()),
            kept,
            shares,
            cookie: cookie.clone(),
        };
        let ended = serve(with, paths, setup)?;
        let listener = &*lock(with.listener);
        match ended.why {
            End::Asked => return Ok(()),
            End::Signal => {
                inherited::leave(listener, &ended.kept);
                return Ok(());
            }
            End::Replaced => {}
        }
        // Returns only if the handover failed, and then this program continues.
        let error = inherited::pass_on(&program, listener, &ended.shares, &ended.kept);
        tracing::error!(%error, "handover failed: this program continues");
        program.look_again();
        (kept, shares) = (ended.kept, ended.shares);
    }
}

fn serve(with: keep::Kept<'_>, paths: &Paths, setup: Setup) -> Result<Ended, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let socket = lock(with.listener).socket.try_clone()?;
        let (next, replaced) = mpsc::channel(1);
        let sockets = Sockets { now: tokio::net::UnixListener::from_std(socket)?, next: Some(replaced) };
        let kept = keep(with, paths, next);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let asked = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = kept => {}
            }
        };
        Ok(run(sockets, setup, asked).await?)
    });
    // A disk that hangs can block a thread without limit.
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}

/// Paths of the daemon. Besides systemd's `LISTEN_…`, these are the only variables the daemon reads from its own
/// environment: directories, and the places of the keyring and of the key of the file store. None selects a credential.
fn paths(arguments: &Arguments) -> Result<Paths, Box<dyn Error>> {
    let place = system::place();
    let home = place.home().ok_or("HOME is not set to an absolute path")?;
    let named =
        [("XDG_CONFIG_HOME", arguments.config.is_some()), ("XDG_STATE_HOME", arguments.state_dir.is_some())];
    let read = named.into_iter().filter(|(_, is_named)| !is_named).map(|(name, _)| name);
    system::refuse_repositories(home, read)?;
    let state = match &arguments.state_dir {
        Some(path) => path.clone(),
        // It has one, because it has a home.
        None => place.state().unwrap_or(home).to_owned(),
    };
    Ok(Paths {
        home: home.to_owned(),
        socket: match &arguments.socket {
            Some(path) => path.clone(),
            None => place.socket().unwrap_or_else(|| seat(&state).join(SOCKET_NAME)),
        },
        config: match &arguments.config {
            Some(path) => path.clone(),
            None => system::variable_path("XDG_CONFIG_HOME")
                .unwrap_or_else(|| home.join(".config"))
                .join("claviger/config.toml"),
        },
        own: Own::of(Some(home), system::variable_path),
        state,
        managed: PathBuf::from(system::MANAGED),
        system: PathBuf::from(system::SYSTEM_CONFIG),
        bus: SessionBus::own(),
        seal: system::credential(SEAL),
    })
}
