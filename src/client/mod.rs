//! The client library: connect to the daemon, get and watch credentials, report rejected ones.
//!
//! This is the one module of the crate with effects: it opens the socket and can start the daemon.

mod connection;
mod start;
mod watch;

pub use connection::Connection;
pub use start::{daemon_program, default_socket};
pub use tonic::Streaming;
pub use watch::Watch;

use crate::{
    PROTOCOL, RELEASE,
    proto::v1::{
        self, account_service_client::AccountServiceClient, control_service_client::ControlServiceClient,
        credential_service_client::CredentialServiceClient, inspect_service_client::InspectServiceClient,
        trust_service_client::TrustServiceClient,
    },
    reason::{Problem, Reason},
    session::SessionContext,
    wire,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;
use tonic::{Request, Response, Status};

/// Why the daemon could not be talked to at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens on the socket.
    #[error("no daemon answers on {path}: {cause}")]
    Unreachable {
        /// The socket.
        path: String,
        /// What the kernel said.
        cause: std::io::Error,
    },
    /// The socket or its directory is not what it must be.
    #[error("{path} is not safe to use: {why}")]
    Unsafe {
        /// The socket or directory.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A daemon was started but did not come up.
    #[error("the daemon did not start: {0}")]
    NotStarted(String),
    /// Something answers, but it is not this daemon's protocol.
    #[error("what answers on the socket does not speak HTTP/2: {0}")]
    Handshake(#[from] hyper::Error),
}

/// A connection to the daemon.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
    socket: PathBuf,
}

/// Pauses before the next connection, when a daemon goes away in whose place another may go on: that one needs some
/// milliseconds.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(500)];

impl Client {
    /// Connects to the daemon on `socket`.
    ///
    /// # Errors
    /// [`ConnectError::Unreachable`] if no daemon listens there; [`ConnectError::Unsafe`] if the socket belongs to
    /// somebody else.
    pub async fn connect(socket: &Path) -> Result<Self, ConnectError> {
        Ok(Self { connection: Connection::open(socket).await?, socket: socket.to_owned() })
    }

    /// Connects to the daemon on `socket`, and starts one if none answers. Of many callers at once, one starts it.
    ///
    /// # Errors
    /// As [`Client::connect`], and [`ConnectError::NotStarted`] with the daemon's own words.
    pub async fn connect_or_start(socket: &Path) -> Result<Self, ConnectError> {
        match Self::connect(socket).await {
            Err(ConnectError::Unreachable { .. }) => {
                start::start(socket).await?;
                Self::connect(socket).await
            }
            other => other,
        }
    }

    /// Gets a credential, refreshed first if less than `min_validity` is left.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn get(
        &mut self,
        session: &SessionContext,
        min_validity: Option<Duration>,
    ) -> Result<v1::Lease, Problem> {
        let message = v1::GetCredentialRequest {
            session: Some(session.to_proto()),
            min_validity: min_validity.map(wire::duration),
            hook: None,
        };
        self.ask(message).await
    }

    /// Gets a credential as `message` asks for it. If another daemon goes on in the place of this one meanwhile, that one
    /// is asked.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn ask(&mut self, message: v1::GetCredentialRequest) -> Result<v1::Lease, Problem> {
        let mut pauses = PAUSES.iter();
        loop {
            let response = self.credentials().get_credential(request(message.clone())).await;
            match unwrap(response) {
                Ok(response) => {
                    let no_lease = || Problem::new(Reason::Bug, "the daemon's answer has no lease");
                    return response.lease.ok_or_else(no_lease);
                }
                Err(problem) => self.connect_again(problem, &mut pauses).await?,
            }
        }
    }

    /// Connects again after `problem`, if that may help.
    async fn connect_again(
        &mut self,
        problem: Problem,
        pauses: &mut std::slice::Iter<'_, Duration>,
    ) -> Result<(), Problem> {
        let is_lost =
            problem.reason == Reason::ShuttingDown && problem.retry_after.is_none_or(|delay| delay.is_zero());
        let Some(pause) = pauses.next().filter(|_| is_lost) else { return Err(problem) };
        sleep(*pause).await;
        // Nobody there: the daemon ended, and none goes on.
        self.connection = Connection::open(&self.socket).await.map_err(|_| problem)?;
        Ok(())
    }

    /// Follows a credential. The watch ends with the daemon, unless another goes on in its place.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn watch(&mut self, session: &SessionContext) -> Result<Watch, Problem> {
        Watch::open(self.clone(), session.clone()).await
    }

    /// Reports that the API answered `status` (401 or 403) to `lease`.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn report(
        &mut self,
        session: &SessionContext,
        lease: &v1::Lease,
        status: u32,
    ) -> Result<v1::ReportRejectedResponse, Problem> {
        let message = v1::ReportRejectedRequest {
            session: Some(session.to_proto()),
            key: lease.key.clone(),
            generation: lease.generation,
            status,
        };
        let mut pauses = PAUSES.iter();
        loop {
            match unwrap(self.credentials().report_rejected(request(message.clone())).await) {
                Err(problem) => self.connect_again(problem, &mut pauses).await?,
                answer => return answer,
            }
        }
    }

    /// The connection itself, for services that are not of this API, such as `grpc.health.v1`.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The generated client of `CredentialService`.
    pub fn credentials(&self) -> CredentialServiceClient<Connection> {
        CredentialServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }

    /// The generated client of `AccountService`.
    pub fn accounts(&self) -> AccountServiceClient<Connection> {
        AccountServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }

    /// The generated client of `TrustService`.
    pub fn trust(&self) -> TrustServiceClient<Connection> {
        TrustServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }

    /// The generated client of `InspectService`.
    pub fn inspect(&self) -> InspectServiceClient<Connection> {
        InspectServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }

    /// The generated client of `ControlService`.
    pub fn control(&self) -> ControlServiceClient<Connection> {
        ControlServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }
}

