//! Waits for the daemon's answer, with a deadline, and shows progress if it takes long.

mod company;
pub(crate) mod question;

use crate::{failure::Failure, session::context::Context};
use claviger::{client::Client, reason::Problem, session::SessionContext};
use company::Company;
use std::{pin::pin, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// Cached credentials arrive long before this. Until then only the answer is waited for.
const FAST: Duration = Duration::from_millis(5);

/// Waits for `answer` until `--timeout` ends.
///
/// # Errors
/// The answer's own problem, or [`Failure::TimedOut`].
pub(crate) async fn answer<T>(
    context: &Context,
    answer: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Failure> {
    until(context, Instant::now(), answer).await
}

/// As [`answer`], for answers that may need a command to run: shows a person what it waits for.
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
    let company = (!context.options.quiet).then(|| Company::keep(client, session, context.interactive));
    let result = until(context, start, answer).await;
    if let Some(company) = company {
        company.end().await;
    }
    result
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

#[cfg(test)]
mod tests {
    use super::answer;
    use crate::{failure::Failure, harden::CoreLimit, session::context::Context, session::options::Options};
    use claviger::reason::{Problem, Reason};
    use std::{future::pending, time::Duration};

    fn context() -> Context {
        Context::new(Options { timeout: Some(7), ..Options::default() }, CoreLimit::default())
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_limit() {
        let start = tokio::time::Instant::now();
        let result = answer::<()>(&context(), pending()).await;
        assert!(matches!(result, Err(Failure::TimedOut(limit)) if limit == Duration::from_secs(7)));
        assert_eq!(start.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_and_problems_pass() {
        assert_eq!(answer(&context(), async { Ok(1) }).await.expect("an answer"), 1);
        let problem = Problem::new(Reason::Limits, "x");
        let failure = answer::<()>(&context(), async { Err(problem) }).await.expect_err("a problem");
        assert_eq!(failure.reason(), Some(Reason::Limits));
    }
}
