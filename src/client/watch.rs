//! A watched credential. If another daemon goes on in the place of the one that is watched, so does the watch, and
//! nobody is told what he knows.

use super::{
    calls::{Client, PAUSES},
    messages::{next, request, unwrap},
};
use crate::{
    proto::v1::{self, issued, watch_credential_response::Event},
    reason::Problem,
    session::SessionContext,
};
use tonic::Streaming;

/// A watched credential.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    session: SessionContext,
    stream: Streaming<v1::WatchCredentialResponse>,
    /// The last credential and the last problem, whichever came later.
    told: Option<Event>,
    /// Why the stream ended, until there is another: whoever waits for an event may give up in between.
    lost: Option<Problem>,
    /// Whether the stream begins once more, and so with what was told already.
    again: bool,
}

impl Client {
    /// Follows a credential. The watch ends with the daemon, unless another goes on in its place.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn watch(&mut self, session: &SessionContext) -> Result<Watch, Problem> {
        Watch::open(self.clone(), session.clone()).await
    }
}

// === impl Watch ===

impl Watch {
    async fn open(client: Client, session: SessionContext) -> Result<Self, Problem> {
        let stream = stream(&client, &session).await?;
        Ok(Self { client, session, stream, told: None, lost: None, again: false })
    }

    /// The next event; `None` when the daemon has ended the stream.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`]; `shutting-down` if the connection broke.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Event>, Problem> {
        loop {
            if let Some(problem) = self.lost.clone() {
                self.go_on(problem).await?;
            }
            let message = match next(&mut self.stream).await {
                Err(problem) if problem.is_handover() => {
                    self.lost = Some(problem);
                    continue;
                }
                message => message?,
            };
            let Some(event) = message.and_then(|message| message.event) else { return Ok(None) };
            if let Some(event) = self.news(event) {
                return Ok(Some(event));
            }
        }
    }

    /// Follows the daemon that goes on.
    async fn go_on(&mut self, mut problem: Problem) -> Result<(), Problem> {
        let mut pauses = PAUSES.iter();
        loop {
            self.client.connect_again(problem, &mut pauses).await?;
            match stream(&self.client, &self.session).await {
                Ok(stream) => {
                    (self.stream, self.lost, self.again) = (stream, None, true);
                    return Ok(());
                }
                Err(failed) => problem = failed,
            }
        }
    }

    /// The event, unless it is what was told last, before the daemon was replaced.
    fn news(&mut self, mut event: Event) -> Option<Event> {
        if matches!(event, Event::Progress(_)) {
            return Some(event);
        }
        let is_first = std::mem::take(&mut self.again);
        if is_first && self.told.as_ref().is_some_and(|told| is_same(told, &event)) {
            return None;
        }
        if let (true, Some(_), Event::Issued(issued)) = (is_first, &self.told, &mut event) {
            issued.set_reason(issued::Reason::Refreshed);
        }
        self.told = Some(event.clone());
        Some(event)
    }
}

async fn stream(
    client: &Client,
    session: &SessionContext,
) -> Result<Streaming<v1::WatchCredentialResponse>, Problem> {
    let message = v1::WatchCredentialRequest { session: Some(session.to_proto()) };
    unwrap(client.credentials().watch_credential(request(message)).await)
}

/// Whether two events say the same. When to try again, and whether a credential is stale, may differ.
fn is_same(one: &Event, other: &Event) -> bool {
    let words = |problem: &Option<v1::Problem>| {
        problem.as_ref().map(|problem| (problem.reason.clone(), problem.message.clone()))
    };
    match (one, other) {
        (Event::Issued(one), Event::Issued(other)) => match (&one.lease, &other.lease) {
            (Some(one), Some(other)) => {
                (&one.key, one.generation, &one.source, &one.base_url, &one.material)
                    == (&other.key, other.generation, &other.source, &other.base_url, &other.material)
            }
            _ => false,
        },
        (Event::Problem(one), Event::Problem(other)) => {
            (&one.reason, &one.message) == (&other.reason, &other.message)
        }
        (Event::HumanNeeded(one), Event::HumanNeeded(other)) => words(&one.problem) == words(&other.problem),
        _ => false,
    }
}
