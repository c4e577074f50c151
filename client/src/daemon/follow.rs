//! Follows the state of the daemon, across its restarts. Starts no daemon: a new one has nothing to show.

use crate::{failure::Failure, session::context::Context};
use claviger::{
    client::{Client, Follow, Seen as Next, request, unwrap},
    proto::v1::{WatchStatusRequest, WatchStatusResponse},
    reason::Problem,
};
use tokio::sync::mpsc;

/// Most states that may wait to be shown.
const BACKLOG: usize = 4;

/// An event of the daemon.
#[derive(Debug)]
pub(crate) enum Update {
    /// A new state.
    State(Box<WatchStatusResponse>),
    /// It is gone.
    Lost,
    /// An error that reconnecting would not change.
    Refused(Box<Problem>),
}

/// The states of the daemon from now on.
///
/// # Errors
/// If no daemon runs.
pub(crate) async fn follow(context: &Context) -> Result<mpsc::Receiver<Update>, Failure> {
    let client = Client::connect(&context.socket()?).await?;
    let (sender, receiver) = mpsc::channel(BACKLOG);
    tokio::spawn(pass_on(client, sender));
    Ok(receiver)
}

async fn pass_on(client: Client, sender: mpsc::Sender<Update>) {
    let open = |client: Client| async move {
        unwrap(client.inspect().watch_status(request(WatchStatusRequest {})).await)
    };
    let mut states = match Follow::new(client, open).await {
        Ok(states) => states.patiently(),
        Err(problem) => return drop(sender.send(Update::Refused(problem.into())).await),
    };
    loop {
        let seen = match states.next().await {
            Ok(Next::Message(state)) => Update::State(Box::new(state)),
            Ok(Next::Ended | Next::Lost(_)) => Update::Lost,
            Err(problem) => return drop(sender.send(Update::Refused(problem.into())).await),
        };
        if sender.send(seen).await.is_err() {
            return;
        }
    }
}
