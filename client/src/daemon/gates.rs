//! Opens gates: for this process, and standing ones.

use super::{lending, wait};
use crate::{failure::Failure, session::context::Context};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{CloseGateRequest, GateTransport, OpenGateRequest, OpenGateResponse},
    reason::Problem,
    secret::Secret,
    session::SessionContext,
};

/// How a gate is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Transport {
    /// On a Unix socket, as Claude Code can
    Unix,
    /// On a port of 127.0.0.1, as every tool can
    Tcp,
}

/// Opens a gate that ends with this process, or the program that it becomes.
///
/// # Errors
/// Why it cannot be opened.
pub(crate) async fn open(context: &Context, transport: Transport) -> Result<OpenGateResponse, Failure> {
    let session = context.session()?;
    let transport = match transport {
        Transport::Unix => GateTransport::Unix,
        Transport::Tcp => GateTransport::Tcp,
    };
    let mut client = context.connect().await?;
    match attempt(context, &mut client, &session, transport).await {
        Err(failure) => match lending::is_decided(context, &client, &session, &failure).await? {
            true => attempt(context, &mut client, &session, transport).await,
            false => Err(failure),
        },
        answer => answer,
    }
}

/// Opens the standing gate `name` if nothing listens there, and returns its placeholder. Starts a daemon that is not there.
///
/// # Errors
/// Why it is not open.
pub(crate) async fn join(context: &Context, name: &str) -> Result<Secret, Failure> {
    let mut client = context.connect().await?;
    wait::answer(context, join_on(&mut client, name)).await
}

/// The same, with the daemon that `client` is connected to.
///
/// # Errors
/// Why it is not open.
pub(crate) async fn join_on(client: &mut Client, name: &str) -> Result<Secret, Problem> {
    let joined = client.call(|client| {
        let message = OpenGateRequest { standing: name.to_owned(), ..OpenGateRequest::default() };
        async move { unwrap(client.gates().open_gate(request(message)).await) }
    });
    Ok(joined.await?.placeholder.unwrap_or_default())
}

/// Installs the standing gate `name` for the credential of `session`.
///
/// # Errors
/// Why there cannot be one.
pub(crate) async fn install(context: &Context, session: &SessionContext, name: &str) -> Result<(), Failure> {
    let mut client = context.connect().await?;
    let installed = client.call_for(session, |client, session| {
        let transport = GateTransport::Unix.into();
        let message = OpenGateRequest { session: Some(session), transport, standing: name.to_owned() };
        async move { unwrap(client.gates().open_gate(request(message)).await) }
    });
    wait::answer(context, installed).await.map(drop)
}

/// Removes the standing gate `name`, if there is one.
///
/// # Errors
/// If no daemon answers, or it refuses.
pub(crate) async fn remove(context: &Context, name: String) -> Result<(), Failure> {
    let mut service = context.connect().await?.gates();
    let message = CloseGateRequest { name, standing: true };
    wait::answer(context, async { unwrap(service.close_gate(request(message)).await) }).await.map(drop)
}

async fn attempt(
    context: &Context,
    client: &mut Client,
    session: &SessionContext,
    transport: GateTransport,
) -> Result<OpenGateResponse, Failure> {
    let lender = client.clone();
    let opened = client.call_for(session, |client, session| async move {
        let message = OpenGateRequest {
            session: Some(session),
            transport: transport.into(),
            ..OpenGateRequest::default()
        };
        unwrap(client.gates().open_gate(request(message)).await)
    });
    wait::slow_answer(context, &lender, session, opened).await
}
