//! `claviger explain`: the whole walk that picks the credential. Runs nothing, shows no secret.

use crate::{
    context::Context,
    failure::Failure,
    json,
    output::{self, Style},
    render, wait,
};
use claviger::{
    client::{request, unwrap},
    proto::v1::ExplainRequest,
};
use std::time::SystemTime;

/// Shows the walk. That there is no winner is an answer, not a failure.
///
/// # Errors
/// The daemon's.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let mut client = context.connect().await?;
    let message = ExplainRequest { session: Some(client.describe(&session)?), ..Default::default() };
    let asked = client.call(|client| {
        let message = message.clone();
        async move { unwrap(client.inspect().explain(request(message)).await) }
    });
    let answer = wait::answer(context, asked).await?;
    match context.options.json {
        true => output::json(&json::explain(&answer))?,
        false => output::data(&render::explain::render(&answer, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}
