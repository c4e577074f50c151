//! `claviger status`: the state of the daemon and its cache. Starts no daemon: a new one has nothing to show.

use crate::{
    context::Context,
    failure::Failure,
    json,
    output::{self, Style},
    render, wait,
};
use claviger::{
    client::{request, unwrap},
    proto::v1::GetStatusRequest,
};
use std::time::SystemTime;

/// Shows the state.
///
/// # Errors
/// If no daemon runs.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let mut service = context.connect_running().await?.inspect();
    let answer =
        wait::answer(context, async { unwrap(service.get_status(request(GetStatusRequest {})).await) })
            .await?;
    match context.options.json {
        true => output::json(&json::status(&answer))?,
        false => output::data(&render::status::render(&answer, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}
