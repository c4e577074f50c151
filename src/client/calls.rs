//! A client of the daemon, and its calls.

use super::{
    connection::Connection,
    error::ConnectError,
    messages::{is_lost, is_refused, request, unwrap},
    passed,
    reconnect::Reconnect,
    start, way,
};
use crate::{
    lease::Lease,
    proto::v1::{
        self, account_service_client::AccountServiceClient, control_service_client::ControlServiceClient,
        credential_service_client::CredentialServiceClient, gate_service_client::GateServiceClient,
        inspect_service_client::InspectServiceClient, share_service_client::ShareServiceClient,
        trust_service_client::TrustServiceClient,
    },
    reason::{Problem, Reason},
    session::{Names, SessionContext},
    wire,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// A connection to the daemon; it reconnects when needed.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
    /// The socket to try first.
    socket: PathBuf,
    /// Whether that is the socket of this user's own daemon.
    is_default: bool,
    /// Whether it starts a daemon if none answers.
    starts: bool,
}

impl Client {
    /// Connects to the daemon on `socket`.
    ///
    /// # Errors
    /// [`ConnectError::Unreachable`] if no daemon listens there; [`ConnectError::Unsafe`] if the socket belongs to
    /// another user.
    pub async fn connect(socket: &Path) -> Result<Self, ConnectError> {
        Self::open(socket, false).await
    }

    /// Connects to the daemon on `socket`. If none answers there and it is [the default socket](super::is_default),
    /// starts one: on a named socket, a new daemon would lend another identity. Of many concurrent callers, one starts
    /// it. If the daemon ends later, the next call starts another.
    ///
    /// # Errors
    /// As [`Client::connect`], and [`ConnectError::NotStarted`] with the daemon's own message.
    pub async fn connect_or_start(socket: &Path) -> Result<Self, ConnectError> {
        Self::open(socket, way::is_default(socket)).await
    }

    /// The same client, which starts a daemon if none answers a later call.
    #[must_use]
    pub fn restarting(mut self) -> Self {
        self.starts = self.is_default;
        self
    }

    /// The same client, which starts no daemon for a later call.
    #[must_use]
    pub(super) fn waiting(mut self) -> Self {
        self.starts = false;
        self
    }

