//! `claviger report`: tells the daemon that the API rejected a credential.

use crate::{context::Context, failure::Failure, json, output, render, wait, words};
use claviger::proto::v1::{Lease, ReportRejectedResponse, report_rejected_response::Outcome};
use std::time::SystemTime;

/// Arguments of `report`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// HTTP status that the API answered
    #[arg(long, value_name = "401|403", value_parser = ["401", "403"])]
    pub(crate) status: String,
    /// Cache entry that was rejected (`key` of `get --json`), instead of the session's own
    #[arg(long, value_name = "DIGEST")]
    pub(crate) key: Option<String>,
    /// Generation that was rejected, instead of the current one
    #[arg(long, value_name = "NUMBER", requires = "key")]
    pub(crate) generation: Option<u64>,
}

/// Reports and shows what became of it.
///
/// # Errors
/// The daemon's.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let session = context.session()?;
    let mut client = context.connect().await?;
    let lease = Lease {
        key: arguments.key.clone().unwrap_or_default(),
        generation: arguments.generation.unwrap_or_default(),
        ..Default::default()
    };
    let status = if arguments.status == "403" { 403 } else { 401 };
    let answer = wait::answer(context, client.report(&session, &lease, status)).await?;
    match context.options.json {
        true => output::json(&json::reported(&answer))?,
        false => output::data(&format!("{}\n", sentence(&answer, SystemTime::now())))?,
    }
    Ok(())
}

fn sentence(answer: &ReportRejectedResponse, now: SystemTime) -> String {
    let generation = answer.generation;
    match answer.outcome() {
        Outcome::Refreshing => "a refresh is running".into(),
        Outcome::AlreadyReplaced => {
            format!("nothing to do: it has been replaced, generation {generation} is current")
        }
        Outcome::HeldBack => {
            let when = answer
                .retry_at
                .as_ref()
                .map(|at| format!(", reports count again {}", render::time::relative(at, now)));
            format!("held back: too soon after the last refresh{}", when.unwrap_or_default())
        }
        Outcome::OwnVariable => "nothing to do here: the session's own variable holds the credential".into(),
        Outcome::Unspecified => words::reported(answer.outcome()),
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;
    use crate::render::fixture;
    use claviger::proto::v1::{ReportRejectedResponse, report_rejected_response::Outcome};

    #[test]
    fn every_outcome_has_a_sentence() {
        for (outcome, text) in [
            (Outcome::Refreshing, "a refresh is running"),
            (Outcome::AlreadyReplaced, "nothing to do: it has been replaced, generation 4 is current"),
            (Outcome::HeldBack, "held back: too soon after the last refresh, reports count again in 30 s"),
            (Outcome::OwnVariable, "nothing to do here: the session's own variable holds the credential"),
        ] {
            let answer =
                ReportRejectedResponse { outcome: outcome.into(), generation: 4, retry_at: fixture::at(30) };
            assert_eq!(sentence(&answer, fixture::now()), text);
        }
    }
}
