//! `claviger refresh`: refreshes the credential now, ignoring any backoff; or, after a rejection, once for all
//! sessions.

use crate::{
    complete, daemon::wait, failure::Failure, json, output, render, session::context::Context, text::words,
};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap_complete::engine::ArgValueCandidates;
use claviger::{
    Lease,
    client::{request, unwrap},
    proto::v1::{RefreshRequest, ReportRejectedResponse, report_rejected_response::Outcome},
};
use std::time::SystemTime;

/// Arguments of `refresh`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Report that the API answered with this status: refresh unless already done; repeated reports are held back
    #[arg(long, value_name = "401|403", value_parser = status())]
    pub(crate) rejected: Option<u32>,
    /// Cache entry that was rejected (`key` of `get --json`), instead of the session's own
    #[arg(long, value_name = "DIGEST", requires = "rejected", add = ArgValueCandidates::new(complete::keys))]
    pub(crate) key: Option<String>,
    /// Generation that was rejected, instead of the current one
    #[arg(long, value_name = "NUMBER", requires = "key")]
    pub(crate) generation: Option<u64>,
}

fn status() -> impl TypedValueParser<Value = u32> {
    PossibleValuesParser::new(["401", "403"]).try_map(|status| status.parse::<u32>())
}

/// Refreshes and shows the new state, without the secret.
///
/// # Errors
/// Why the refresh failed.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(status) = arguments.rejected {
        return report(context, arguments, status).await;
    }
    let session = context.session()?;
    let mut client = context.connect().await?;
    let lender = client.clone();
    // If repeated, there is at worst one refresh too many.
    let answer = client.call_for(&session, |client, session| {
        let message = RefreshRequest { session: Some(session), ..Default::default() };
        async move { unwrap(client.inspect().refresh(request(message)).await) }
    });
    let entry = wait::slow_answer(context, &lender, &session, answer).await?.entry.unwrap_or_default();
    match context.options.json {
        true => output::json(&json::entry(&entry))?,
        false => output::show(&format!("{}\n", render::status::sentence(&entry, SystemTime::now())))?,
    }
    Ok(())
}

/// Reports a rejection and shows what became of it.
async fn report(context: &Context, arguments: &Arguments, status: u32) -> Result<(), Failure> {
    let session = context.session()?;
    let mut client = context.connect().await?;
    let lease = Lease {
        key: arguments.key.clone().unwrap_or_default(),
        generation: arguments.generation.unwrap_or_default(),
        ..Default::default()
    };
    let answer = wait::answer(context, client.report(&session, &lease, status)).await?;
    match context.options.json {
        true => output::json(&json::reported(&answer))?,
        false => output::show(&format!("{}\n", sentence(&answer, SystemTime::now())))?,
    }
    Ok(())
}

fn sentence(answer: &ReportRejectedResponse, now: SystemTime) -> String {
    let generation = answer.generation;
    match answer.outcome() {
        Outcome::Refreshing => "the rejection is noted, and the credential is being refreshed".into(),
        Outcome::AlreadyReplaced => {
            format!("nothing to do: it has already been replaced; generation {generation} is current")
        }
        Outcome::HeldBack => {
            let when = answer
                .retry_at
                .as_ref()
                .map(|at| format!("; reports are accepted again {}", render::time::relative(at, now)));
            let why = answer
                .problem
                .as_ref()
                .map(|problem| format!("the last refresh failed: {}", problem.message));
            let why = why.unwrap_or_else(|| "too soon after the last refresh".to_owned());
            format!("held back: {why}{}", when.unwrap_or_default())
        }
        Outcome::OwnVariable => "nothing to do here: the session's own variable holds the credential".into(),
        Outcome::Unspecified => words::reported(answer.outcome()),
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;
    use crate::render::samples;
    use claviger::proto::v1::{Problem, ReportRejectedResponse, report_rejected_response::Outcome};

    fn answer(outcome: Outcome) -> ReportRejectedResponse {
        let retry_at = samples::at(30);
        ReportRejectedResponse { outcome: outcome.into(), generation: 4, retry_at, ..Default::default() }
    }

    #[test]
    fn every_outcome_has_a_sentence() {
        for (outcome, text) in [
            (Outcome::Refreshing, "the rejection is noted, and the credential is being refreshed"),
            (
                Outcome::AlreadyReplaced,
                "nothing to do: it has already been replaced; generation 4 is current",
            ),
            (
                Outcome::HeldBack,
                "held back: too soon after the last refresh; reports are accepted again in 30 s",
            ),
            (Outcome::OwnVariable, "nothing to do here: the session's own variable holds the credential"),
        ] {
            assert_eq!(sentence(&answer(outcome), samples::now()), text);
        }
        let problem = Some(Problem { message: "the vault is sealed".into(), ..Default::default() });
        let failed = ReportRejectedResponse { problem, ..answer(Outcome::HeldBack) };
        let text =
            "held back: the last refresh failed: the vault is sealed; reports are accepted again in 30 s";
        assert_eq!(sentence(&failed, samples::now()), text);
    }
}
