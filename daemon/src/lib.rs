//! The daemon: holds the credentials of one user's sessions and lends them.
//!
//! [`run`] is all of it, given a socket and the outside world; `main` only finds those. See ARCHITECTURE.md for the
//! map and the life of a request.

#![forbid(unsafe_code)]
// The rules of clippy.toml: only `host` touches the outside.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod accounts;
pub mod audit;
pub mod auth_refresh;
pub mod broker;
mod busy;
pub mod caller;
pub mod config;
pub mod connections;
pub mod consent;
pub mod cookie;
pub mod demand;
pub mod endpoint;
pub mod gates;
pub mod handover;
pub mod host;
pub mod inherited;
pub mod keep;
pub mod key;
pub mod life;
pub mod listener;
pub mod live;
pub mod logs;
pub mod notices;
pub mod pauses;
pub mod peer;
pub mod policy;
pub mod resolve;
pub mod seat;
pub mod server;
pub mod service;
pub mod session_text;
pub mod settings;
pub mod shares;
pub mod shown;
pub mod sources;
pub mod terminal;
pub mod tried;
pub mod trust;
pub mod words;

use accounts::{Accounts, Store};
use audit::{Audit, Line};
use broker::{Broker, kept::Kept};
use caller::Caller;
use config::{Limits, Paths};
use cookie::Cookie;
use gates::Gates;
use handover::Handover;
use host::{Host, successor::Program};
use life::Phase;
use listener::Listener;
use logs::Logs;
use peer::Sockets;
use server::Context;
use service::Service;
use settings::{Roots, store::SettingsStore};
use shares::{KeptShare, Shares};
use std::{
    future::Future,
    path::PathBuf,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};
use trust::TrustStore;

/// How long running requests may take when the daemon stops.
const DRAIN: Duration = Duration::from_secs(5);

/// The same during a handover: waiters get the result of their refresh, and new connections wait that long.
const LAST_REFRESH: Duration = Duration::from_secs(30);

/// Everything a daemon needs except its socket.
#[derive(Debug)]
pub struct Setup {
    /// Paths.
    pub paths: Paths,
    /// Limits.
    pub limits: Limits,
    /// Where secrets of the local store are kept.
    pub store: config::StoreChoice,
    /// The outside world.
    pub host: Host,
    /// Required owner of managed settings: root, except in tests.
    pub managed_owner: u32,
    /// Changes the log level.
    pub logs: Logs,
    /// The program for a handover; `None` for a daemon inside another program.
    pub program: Option<Program>,
    /// State of the last daemon.
    pub kept: Kept,
    /// The shares of the last daemon, with their sockets.
    pub shares: Vec<(KeptShare, Listener)>,
    /// The cookie of near callers.
    pub cookie: Arc<Cookie>,
}

/// Why a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to stop: its state is not needed any more.
    Asked,
    /// Its process was asked to end: the next one may need its state.
    Signal,
    /// A handover to another program.
    Replaced,
}

/// Result of a daemon.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub why: End,
    /// State for the successor.
    pub kept: Kept,
    /// The shares, for a handover in this process.
    pub shares: Vec<(KeptShare, Listener)>,
}

/// Why a daemon ended unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server failed.
    #[error("the server failed: {0}")]
    Server(#[from] tonic::transport::Error),
}

/// Serves on `sockets` until `shutdown` resolves, a client asks to stop, or a handover begins.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    sockets: impl Into<Sockets>,
    mut setup: Setup,
    shutdown: impl Future<Output = ()>,
) -> Result<Ended, RunError> {
    let kept = std::mem::take(&mut setup.kept);
    let context = assemble(setup);
    context.broker.inherit(kept);
    context.lend_on_all();
    context.open_all_standing();
    drop(context.finish_logouts());
    context.audit.note(of_daemon("started"));
    notices::start(&context.broker);
    let is_signalled = serve(sockets.into(), &context, shutdown).await?;
    let why = match context.broker.life.phase() {
        Phase::HandingOver => End::Replaced,
        _ if is_signalled => End::Signal,
        _ => End::Asked,
    };
    context.audit.note(of_daemon(if why == End::Replaced { "replaced" } else { "stopped" }));
    context.audit.flush().await;
    let shares = match why {
        End::Replaced => context.shares.keep(),
        End::Asked | End::Signal => {
            context.shares.end();
            Vec::new()
        }
    };
    Ok(Ended { why, kept: context.broker.keep(), shares })
}

