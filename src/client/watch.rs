//! A watched credential. If the watched daemon is replaced, the watch continues with its successor and does not repeat
//! events.

use super::{
    calls::Client,
    change::Change,
    follow::{Follow, Seen},
    messages::{request, unwrap},
};
use crate::{
    credential::Why,
    proto::v1,
    reason::{Problem, Reason},
    session::SessionContext,
};

/// A stream of changes of a credential.
#[derive(Debug)]
pub struct Changes {
    follow: Follow<v1::WatchCredentialResponse>,
    /// The last credential or problem, whichever came later.
    told: Option<Change>,
    /// Whether the stream starts again, and so may repeat events.
    again: bool,
    /// Whether the session was described again since the last credential.
    described_again: bool,
}

impl Client {
    /// Follows a credential. If the daemon goes away, the watch continues with its successor.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn watch(&mut self, session: &SessionContext) -> Result<Changes, Problem> {
        self.follow(session, v1::WatchCredentialRequest::default()).await
    }

    /// As [`Client::watch`], but only to look: no confirmation is asked for, and leases come without their secret.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    pub async fn look_on(&mut self, session: &SessionContext) -> Result<Changes, Problem> {
        let onlooker = v1::WatchCredentialRequest { onlooker: true, ..Default::default() };
        self.follow(session, onlooker).await
    }

    /// As [`Client::look_on`], beside a call that waits for the same credential: no lease has a secret, and the audit log has
    /// only the line of that call.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`].
    #[doc(hidden)]
    pub async fn look_on_beside(&mut self, session: &SessionContext) -> Result<Changes, Problem> {
        let beside = v1::WatchCredentialRequest { onlooker: true, beside: true, session: None };
        self.follow(session, beside).await
    }

    async fn follow(
        &mut self,
        session: &SessionContext,
        wanted: v1::WatchCredentialRequest,
    ) -> Result<Changes, Problem> {
        let session = session.clone();
        let open = move |client: Client| {
            let session = client.describe(&session);
            async move {
                let message = v1::WatchCredentialRequest { session: Some(session?), ..wanted };
                unwrap(client.credentials().watch_credential(request(message)).await)
            }
        };
        let follow = Follow::new(self.clone(), open).await?;
        Ok(Changes { follow, told: None, again: false, described_again: false })
    }
}

// === impl Changes ===

impl Changes {
    /// The same watch, but it waits for the next daemon without limit.
    #[must_use]
    pub fn patiently(mut self) -> Self {
        self.follow = self.follow.patiently();
        self
    }

    /// The next event; `None` when the daemon has ended the stream. A patient watch returns `None` whenever a daemon
    /// goes away; the next call waits for its successor.
    ///
    /// # Errors
    /// The daemon's typed [`Problem`]; `shutting-down` if the connection broke and no daemon takes over.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Change>, Problem> {
        loop {
            match self.follow.next().await? {
                Seen::Message(message) => {
                    let Some(event) = message.event else { continue };
                    let event = Change::from_proto(event)?;
                    if self.is_stale(&event) {
                        (self.again, self.described_again) = (true, true);
                        self.follow.open_again();
                        continue;
                    }
                    if let Some(event) = self.news(event) {
                        return Ok(Some(event));
                    }
                }
                Seen::Ended => return Ok(self.over()),
                Seen::Lost(problem) if problem.reason == Reason::Handover => self.again = true,
                Seen::Lost(_) if self.follow.is_patient() => return Ok(self.over()),
                Seen::Lost(_) => self.again = true,
            }
        }
    }

    /// Whether the session has to be described again, once: the list of passed variables has changed.
    fn is_stale(&mut self, event: &Change) -> bool {
        match event {
            Change::Problem(problem) if problem.reason == Reason::StaleSession => !self.described_again,
            Change::Lease(..) => {
                self.described_again = false;
                false
            }
            _ => false,
        }
    }

    /// The caller saw the stream end: every event of the next daemon counts as new, even a repeated one.
    fn over(&mut self) -> Option<Change> {
        self.told = None;
        None
    }

    /// The event, unless it repeats the last one from before the handover.
    fn news(&mut self, mut event: Change) -> Option<Change> {
        if matches!(event, Change::Progress(_)) {
            return Some(event);
        }
        let is_first = std::mem::take(&mut self.again);
        if is_first && self.told.as_ref().is_some_and(|told| told.is_same(&event)) {
            return None;
        }
        if let (true, Some(_), Change::Lease(_, why)) = (is_first, &self.told, &mut event) {
            *why = Why::Refreshed;
        }
        self.told = Some(event.clone());
        Some(event)
    }
}
