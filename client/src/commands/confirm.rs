//! `claviger confirm`: asks the person at this terminal whether a credential may be lent, if the configuration requires
//! that.

use crate::{
    daemon::wait::question,
    failure::{Failure, exit},
    output,
    session::context::Context,
};
use claviger::{client::Client, proto::v1::WaitForQuestionRequest};

/// Arguments of `confirm`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Stay, and ask in this terminal whatever is not answered on the desktop
    #[arg(long)]
    pub(crate) watch: bool,
}

/// Asks every open question, and whether to ask denied ones again.
///
/// # Errors
/// If this is not a person's terminal, or no daemon runs.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if !context.interactive {
        return Err(Failure::usage(
            "only a person at a terminal can confirm",
            "run it in a terminal, without --quiet and --json",
        ));
    }
    let client = context.connect_running().await?;
    let mut seen = Vec::new();
    let asked = ask_all(&client, WaitForQuestionRequest::default(), &mut seen).await?;
    if !arguments.watch {
        return if asked == 0 { Ok(output::show("no question waits for an answer\n")?) } else { Ok(()) };
    }
    exit::when_interrupted();
    output::talk("claviger: questions are now asked here\n");
    loop {
        let next = WaitForQuestionRequest { wait: true, seen: seen.clone(), ..Default::default() };
        ask_all(&client, next, &mut seen).await?;
    }
}

/// Asks all open questions, marks them as seen, and returns their number.
async fn ask_all(
    client: &Client,
    message: WaitForQuestionRequest,
    seen: &mut Vec<String>,
) -> Result<usize, Failure> {
    let questions = question::wait_for(client, message).await?;
    for question in &questions {
        seen.push(question.id.clone());
        let Some(allow) = question::ask(question).await else { break };
        if !question::answer(client, question, allow).await? && question.denied_until.is_none() {
            output::talk("claviger: it was answered elsewhere, or the process has ended\n");
        }
    }
    Ok(questions.len())
}
