//! Shared parts of the adapters: the daemon's components, and the conversion of problems.

use crate::{
    audit::Audit,
    broker::Broker,
    connections::{Bounds, Connections},
    consent::Consents,
    cookie::Cookie,
    gates::Gates,
    handover::Handover,
    life::{self, Phase},
    notices::Deeds,
    peer::Peer,
    shares::Shares,
};
use claviger::{
    PROTOCOL, RELEASE,
    proto::v1,
    reason::{Problem, Reason},
    session::{MAX_EXPLICIT_SETTINGS, SessionContext},
    wire,
};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::{Notify, Semaphore};
use tonic::{Response, Status, metadata::MetadataValue};

/// Largest request: explicit settings of maximum size, and room for the rest.
pub(super) const MAX_REQUEST: usize = MAX_EXPLICIT_SETTINGS + 512 * 1024;
/// Largest request of `ControlService`, which holds only words.
pub(super) const MAX_WORDS: usize = 256 * 1024;

/// Largest message of `GateService`: the program that serves gates sends the state of all of them at once.
pub(super) const MAX_GATES: usize = 16 * 1024 * 1024;

/// Most connections: as many sessions as a user can have, at about 28 KiB each.
const MOST_CONNECTIONS: usize = 1024;
/// Most bytes of all unanswered requests together.
const MOST_BYTES: usize = 24 * 1024 * 1024;
/// Most concurrent logins: each needs a process and a port for as long as a person takes.
pub(super) const MOST_LOGINS: usize = 16;

/// Shared parts of the adapters.
#[derive(Clone, Debug)]
pub struct Context {
    /// The broker.
    pub broker: Arc<Broker>,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// Asks the daemon to stop.
    pub stop: Arc<Notify>,
    /// Hands over to another program.
    pub handover: Arc<Handover>,
    /// Changes the log level.
    pub logs: crate::logs::Logs,
    /// Reloads the configuration, and notifies the service manager.
    pub service: Arc<crate::service::Service>,
    /// Permits for logins.
    pub logins: Arc<Semaphore>,
    /// The cookie of near callers.
    pub cookie: Arc<Cookie>,
    /// The user's home directory.
    pub home: PathBuf,
    /// Recent desktop notifications.
    pub deeds: Arc<Deeds>,
    /// Questions to a person, and answers.
    pub consents: Arc<Consents>,
    /// Sockets that lend one credential each.
    pub shares: Arc<Shares>,
    /// Where sessions send requests without a credential.
    pub gates: Arc<Gates>,
    /// Open connections.
    pub connections: Arc<Connections>,
}

/// As many permits as there may be concurrent logins.
pub fn logins() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST_LOGINS))
}

/// Limits of connections; each needs two descriptors, and a quarter of them is kept for other uses.
pub fn connections(descriptors: usize) -> Arc<Connections> {
    let connections = MOST_CONNECTIONS.min(descriptors * 3 / 8);
    Connections::new(Bounds { connections, bytes: MOST_BYTES })
}

impl Context {
    /// The end of a stream: without an error, unless another program takes over and reconnecting at once is useful.
    pub(super) fn last_words<T>(&self) -> Option<Result<T, Status>> {
        (self.broker.life.phase() == Phase::HandingOver).then(|| Err(fail(life::handing_over())))
    }

    /// Shows the person on the desktop what `peer` did, without waiting.
    pub(super) fn tell(&self, peer: &Peer, what: &str) {
        let (deeds, broker) = (self.deeds.clone(), self.broker.clone());
        let (peer, what) = (peer.clone(), what.to_owned());
        tokio::spawn(async move { deeds.tell(&broker, Some(&peer), &what).await });
    }

    /// Shows the person on the desktop that a workspace waits for a decision, if that is why the hook of a tool got no
    /// credential.
    pub(super) fn tell_refused(&self, problem: &Problem) {
        if problem.reason == Reason::WorkspaceUntrusted {
            let (deeds, broker, problem) = (self.deeds.clone(), self.broker.clone(), problem.clone());
            tokio::spawn(async move { deeds.tell_refused(&broker, &problem).await });
        }
    }

    /// Whether a sign-in is in progress: a command, or `claviger login`.
    pub fn is_signing_in(&self) -> bool {
        self.logins.available_permits() < MOST_LOGINS || !self.broker.auth_refreshes.pending().is_empty()
    }
}

/// The session of a request, checked.
pub(super) fn session(message: Option<v1::SessionContext>) -> Result<Arc<SessionContext>, Status> {
    SessionContext::from_proto(message).map(Arc::new).map_err(fail)
}

/// A response with release and protocol of the daemon. Only `GetVersion` needs them: every call carries the client's,
/// and an incompatible one is refused with the releases of both.
pub(super) fn introduce<T>(message: T) -> Response<T> {
    let mut response = Response::new(message);
    response.metadata_mut().insert(wire::RELEASE_KEY, MetadataValue::from_static(RELEASE));
    response.metadata_mut().insert(wire::PROTOCOL_KEY, PROTOCOL.into());
    response
}

/// A problem as a gRPC error. A bug gets a fixed text and a number that appears in the log.
#[expect(clippy::needless_pass_by_value, reason = "made to be used with map_err")]
pub(super) fn fail(problem: Problem) -> Status {
    if problem.reason != Reason::Bug {
        return wire::to_status(&problem);
    }
    let request = format!("{:08x}", fastrand::u32(..));
    tracing::error!(request, %problem, "bug");
    let message = format!("claviger has a bug; its log has the details under request {request}");
    wire::to_status(&Problem::new(Reason::Bug, message).hint("please report it"))
}

/// As [`fail`], for the session that asked: the remedy applies to its directory.
pub(super) fn within(session: &SessionContext) -> impl FnOnce(Problem) -> Status {
    move |problem| fail(of_session(session, problem))
}

/// The problem of `session`: the remedy applies to its directory, and after a command that failed it is told if it sent no `PATH`.
pub(super) fn of_session(session: &SessionContext, problem: Problem) -> Problem {
    const NO_PATH: &str = "the session sent no PATH, so programs are searched in fixed places only";
    let problem = problem.for_session(&session.cwd.to_string_lossy());
    if problem.reason != Reason::CommandFailed || session.variable("PATH").is_some() {
        return problem;
    }
    let hint = problem.hint.as_ref().map_or_else(|| NO_PATH.to_owned(), |hint| format!("{hint}; {NO_PATH}"));
    problem.hint(hint)
}

pub(super) fn malformed(message: &str) -> Status {
    wire::to_status(&Problem::new(Reason::MalformedRequest, message))
}