    async fn open(socket: &Path, starts: bool) -> Result<Self, ConnectError> {
        let mut reconnect = Reconnect::briefly();
        loop {
            match connection(socket, starts).await {
                Ok(connection) => {
                    let is_default = way::is_default(socket);
                    return Ok(Self { connection, socket: socket.to_owned(), is_default, starts });
                }
                Err(error) if error.may_pass(starts) => {
                    if error.is_queue_full() {
                        reconnect.promised();
                    }
                    reconnect.after(error).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The message for `session`. On the daemon's machine it holds the whole session, with the variables of its
    /// environment that commands may have (`pass_environment`); where only a socket was forwarded, only the names that
    /// the session chooses.
    ///
    /// The daemon may have a newer configuration: [`Client::call_for`] then describes the session again.
    ///
    /// # Errors
    /// `foreign-caller` if the session needs more than names; as [`SessionContext::to_proto_with`]; `settings-invalid`
    /// if another program wrote the list of variables to pass on.
    pub fn describe(&self, session: &SessionContext) -> Result<v1::SessionContext, Problem> {
        match self.connection.is_near() || self.is_default {
            true => session.to_proto_with(&passed::read(self.connection.socket())?),
            false => Names::of(session).map(|names| names.to_proto()),
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
    ) -> Result<Lease, Problem> {
        let min_validity = min_validity.map(wire::duration);
        self.ask(session, v1::GetCredentialRequest { min_validity, ..Default::default() }).await
    }

    /// Gets the credential of `session` with the other fields of `message`, whose own session is empty.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn ask(
        &mut self,
        session: &SessionContext,
        message: v1::GetCredentialRequest,
    ) -> Result<Lease, Problem> {
        let asked = self.call_for(session, |client, session| {
            let message = v1::GetCredentialRequest { session: Some(session), ..message.clone() };
            async move { unwrap(client.credentials().get_credential(request(message)).await) }
        });
        let no_lease = || Problem::new(Reason::Bug, "the daemon's answer has no lease");
        Lease::from_proto(asked.await?.lease.ok_or_else(no_lease)?)
    }

    /// Reports that the API answered `status` (401 or 403) to `lease`.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn report(
        &mut self,
        session: &SessionContext,
        lease: &Lease,
        status: u32,
    ) -> Result<v1::ReportRejectedResponse, Problem> {
        self.report_after(session, lease, status, false).await
    }

    /// The same; `had_worked` is whether the API had accepted this lease before, so that it was revoked since.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn report_after(
        &mut self,
        session: &SessionContext,
        lease: &Lease,
        status: u32,
        had_worked: bool,
    ) -> Result<v1::ReportRejectedResponse, Problem> {
        // Reporting twice counts once: the report names the generation.
        self.call_for(session, |client, session| {
            let (session, key, generation) = (Some(session), lease.key.clone(), lease.generation);
            let message = v1::ReportRejectedRequest { session, key, generation, status, had_worked };
            async move { unwrap(client.credentials().report_rejected(request(message)).await) }
        })
        .await
    }

    /// As [`Client::call`], for a call about `session`: `call` receives its message. If the user's list of passed
    /// variables has changed, the session is described again and the call repeated once.
    ///
    /// # Errors
    /// As [`Client::describe`], and the daemon's typed [`Problem`].
    pub async fn call_for<T, F>(
        &mut self,
        session: &SessionContext,
        mut call: impl FnMut(Self, v1::SessionContext) -> F,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let described = self.describe(session)?;
        let answer = self.call(|client| call(client, described.clone())).await;
        match answer {
            Err(problem) if problem.reason == Reason::StaleSession => {
                let described = self.describe(session)?;
                self.call(|client| call(client, described.clone())).await
            }
            answer => answer,
        }
    }

    /// Makes an idempotent call. If the daemon goes away without an answer (it is replaced, stopped or killed), the
    /// call is repeated with its successor.
    ///
    /// ```no_run
    /// # async fn example(mut client: claviger::client::Client) -> Result<(), claviger::reason::Problem> {
    /// use claviger::{client::{request, unwrap}, proto::v1::ListPendingRequest};
    ///
    /// let answer = client.call(|client| async move {
    ///     unwrap(client.inspect().list_pending(request(ListPendingRequest {})).await)
    /// });
    /// println!("{}", answer.await?.pending.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn call<T, F>(&mut self, call: impl FnMut(Self) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        self.call_after(None, &mut Reconnect::briefly(), call).await
    }

    /// As [`Client::call`]; on another connection if this one was `lost`.
    pub(super) async fn call_after<T, F>(
        &mut self,
        mut lost: Option<Problem>,
        reconnect: &mut Reconnect,
        mut call: impl FnMut(Self) -> F,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        loop {
            let problem = match lost.take() {
                Some(problem) => problem,
                None => match call(self.clone()).await {
                    Err(problem) if is_lost(&problem) => problem,
                    // Only once: the next connection reads the current cookie.
                    Err(problem) if is_refused(&problem) && self.connection.is_outdated() => problem,
                    answer => return answer,
                },
            };
            if problem.reason == Reason::Handover {
                reconnect.promised();
            }
            reconnect.after(problem.clone()).await?;
            match connection(&self.socket, self.starts).await {
                Ok(connection) => self.connection = connection,
                Err(error) if reconnect.is_patient() || error.may_pass(self.starts) => {
                    if error.is_queue_full() {
                        reconnect.promised();
                    }
                    lost = Some(problem);
                }
                // The daemon ended without a successor.
                Err(_) => return Err(problem),
            }
        }
    }

    /// The socket of the daemon that it is connected to. The user's own daemon may have been started elsewhere.
    pub fn socket(&self) -> &Path {
        self.connection.socket()
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

    /// The generated client of `ShareService`.
    pub fn shares(&self) -> ShareServiceClient<Connection> {
        ShareServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }

    /// The generated client of `GateService`.
    pub fn gates(&self) -> GateServiceClient<Connection> {
        GateServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }

    /// The generated client of `ControlService`.
    pub fn control(&self) -> ControlServiceClient<Connection> {
        ControlServiceClient::with_origin(self.connection.clone(), Connection::origin())
    }
}

/// One attempt at a connection, to a daemon that is started for it if `starts`.
async fn connection(socket: &Path, starts: bool) -> Result<Connection, ConnectError> {
    match reach(socket).await {
        Err(error @ ConnectError::Unreachable { .. }) if starts && !error.may_pass(false) => {
            start::start(socket).await?;
            reach(socket).await
        }
        opened => opened,
    }
}

/// Connects to the daemon on `socket`. If that is the socket of this user's own daemon and none answers, connects to
/// the daemon that serves the user's state directory from another socket.
async fn reach(socket: &Path) -> Result<Connection, ConnectError> {
    if let Some(error) = way::open_to_others(socket).filter(|_| way::is_default(socket)) {
        return Err(error);
    }
    let error = match Connection::open(socket).await {
        Err(error @ ConnectError::Unreachable { .. }) if !error.may_pass(false) => error,
        opened => return opened,
    };
    match way::elsewhere(socket).filter(|_| way::is_default(socket)) {
        Some(other) => Connection::open(&other).await.map_err(|_| error),
        None => Err(error),
    }
}