/// A request that says which release and protocol this client speaks.
pub fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(wire::RELEASE_KEY, tonic::metadata::MetadataValue::from_static(RELEASE));
    request.metadata_mut().insert(wire::PROTOCOL_KEY, PROTOCOL.into());
    request
}

/// The message of a response, once the daemon's protocol is known to be ours.
///
/// # Errors
/// The daemon's typed [`Problem`]; `malformed-request` if it speaks another protocol.
pub fn unwrap<T>(response: Result<Response<T>, Status>) -> Result<T, Problem> {
    let response = response.map_err(|status| problem(&status))?;
    wire::check_protocol(response.metadata(), "daemon")?;
    Ok(response.into_inner())
}

/// A request to a daemon of any protocol. Stop, Restart and GetVersion are the same in all of them, so that a client can
/// always mend what does not fit.
pub fn request_any<T>(message: T) -> Request<T> {
    Request::new(message)
}

/// The message of a response to [`request_any`].
///
/// # Errors
/// The daemon's typed [`Problem`].
pub fn unwrap_any<T>(response: Result<Response<T>, Status>) -> Result<T, Problem> {
    Ok(response.map_err(|status| problem(&status))?.into_inner())
}

/// The next message of a stream; `None` when the daemon has ended it.
///
/// # Errors
/// The daemon's typed [`Problem`]; `shutting-down` if the connection broke.
pub async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Problem> {
    stream.message().await.map_err(|status| problem(&status))
}

/// The problem behind a failed call. A connection that broke means that the daemon went away, not that it has a bug.
fn problem(status: &Status) -> Problem {
    let cause = std::error::Error::source(status);
    match cause.and_then(|cause| cause.downcast_ref::<hyper::Error>()) {
        Some(_) => Problem::new(Reason::ShuttingDown, "the daemon went away before it had answered")
            .hint("try again; the next call starts a new daemon"),
        None => wire::from_status(status),
    }
}
