//! A client of the daemon, and its calls.

use super::{
    connection::Connection,
    error::ConnectError,
    messages::{request, unwrap},
    start,
};
use crate::{
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

/// A connection to the daemon.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
    socket: PathBuf,
}

/// Pauses before the next connection, when a daemon goes away in whose place another may go on: that one needs some
/// milliseconds.
pub(super) const PAUSES: [Duration; 4] =
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
    pub(super) async fn connect_again(
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
