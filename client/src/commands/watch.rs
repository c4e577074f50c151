//! `claviger watch`: events of the credential as they come, across restarts of the daemon.

use crate::{context::Context, escape, exit, failure::Failure, json, output, render};
use claviger::{
    client::Lent,
    proto::v1::{self, Lease, watch_credential_response::Event},
    reason::{Problem, Reason},
    session::SessionContext,
};
use std::time::{Duration, SystemTime};

/// Shortest pause before connecting again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause before connecting again.
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Arguments of `watch`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print the secret with every new credential
    #[arg(long)]
    pub(crate) show_secret: bool,
}

/// How a stream ended.
enum End {
    /// The daemon went away, maybe after some events.
    Lost { events: bool },
    /// Nothing that connecting again would change.
    Fatal(Failure),
}

/// Prints events until interrupted.
///
/// # Errors
/// Why the daemon refuses, or cannot be started in the first place.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let session = context.session()?;
    exit::when_interrupted();
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        match follow(context, &session, arguments.show_secret, &mut told).await {
            End::Fatal(failure) => return Err(failure),
            End::Lost { events } => {
                if events {
                    pause = FIRST_PAUSE;
                }
                if !told && !context.options.quiet {
                    output::talk("claviger: the daemon went away, connecting again\n");
                }
                told = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }
}

async fn follow(context: &Context, session: &SessionContext, show_secret: bool, told: &mut bool) -> End {
    let mut client = match context.connect().await {
        Ok(client) => client,
        // Once it has worked, a daemon that cannot be reached may come back.
        Err(_) if *told => return End::Lost { events: false },
        Err(failure) => return End::Fatal(failure),
    };
    let mut events = false;
    let mut stream = match client.watch(session).await {
        Ok(stream) => stream,
        Err(problem) => return ended(problem, events),
    };
    loop {
        match stream.next().await {
            Ok(Some(event)) => {
                (events, *told) = (true, false);
                if let Err(failure) = print(context, &event, show_secret) {
                    return End::Fatal(failure);
                }
            }
            Ok(None) => return End::Lost { events },
            Err(problem) => return ended(problem, events),
        }
    }
}

/// Failed refreshes come as events: an error of the stream itself is the daemon's end, or final.
fn ended(problem: Problem, events: bool) -> End {
    match problem.reason {
        Reason::ShuttingDown | Reason::Cancelled => End::Lost { events },
        _ => End::Fatal(problem.into()),
    }
}

fn print(context: &Context, event: &Event, show_secret: bool) -> Result<(), Failure> {
    let secret = match event {
        Event::Issued(v1::Issued { lease: Some(lease), .. }) if show_secret => lease.lent()?,
        _ => None,
    };
    let text = match context.options.json {
        true => escape::json(&json::event(event, |lease| lease_json(lease, secret.as_ref())).to_string()),
        false => render::event::render(event, secret.as_ref(), SystemTime::now()),
    };
    Ok(output::data(&(text + "\n"))?)
}

fn lease_json(lease: &Lease, secret: Option<&Lent>) -> serde_json::Value {
    let headers = lease.other_headers().unwrap_or_default();
    json::lease(lease, secret, &headers)
}
