//! `claviger gate`: where sessions send requests without a credential.

use crate::{complete, daemon::wait, failure::Failure, json, output, render, session::context::Context};
use clap_complete::engine::ArgValueCandidates;
use claviger::{
    client::{request, unwrap},
    proto::v1::{CloseGateRequest, ListGatesRequest},
};
use std::time::SystemTime;

/// Verbs below `gate`.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// List the gates, and what has gone through each
    List,
    /// Close a gate: what goes through it ends
    Close {
        /// Its name
        #[arg(add = ArgValueCandidates::new(complete::gates))]
        name: String,
    },
}

/// Runs the verb.
///
/// # Errors
/// If no daemon answers, or it refuses.
pub(crate) async fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List => list(context).await,
        Verb::Close { name } => close(context, name).await,
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let mut client = context.connect().await?;
    let asked = client
        .call(|client| async move { unwrap(client.gates().list_gates(request(ListGatesRequest {})).await) });
    let gates = wait::answer(context, asked).await?.gates;
    match context.options.json {
        true => output::json(&json::gates(&gates))?,
        false => output::show(&render::gate::list(&gates, SystemTime::now()))?,
    }
    Ok(())
}

async fn close(context: &Context, name: String) -> Result<(), Failure> {
    let mut service = context.connect().await?.gates();
    let message = CloseGateRequest { name: name.clone(), standing: false };
    let closed =
        wait::answer(context, async { unwrap(service.close_gate(request(message)).await) }).await?.closed;
    match context.options.json {
        true => output::json(&json::gate_closed(&name, closed))?,
        false if closed || context.options.quiet => {}
        false => output::talk("claviger: there is no gate of that name\n"),
    }
    Ok(())
}
