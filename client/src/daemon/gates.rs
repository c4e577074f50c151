//! Opens a gate for this process.

use super::{lending, wait};
use crate::{failure::Failure, session::context::Context};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{GateTransport, OpenGateRequest, OpenGateResponse},
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

async fn attempt(
    context: &Context,
    client: &mut Client,
    session: &SessionContext,
    transport: GateTransport,
) -> Result<OpenGateResponse, Failure> {
    let lender = client.clone();
    let opened = client.call_for(session, |client, session| async move {
        let message = OpenGateRequest { session: Some(session), transport: transport.into() };
        unwrap(client.gates().open_gate(request(message)).await)
    });
    wait::slow_answer(context, &lender, session, opened).await
}
