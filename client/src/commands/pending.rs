//! `claviger pending`: running sign-in commands, and everything else that waits for a person. Starts no daemon.

use crate::{
    daemon::wait,
    failure::Failure,
    json,
    output::{self, Style},
    render,
    session::context::Context,
};
use claviger::{
    client::{request, unwrap},
    proto::v1::{CancelRequest, ListPendingRequest},
};
use std::time::SystemTime;

/// Arguments of `pending`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Cancel a running sign-in: an id of the list, or a prefix of it; without one, all. Sessions that wait for it get
    /// an error
    #[arg(long, value_name = "ID", num_args = 0..=1, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) cancel: Option<Option<String>>,
}

/// Shows the list. An empty list is an answer, not a failure.
///
/// # Errors
/// If no daemon runs, or there was nothing to cancel.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    if let Some(id) = arguments.cancel {
        return cancel(context, id.unwrap_or_default()).await;
    }
    let mut client = context.connect_running().await?;
    let asked = client.call(|client| async move {
        unwrap(client.inspect().list_pending(request(ListPendingRequest {})).await)
    });
    let pending = wait::answer(context, asked).await?.pending;
    match context.options.json {
        true => output::json(&json::pending(&pending))?,
        false => output::show(&render::pending::render(&pending, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}

/// Cancels those whose id begins with `id`, and prints their number.
async fn cancel(context: &Context, id: String) -> Result<(), Failure> {
    let mut service = context.connect_running().await?.control();
    let asked = async { unwrap(service.cancel(request(CancelRequest { id })).await) };
    let cancelled = wait::answer(context, asked).await?.cancelled;
    match (cancelled, context.options.json) {
        (0, _) => return Err(Failure::NothingToCancel),
        (_, true) => output::json(&json::cancelled(cancelled))?,
        (1, false) => output::show("1 command was cancelled\n")?,
        (_, false) => output::show(&format!("{cancelled} commands were cancelled\n"))?,
    }
    Ok(())
}
