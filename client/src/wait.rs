//! Waits for the daemon's answer, with a deadline, and says so when it takes long.

use crate::{context::Context, escape, failure::Failure, output, render};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{ExplainRequest, step::Outcome},
    reason::Problem,
    session::SessionContext,
};
use std::{
    io::{self, IsTerminal as _},
    pin::{Pin, pin},
    time::Duration,
};
use tokio::time::{Instant, timeout, timeout_at};

/// From here on a person wonders (`spec/behaviour.md` A7, "slow notice").
const SLOW: Duration = Duration::from_secs(10);
/// From here on a terminal shows that something is going on.
const SPIN: Duration = Duration::from_secs(2);
/// Pace of the spinner.
const TURN: Duration = Duration::from_millis(120);
/// How long finding out what we wait for may take.
const LOOKUP: Duration = Duration::from_secs(1);
/// What the spinner looks like.
const FRAMES: [char; 4] = ['|', '/', '-', '\\'];

/// Waits for `answer` until `--timeout` is over.
///
/// # Errors
/// The answer's own problem, or [`Failure::TimedOut`].
pub(crate) async fn answer<T>(
    context: &Context,
    answer: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Failure> {
    match timeout(context.options.timeout(), answer).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Failure::TimedOut(context.options.timeout())),
    }
}

/// As [`answer`], for answers that may need a command to run: tells a person what is waited for.
///
/// # Errors
/// As [`answer`].
pub(crate) async fn slow_answer<T>(
    context: &Context,
    client: &Client,
    session: &SessionContext,
    future: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Failure> {
    let mut future = pin!(future);
    let start = Instant::now();
    let end = start + context.options.timeout();
    let spins = !context.options.quiet && io::stderr().is_terminal();
    let first = if spins { SPIN } else { SLOW };
    if context.options.quiet || context.options.timeout() <= first {
        return answer(context, future).await;
    }
    if let Ok(result) = timeout(first, future.as_mut()).await {
        return Ok(result?);
    }
    let subject = subject(client, session, future.as_mut()).await;
    let subject = match subject {
        Lookup::Answered(result) => return Ok(result?),
        Lookup::Subject(subject) => subject,
    };
    if !spins {
        output::talk(&notice(&subject, start.elapsed()));
        let result = timeout_at(end, future).await;
        return Ok(result.map_err(|_| Failure::TimedOut(context.options.timeout()))??);
    }
    spin(context, &subject, start, future).await
}

enum Lookup<T> {
    Answered(Result<T, Problem>),
    Subject(String),
}

/// Finds out what is waited for, unless the answer comes first.
async fn subject<T>(
    client: &Client,
    session: &SessionContext,
    future: Pin<&mut impl Future<Output = Result<T, Problem>>>,
) -> Lookup<T> {
    let mut lookup = pin!(timeout(LOOKUP, source(client, session)));
    let mut future = future;
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(result) = future.as_mut().poll(cx) {
            return std::task::Poll::Ready(Lookup::Answered(result));
        }
        lookup
            .as_mut()
            .poll(cx)
            .map(|found| Lookup::Subject(found.ok().flatten().unwrap_or("the daemon".into())))
    })
    .await
}

/// The source that wins for this session and where it is configured. The daemon runs nothing to say so.
async fn source(client: &Client, session: &SessionContext) -> Option<String> {
    let message = ExplainRequest { session: Some(session.to_proto()) };
    let answer = unwrap(client.inspect().explain(request(message)).await).ok()?;
    let step = answer.steps.iter().find(|step| step.outcome() == Outcome::Chosen)?;
    let place = step.location.as_ref().map(|location| format!(" ({})", render::place(location)));
    Some(format!("{}{}", escape::line(&step.source), place.unwrap_or_default()))
}

fn notice(subject: &str, waited: Duration) -> String {
    let seconds = waited.as_secs();
    format!("claviger: still waiting for {subject}, {seconds} s so far; `claviger status` shows more\n")
}

async fn spin<T>(
    context: &Context,
    subject: &str,
    start: Instant,
    mut future: Pin<&mut impl Future<Output = Result<T, Problem>>>,
) -> Result<T, Failure> {
    let mut turn = 0;
    let result = loop {
        if start.elapsed() >= context.options.timeout() {
            break Err(Failure::TimedOut(context.options.timeout()));
        }
        let frame = FRAMES[turn % FRAMES.len()];
        output::talk(&format!("\r\x1b[K{frame} waiting for {subject}, {} s", start.elapsed().as_secs()));
        turn += 1;
        if let Ok(result) = timeout(TURN, future.as_mut()).await {
            break result.map_err(Failure::from);
        }
    };
    output::talk("\r\x1b[K");
    result
}

#[cfg(test)]
mod tests {
    use super::notice;
    use std::time::Duration;

    #[test]
    fn the_notice_names_source_and_place() {
        assert_eq!(
            notice("api-key-helper (/h/settings.json:3)", Duration::from_millis(10_020)),
            "claviger: still waiting for api-key-helper (/h/settings.json:3), 10 s so far; `claviger status` shows more\n"
        );
    }
}
