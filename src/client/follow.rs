//! A stream of the daemon that continues with the next daemon.

use super::{
    calls::Client,
    messages::{is_lost, next},
    reconnect::Reconnect,
};
use crate::reason::{Problem, Reason};
use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::Streaming;

type Opened<T> = Result<Streaming<T>, Problem>;
type Opening<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Attempt<T> = Opening<(Client, Reconnect, Opened<T>)>;
type Open<T> = Arc<dyn Fn(Client) -> Opening<Opened<T>> + Send + Sync>;

/// A stream that is opened again when the daemon goes away.
pub struct Follow<T> {
    client: Client,
    open: Open<T>,
    stream: Streaming<T>,
    /// Why the stream ended, until there is a new one.
    gone: Option<Problem>,
    /// The attempt at a new one. It goes on with the next call if one is dropped: a caller that never waits for long would start
    /// one after the other, and none would succeed. The lock is never waited for: it makes this value `Sync`.
    opening: Mutex<Option<Attempt<T>>>,
    reconnect: Reconnect,
}

/// An event of a stream.
#[derive(Debug)]
pub enum Seen<T> {
    /// A message.
    Message(T),
    /// The daemon ended the stream: it is stopping.
    Ended,
    /// The daemon went away; `handover` if another program replaces it.
    Lost(Box<Problem>),
}

impl<T: 'static> Follow<T> {
    /// Opens a stream with `open`.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn new<F>(
        mut client: Client,
        open: impl Fn(Client) -> F + Send + Sync + 'static,
    ) -> Result<Self, Problem>
    where
        F: Future<Output = Opened<T>> + Send + 'static,
    {
        let stream = client.call(&open).await?;
        let open: Open<T> = Arc::new(move |client| Box::pin(open(client)));
        Ok(Self {
            client,
            open,
            stream,
            gone: None,
            opening: Mutex::default(),
            reconnect: Reconnect::briefly(),
        })
    }

    /// The same stream, but it waits for the next daemon without limit. By default it waits three seconds, or a minute
    /// if the daemon announced a handover.
    #[must_use]
    pub fn patiently(mut self) -> Self {
        (self.reconnect, self.opening) = (Reconnect::patiently(), Mutex::default());
        self
    }

    /// Whether it waits without limit.
    pub fn is_patient(&self) -> bool {
        self.reconnect.is_patient()
    }

    /// Replaces this stream by a new one at the next call of [`Follow::next`].
    pub(super) fn open_again(&mut self) {
        self.gone = Some(Problem::new(Reason::StaleSession, "the session is described again"));
    }

    /// The next event. After [`Seen::Ended`] and [`Seen::Lost`] it is the first message of the next daemon.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`]; the most recent one if no daemon takes over.
    ///
    /// # Cancel safety
    /// No message is lost if the future is dropped, and the next call continues an attempt to reach the next daemon.
    pub async fn next(&mut self) -> Result<Seen<T>, Problem> {
        if let Some(problem) = self.gone.clone() {
            let opened;
            (self.client, self.reconnect, opened) = self.opening(problem).await;
            self.opening = Mutex::default();
            self.stream = opened?;
            self.gone = None;
        }
        match next(&mut self.stream).await {
            Ok(Some(message)) => {
                self.reconnect.has_worked();
                Ok(Seen::Message(message))
            }
            Ok(None) => {
                // The daemon was stopped on purpose, so do not start another.
                self.client = self.client.clone().waiting();
                self.gone = Some(Problem::new(Reason::ShuttingDown, "the daemon ended the stream"));
                Ok(Seen::Ended)
            }
            Err(problem) if is_lost(&problem) || problem.reason == Reason::Cancelled => {
                self.gone = Some(problem.clone());
                Ok(Seen::Lost(Box::new(problem)))
            }
            Err(problem) => Err(problem),
        }
    }

    /// The attempt at a new stream in place of the one that ended with `problem`.
    fn opening(&mut self, problem: Problem) -> &mut Attempt<T> {
        let Self { client, open, reconnect, opening, .. } = self;
        opening.get_mut().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| {
            let (mut client, open, mut reconnect) = (client.clone(), open.clone(), reconnect.clone());
            Box::pin(async move {
                let opened = client.call_after(Some(problem), &mut reconnect, |client| open(client)).await;
                (client, reconnect, opened)
            })
        })
    }
}

impl<T> fmt::Debug for Follow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow")
            .field("client", &self.client)
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}
