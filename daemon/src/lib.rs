//! The daemon: holds the credentials of one user's sessions and lends them.
//!
//! [`run`] is all of it, given a socket and the outside world; `main` only finds those. See ARCHITECTURE.md for the
//! map and the life of a request.

#![forbid(unsafe_code)]
// The rules of clippy.toml: only `host` touches the outside.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod accounts;
pub mod audit;
pub mod broker;
pub mod config;
pub mod endpoint;
pub mod fetch;
pub mod host;
pub mod listener;
mod lock;
pub mod logs;
pub mod notices;
pub mod peer;
pub mod policy;
pub mod resolve;
pub mod server;
pub mod settings;
pub mod sources;
pub mod trust;

use accounts::{Accounts, Store};
use audit::{Audit, Line};
use broker::Broker;
use config::{Limits, Paths};
use host::{Host, audit_file::AuditFile};
use logs::Logs;
use server::Context;
use settings::store::{Roots, SettingsStore};
use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::UnixListener, sync::Notify, time::sleep};
use trust::TrustStore;

/// How long running requests may take to end when the daemon stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a look at the settings files counts. No process that starts after an edit can ask sooner than this, so
/// each one sees the edit; a session that asks thousands of times a second costs two thousand looks.
const RECHECK_AFTER: Duration = Duration::from_micros(500);

/// Everything a daemon needs but its socket.
#[derive(Debug)]
pub struct Setup {
    /// Where things are.
    pub paths: Paths,
    /// Bounds.
    pub limits: Limits,
    /// Where secrets of the local store are kept.
    pub store: config::StoreChoice,
    /// The outside world.
    pub host: Host,
    /// Who must own managed settings: root, but for tests.
    pub managed_owner: u32,
    /// Changes the log level.
    pub logs: Logs,
}

/// Why a daemon ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The API could not be set up.
    #[error("the API could not be set up: {0}")]
    Api(#[from] tonic_reflection::server::Error),
    /// The server failed.
    #[error("the server failed: {0}")]
    Server(#[from] tonic::transport::Error),
}

/// Serves on `listener` until `shutdown` resolves or a client asks to stop.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    listener: UnixListener,
    setup: Setup,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let logs = setup.logs.clone();
    let log = setup.paths.state.join("audit.jsonl");
    let file = AuditFile::new(&log, setup.limits.audit_part, setup.limits.audit_parts);
    let broker = broker(setup);
    let audit = Audit::start(file, broker.host.clock.clone());
    audit.note(of_daemon("started"));
    notices::start(&broker);
    let stop = Arc::new(Notify::new());
    let (logins, asked) = (server::logins(), stop.clone());
    let context = Context { broker: broker.clone(), audit: audit.clone(), stop: asked, logs, logins };
    let router = server::router(context).await?;
    let stopping = broker.clone();
    let signal = async move {
        tokio::select! {
            () = shutdown => {}
            () = stop.notified() => {}
        }
        // Open streams and waiting requests end now; whatever else is running may finish.
        stopping.shut_down();
    };
    let serving = router.serve_with_incoming_shutdown(peer::Incoming::new(listener), signal);
    let ending = async {
        serving.await?;
        // What a server gives only once is kept before a service manager is told that everything is over.
        broker.host.lasting_ended().await;
        Ok::<_, RunError>(())
    };
    tokio::select! {
        ended = ending => ended?,
        () = async { broker.stopping().await; sleep(DRAIN).await } => {
            tracing::warn!("some requests did not end in time");
        }
    }
    audit.note(of_daemon("stopped"));
    audit.flush().await;
    Ok(())
}

/// A line about the daemon itself.
fn of_daemon(decision: &'static str) -> Line<'static> {
    Line::of("daemon", decision).pid(std::process::id()).about(claviger::RELEASE)
}

fn broker(setup: Setup) -> Arc<Broker> {
    let Setup { paths, limits, store, host, managed_owner, .. } = setup;
    let trust = Arc::new(open_trust(paths.state.join("trust.json")));
    let accounts = Arc::new(Accounts::open(paths.state.join("accounts.json")));
    let store = Store::new(&paths, store);
    let settings = SettingsStore::new(Roots {
        managed: paths.managed,
        config: paths.config,
        managed_owner,
        recheck_after: RECHECK_AFTER,
    });
    Broker::new(host, settings, trust, (accounts, store), limits)
}

/// The trust store. One that cannot be read is left as it is: nothing counts as decided until a person has looked.
fn open_trust(path: PathBuf) -> TrustStore {
    TrustStore::open(path.clone()).unwrap_or_else(|problem| {
        tracing::error!(%problem, "the trust store is unusable: no workspace counts as trusted");
        TrustStore::closed(path, problem)
    })
}
