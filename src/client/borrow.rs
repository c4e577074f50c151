//! Borrowing for the current process.

use super::{
    calls::Client,
    change::{Change, Reported},
    watch::Changes,
    way,
};
use crate::{
    lease::Lease,
    reason::{Problem, Reason},
    session::SessionContext,
};
use std::{env, ops::Deref};

/// The credential of this process: of its working directory and its environment, as `claviger get` shows it. A daemon is
/// started if none runs.
///
/// # Errors
/// `malformed-request` if the working directory is gone, or a variable cannot be used; `source-unavailable` if there is
/// no daemon; the daemon's own problem if it has no credential. [`Problem::advice`] has the remedy.
pub async fn credential() -> Result<Credential, Problem> {
    let directory = env::current_dir().map_err(|error| {
        Problem::new(Reason::MalformedRequest, format!("the working directory cannot be found: {error}"))
    })?;
    Credential::of(SessionContext::new(directory, env::vars_os())?).await
}

/// A borrowed credential: the lease that this process has now, to which it dereferences, and the way to the next one.
#[derive(Debug)]
pub struct Credential {
    client: Client,
    session: SessionContext,
    lease: Lease,
    changes: Option<Changes>,
}

// === impl Credential ===

impl Credential {
    /// The credential of `session`, which may be another than that of this process. Where a lease refers to a variable
    /// of the session (see [`Material::OwnVariable`](crate::Material::OwnVariable)), it is read from the environment of
    /// this process in any case.
    ///
    /// # Errors
    /// As [`credential()`].
    #[doc(hidden)]
    pub async fn of(session: SessionContext) -> Result<Self, Problem> {
        let mut client = Client::connect_or_start(&way::default_socket()?).await?;
        let lease = client.get(&session, None).await?;
        Ok(Self { client, session, lease, changes: None })
    }

    /// The lease that is valid now. The daemon answers from memory while it has one, so a program may call this before each
    /// request.
    ///
    /// # Errors
    /// The daemon's problem, if there is no credential any more.
    pub async fn renew(&mut self) -> Result<&Lease, Problem> {
        self.lease = self.client.get(&self.session, None).await?;
        Ok(&self.lease)
    }

    /// Reports that the API answered `status` (401 or 403) to this lease. The daemon refreshes it once, however many sessions
    /// report it; [`Credential::changed`] waits for the result.
    ///
    /// # Errors
    /// `malformed-request` for another status; the daemon's problem.
    pub async fn report(&mut self, status: u16) -> Result<Reported, Problem> {
        // First, so that nothing that follows from the report is missed.
        self.followed().await?;
        let answer = self.client.report(&self.session, &self.lease, status.into()).await?;
        Reported::from_proto(&answer)
    }

    /// Waits until there is another credential: after a report, a refresh, or a change of settings. From the first call on, the
    /// daemon refreshes it ahead of its expiry.
    ///
    /// # Errors
    /// Why there is none now, or why a refresh failed; the lease may still be valid then, and the next call continues
    /// to wait.
    ///
    /// # Cancel safety
    /// No change is lost if the future is dropped.
    pub async fn changed(&mut self) -> Result<&Lease, Problem> {
        loop {
            match self.followed().await?.next().await? {
                Some(Change::Lease(lease, _)) if !lease.is_same(&self.lease) => {
                    self.lease = *lease;
                    return Ok(&self.lease);
                }
                Some(Change::Problem(problem) | Change::PersonNeeded(problem)) => return Err(problem),
                Some(Change::Lease(..) | Change::Progress(_)) | None => {}
            }
        }
    }

    /// Everything that becomes known of this credential from now on, beginning with the lease that is valid now.
    ///
    /// # Errors
    /// The daemon's problem.
    pub async fn changes(&self) -> Result<Changes, Problem> {
        self.client.clone().watch(&self.session).await
    }

    /// The stream that this value follows, opened the first time.
    async fn followed(&mut self) -> Result<&mut Changes, Problem> {
        Ok(match &mut self.changes {
            Some(changes) => changes,
            changes => changes.insert(self.client.watch(&self.session).await?.patiently()),
        })
    }
}

impl Deref for Credential {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.lease
    }
}