fn assemble(mut setup: Setup) -> Context {
    let home = setup.paths.home.clone();
    let shares = Arc::new(Shares::of(&setup.paths.socket));
    shares.inherit(std::mem::take(&mut setup.shares));
    let gates = Arc::new(Gates::of(&setup.paths.socket, &setup.paths.state));
    let (logs, handover) = (setup.logs.clone(), Handover::new(setup.program.take()));
    let (state, limits) = (setup.paths.state.clone(), setup.limits);
    let (cookie, broker) = broker(setup);
    Context {
        cookie,
        deeds: Arc::default(),
        consents: Arc::default(),
        home,
        shares,
        gates,
        audit: Audit::start(&state, limits.audit_part, limits.audit_parts, &broker.host.clock),
        stop: Arc::default(),
        handover,
        service: Arc::new(Service::new(broker.clone(), logs.clone())),
        logs,
        logins: server::logins(),
        connections: server::connections(host::memory::descriptors()),
        broker,
    }
}

/// Serves to the end; returns whether `shutdown` ended it.
async fn serve(
    sockets: Sockets,
    context: &Context,
    shutdown: impl Future<Output = ()>,
) -> Result<bool, RunError> {
    let Context { broker, handover, service, stop, connections, .. } = context;
    let (streams, unused, arrival) = (broker.clone(), connections.clone(), Arc::new(Notify::new()));
    let incoming = peer::Incoming::new(sockets, arrival.clone(), Caller::default(), connections.clone());
    // Open streams and waiting requests end then; other work may finish.
    let serving = server::serve(context.clone(), incoming, async move {
        streams.life.stopping().await;
        // A silent connection would be waited for.
        unused.close_unused();
    });
    let ending = async {
        serving.await?;
        // Tokens that a server issues only once are saved before a service manager is told that the daemon has stopped.
        broker.host.lasting_ended().await;
        if broker.life.phase() == Phase::HandingOver {
            broker.landed().await;
        }
        Ok::<_, RunError>(())
    };
    let signalled = AtomicBool::new(false);
    let stopped = async {
        tokio::select! {
            () = shutdown => signalled.store(true, Relaxed),
            () = stop.notified() => {}
        }
        service.stopping();
    };
    let tell = || {
        let what = "the program of the daemon was replaced, and the new one takes over";
        context.deeds.tell(broker, None, what)
    };
    // Polled first when the server waits for connections.
    let attending = tokio::spawn(service.clone().attend());
    tokio::select! {
        ended = ending => ended?,
        () = follow_phases(broker, stopped, handover.begun()) => {
            tracing::warn!("some requests did not end in time");
        }
        never = handover.follow(broker, || context.is_signing_in(), tell, &arrival) => match never {},
    }
    attending.abort();
    Ok(signalled.load(Relaxed))
}

/// Follows the phases. Resolves when nothing may continue.
async fn follow_phases(broker: &Broker, stopped: impl Future<Output = ()>, begun: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    tokio::select! {
        () = &mut stopped => {}
        () = begun => {
            broker.life.enter(Phase::HandingOver);
            tokio::select! {
                () = &mut stopped => {}
                () = sleep(LAST_REFRESH) => return,
            }
        }
    }
    broker.life.enter(Phase::Stopping);
    sleep(DRAIN).await;
}

/// A log line about the daemon itself.
fn of_daemon(decision: &'static str) -> Line<'static> {
    Line::of(claviger::audit::AuditEvent::Daemon, decision).pid(std::process::id()).about(claviger::RELEASE)
}

fn broker(setup: Setup) -> (Arc<Cookie>, Arc<Broker>) {
    let Setup { paths, limits, store, host, managed_owner, cookie, .. } = setup;
    let trust = Arc::new(open_trust(paths.state.join("trust.json")));
    let accounts = Arc::new(Accounts::open(paths.state.join("accounts.json")));
    let store = Store::new(&paths, store);
    let settings = SettingsStore::new(Roots {
        home: paths.home,
        managed: paths.managed,
        config: paths.config,
        system: paths.system,
        own: paths.own,
        managed_owner,
        recheck_after: pauses::RECHECK_AFTER,
    });
    (cookie.clone(), Broker::new(host, settings, trust, (accounts, store), (cookie, limits)))
}

/// The trust store. An unreadable one stays as it is: every workspace counts as undecided until a person has fixed it.
fn open_trust(path: PathBuf) -> TrustStore {
    TrustStore::open(path.clone()).unwrap_or_else(|problem| {
        tracing::error!(%problem, "the trust store is unusable: no workspace counts as trusted");
        TrustStore::closed(path, problem)
    })
}
