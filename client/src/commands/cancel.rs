//! `claviger cancel`: ends commands that sign somebody in. Whoever waits for them gets an error.

use crate::{context::Context, failure::Failure, output, wait};
use claviger::{
    client::{request, unwrap},
    proto::v1::CancelRequest,
};
use serde_json::json;

/// Arguments of `cancel`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The one to end: an id of `claviger pending`, or its beginning; without it, all are ended
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) id: Option<String>,
}

/// Ends them and says how many there were.
///
/// # Errors
/// If there was none, or no daemon runs.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let mut service = context.connect_running().await?.control();
    let message = CancelRequest { id: arguments.id.unwrap_or_default() };
    let asked = async { unwrap(service.cancel(request(message)).await) };
    let cancelled = wait::answer(context, asked).await?.cancelled;
    match (cancelled, context.options.json) {
        (0, _) => return Err(Failure::NothingToCancel),
        (_, true) => output::json(&json!({ "cancelled": cancelled }))?,
        (1, false) => output::data("1 command was ended\n")?,
        (_, false) => output::data(&format!("{cancelled} commands were ended\n"))?,
    }
    Ok(())
}
