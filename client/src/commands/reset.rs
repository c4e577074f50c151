//! `claviger reset`: clears everything. It is the guide's "Clearing Caches" in one command.

use super::logout;
use crate::{
    ask::person,
    daemon::wait,
    failure::Failure,
    json,
    output::{self, Style},
    render,
    session::context::Context,
};
use claviger::{
    client::{request, unwrap},
    proto::v1::ResetRequest,
};

const QUESTION: &str = "This signs out of every account, forgets every trust decision, and drops every credential from \
 memory.\nSettings, API keys kept elsewhere and the sign-ins of clouds stay. Continue?";

/// Arguments of `reset`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

/// Clears everything, and prints the result.
///
/// # Errors
/// `malformed-request` without `--yes` if this is not a person's terminal, or the daemon's problem.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    match (arguments.yes, context.interactive) {
        (true, _) => {}
        (false, true) if person::confirm(QUESTION) => {}
        (false, true) => return Err(Failure::gave_up()),
        (false, false) => {
            return Err(Failure::usage("cannot ask for confirmation: this is not a terminal", "add --yes"));
        }
    }
    let session = context.session()?;
    let client = context.connect().await?;
    let message = ResetRequest { session: Some(client.describe(&session)?) };
    let mut service = client.accounts();
    let answer = wait::answer(context, async { unwrap(service.reset(request(message)).await) }).await?;
    match context.options.json {
        true => output::json(&json::reset(&answer))?,
        false => output::show(&render::account::reset(&answer, Style::stdout()))?,
    }
    logout::none_behind(&answer.accounts)
}
