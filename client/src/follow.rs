//! Follows the state of the daemon, across its restarts. Starts none: a new one has nothing to show.

use crate::{context::Context, failure::Failure};
use claviger::{
    client::{Client, next, request, unwrap},
    proto::v1::{WatchStatusRequest, WatchStatusResponse},
    reason::{Problem, Reason},
};
use std::{path::PathBuf, time::Duration};
use tokio::{sync::mpsc, time::sleep};

/// Shortest pause before connecting again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause before connecting again: somebody looks on.
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// States that may wait to be shown.
const BACKLOG: usize = 4;

/// What is seen of the daemon.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Its state.
    State(Box<WatchStatusResponse>),
    /// It is gone.
    Lost,
    /// Nothing that connecting again would change.
    Refused(Problem),
}

/// The states of the daemon from now on, and a client for the first of them.
///
/// # Errors
/// If no daemon runs.
pub(crate) async fn follow(context: &Context) -> Result<mpsc::Receiver<Seen>, Failure> {
    let socket = context.socket()?;
    let client = Client::connect(&socket).await?;
    let (sender, receiver) = mpsc::channel(BACKLOG);
    tokio::spawn(stay(socket, client, sender));
    Ok(receiver)
}

async fn stay(socket: PathBuf, client: Client, sender: mpsc::Sender<Seen>) {
    let mut connected = Some(client);
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(client) = connected.take() {
            match pass_on(&client, &sender).await {
                Err(problem) if is_final(&problem) => {
                    drop(sender.send(Seen::Refused(problem)).await);
                    return;
                }
                _ => pause = FIRST_PAUSE,
            }
            if sender.send(Seen::Lost).await.is_err() {
                return;
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
        connected = Client::connect(&socket).await.ok();
    }
}

async fn pass_on(client: &Client, sender: &mpsc::Sender<Seen>) -> Result<(), Problem> {
    let mut states = unwrap(client.inspect().watch_status(request(WatchStatusRequest {})).await)?;
    while let Some(state) = next(&mut states).await? {
        if sender.send(Seen::State(Box::new(state))).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// A daemon that stops says so; one that speaks another language will go on doing that.
fn is_final(problem: &Problem) -> bool {
    !matches!(problem.reason, Reason::ShuttingDown | Reason::Cancelled)
}
