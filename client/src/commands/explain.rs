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
    let mut service = context.connect().await?.inspect();
    let message = ExplainRequest { session: Some(session.to_proto()), ..Default::default() };
    let answer = wait::answer(context, async { unwrap(service.explain(request(message)).await) }).await?;
    match context.options.json {
        true => output::json(&json::explain(&answer))?,
        false => output::data(&render::explain::render(&answer, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}
