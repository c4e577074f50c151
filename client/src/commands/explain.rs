//! `claviger explain`: the whole walk that picks the credential. Runs nothing, shows no secret.

use crate::{
    context::Context,
    failure::Failure,
    json,
    output::{self, Style},
    render, wait,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{ExplainRequest, ExplainResponse},
};
use std::time::SystemTime;

/// Shows the walk. That there is no winner is an answer, not a failure.
///
/// # Errors
/// The daemon's.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let answer = ask(context, &context.connect().await?).await?;
    match context.options.json {
        true => output::json(&json::explain(&answer))?,
        false => output::data(&render::explain::render(&answer, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}

/// The walk.
///
/// # Errors
/// The daemon's.
pub(super) async fn ask(context: &Context, client: &Client) -> Result<ExplainResponse, Failure> {
    let session = context.session()?;
    let mut client = client.clone();
    let message = ExplainRequest { session: Some(client.describe(&session)?), ..Default::default() };
    let asked = client.call(|client| {
        let message = message.clone();
        async move { unwrap(client.inspect().explain(request(message)).await) }
    });
    wait::answer(context, asked).await
}
