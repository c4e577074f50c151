//! `claviger pending`: commands that sign somebody in right now, and what waits for a person. Starts no daemon.

use crate::{
    context::Context,
    failure::Failure,
    json,
    output::{self, Style},
    render, wait,
};
use claviger::{
    client::{request, unwrap},
    proto::v1::ListPendingRequest,
};
use std::time::SystemTime;

/// Shows the list. That it is empty is an answer, not a failure.
///
/// # Errors
/// If no daemon runs.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let mut client = context.connect_running().await?;
    let asked = client.call(|client| async move {
        unwrap(client.inspect().list_pending(request(ListPendingRequest {})).await)
    });
    let pending = wait::answer(context, asked).await?.pending;
    match context.options.json {
        true => output::json(&json::pending(&pending))?,
        false => output::data(&render::pending::render(&pending, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}
