//! Waits for the daemon's answer, with a deadline, and keeps the person company if it takes long.

mod company;

use crate::{context::Context, failure::Failure};
use claviger::{client::Client, reason::Problem, session::SessionContext};
use company::Company;
use std::{pin::pin, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// What is cached is answered long before. Until then nothing is done but waiting.
const FAST: Duration = Duration::from_millis(5);

/// Waits for `answer` until `--timeout` is over.
///
/// # Errors
/// The answer's own problem, or [`Failure::TimedOut`].
pub(crate) async fn answer<T>(
    context: &Context,
    answer: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Failure> {
    until(context, Instant::now(), answer).await
}

/// As [`answer`], for answers that may need a command to run: tells a person what is waited for.
///
/// # Errors
/// As [`answer`].
pub(crate) async fn slow_answer<T>(
    context: &Context,
    client: &Client,
    session: &SessionContext,
    answer: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Failure> {
    let mut answer = pin!(answer);
    let start = Instant::now();
    if let Ok(result) = timeout(FAST, answer.as_mut()).await {
        return Ok(result?);
    }
    let _company = (!context.options.quiet).then(|| Company::keep(client, session));
    until(context, start, answer).await
}

async fn until<T>(
    context: &Context,
    start: Instant,
    answer: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Failure> {
    let limit = context.options.timeout();
    match timeout_at(start + limit, answer).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Failure::TimedOut(limit)),
    }
}
