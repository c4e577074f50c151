//! `claviger explain`: every step that picks the credential. Runs only the helper with `--try`, shows no secret.

use crate::{
    daemon::wait,
    failure::Failure,
    json,
    output::{self, Style},
    render,
    session::context::Context,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{ExplainRequest, ExplainResponse},
};
use std::time::SystemTime;

/// Arguments of `explain`.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Run the helper exactly as the daemon does, and show how it ended; never its output
    #[arg(long = "try")]
    trial: bool,
}

/// Shows the steps. A session without a credential is an answer, not a failure.
///
/// # Errors
/// The daemon's problem.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let answer = explained(context, &context.connect().await?, arguments.trial).await?;
    if arguments.trial && answer.trial.is_none() && !answer.winner.is_empty() {
        output::talk(
            "claviger: there is nothing to try: the winning source runs no command that prints a credential\n",
        );
    }
    match context.options.json {
        true => output::json(&json::explain(&answer))?,
        false => output::show(&render::explain::render(&answer, SystemTime::now(), Style::stdout()))?,
    }
    Ok(())
}

/// The explanation.
///
/// # Errors
/// The daemon's problem.
pub(super) async fn ask(context: &Context, client: &Client) -> Result<ExplainResponse, Failure> {
    explained(context, client, false).await
}

/// The daemon's explanation, with a trial of the helper if requested.
pub(super) async fn explained(
    context: &Context,
    client: &Client,
    trial: bool,
) -> Result<ExplainResponse, Failure> {
    let session = context.session()?;
    let mut client = client.clone();
    let asked = client.call_for(&session, |client, session| {
        let message = ExplainRequest { session: Some(session), trial, ..Default::default() };
        async move { unwrap(client.inspect().explain(request(message)).await) }
    });
    wait::answer(context, asked).await
}
