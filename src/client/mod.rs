//! The client library: connect to the daemon, get and watch credentials, report rejected ones.
//!
//! This is the one module of the crate with effects: it opens the socket and can start the daemon.

mod connection;
mod start;

pub use connection::Connection;
pub use start::{daemon_program, default_socket};
pub use tonic::Streaming;

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
use std::{path::Path, time::Duration};
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
}

/// A watched credential.
#[derive(Debug)]
pub struct Watch {
    stream: Streaming<v1::WatchCredentialResponse>,
}

impl Client {
    /// Connects to the daemon on `socket`.
    ///
    /// # Errors
    /// [`ConnectError::Unreachable`] if no daemon listens there; [`ConnectError::Unsafe`] if the socket belongs to
    /// somebody else.
    pub async fn connect(socket: &Path) -> Result<Self, ConnectError> {
        Ok(Self { connection: Connection::open(socket).await? })
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

    /// Gets a credential as `message` asks for it.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn ask(&mut self, message: v1::GetCredentialRequest) -> Result<v1::Lease, Problem> {
        let response = self.credentials().get_credential(request(message)).await;
        unwrap(response)?.lease.ok_or_else(|| Problem::new(Reason::Bug, "the daemon's answer has no lease"))
    }

    /// Follows a credential. The watch ends with the daemon.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn watch(&mut self, session: &SessionContext) -> Result<Watch, Problem> {
        let message = v1::WatchCredentialRequest { session: Some(session.to_proto()) };
        let stream = unwrap(self.credentials().watch_credential(request(message)).await)?;
        Ok(Watch { stream })
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
        unwrap(self.credentials().report_rejected(request(message)).await)
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

impl Watch {
    /// The next event; `None` when the daemon has ended the stream.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`]; `shutting-down` if the connection broke.
    pub async fn next(&mut self) -> Result<Option<v1::watch_credential_response::Event>, Problem> {
        Ok(next(&mut self.stream).await?.and_then(|message| message.event))
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
