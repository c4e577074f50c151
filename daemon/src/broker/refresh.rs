//! Refreshes on request: for a fresh credential, or because the API rejected the last one.

use super::{
    Broker,
    counters::Count,
    entry::Entry,
    loan::{Denied, Wanted},
    recursion,
    slot::{Cause, Verdict},
    stock::Fetched,
};
use crate::{demand::Demand, host::process::Asker, key::SourceKey, resolve::Winner};
use claviger::{
    reason::{Problem, Reason},
    session::SessionContext,
};
use std::sync::Arc;

/// Result of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The decision about a cached credential, and the current generation. If it is held back: why the last refresh failed, if it did.
    Judged(Verdict, u64, Option<Box<Problem>>),
    /// Only the session, or a settings file, can change this credential.
    NotCached,
}

impl Broker {
    /// Refreshes a session's credential now, ignoring any backoff, and returns its source.
    ///
    /// # Errors
    /// The typed problem of the refresh.
    pub async fn refresh(
        self: &Arc<Self>,
        session: &Arc<SessionContext>,
        asker: Asker,
    ) -> Result<Arc<Winner>, Denied> {
        let winner = self.winner(session).await?;
        self.refresh_of(&winner, session, asker).await.map_err(Denied::of(&winner))?;
        Ok(winner)
    }

    /// Refreshes a cache entry now, for the session that last asked for it.
    ///
    /// # Errors
    /// `no-credential` if there is no such session any more, or it resolves to another entry now; else as
    /// [`Broker::refresh`].
    pub async fn refresh_key(
        self: &Arc<Self>,
        (key, session): (SourceKey, &Arc<SessionContext>),
        asker: Asker,
    ) -> Result<Arc<Winner>, Denied> {
        let winner = self.winner(session).await?;
        let refreshed = match winner.key() == Some(key) {
            true => self.refresh_of(&winner, session, asker).await,
            false => Err(deserted()),
        };
        refreshed.map_err(Denied::of(&winner))?;
        Ok(winner)
    }

    /// The session that last asked for a cache entry.
    ///
    /// # Errors
    /// `no-credential` if there is none any more.
    pub fn session_of(&self, key: SourceKey) -> Result<Arc<SessionContext>, Problem> {
        self.cache.with(key, |entry| entry.session().cloned()).flatten().ok_or_else(deserted)
    }

    async fn refresh_of(
        self: &Arc<Self>,
        winner: &Winner,
        session: &Arc<SessionContext>,
        asker: Asker,
    ) -> Result<(), Problem> {
        let Some(provider) = winner.provider() else {
            return Err(Problem::new(
                Reason::NoCredential,
                format!("{} is static: there is nothing to refresh", winner.source),
            )
            .hint("change the variable or the settings file that holds it"));
        };
        let wanted = Wanted { winner, provider, session, asker, demand: Demand::Person };
        recursion::refuse(self, &wanted)?;
        let begun = self.host.clock.now();
        let fetched = self.refresh_once(&wanted).await?;
        // A session without a credential received a stored one: that is not a refresh yet.
        let was_kept = fetched.facts.issued_at.is_some_and(|issued| issued < begun);
        if was_kept && fetched.issue.cause == Cause::Initial {
            self.refresh_once(&wanted).await?;
        }
        Ok(())
    }

    async fn refresh_once(self: &Arc<Self>, wanted: &Wanted<'_>) -> Result<Fetched, Problem> {
        let key = wanted.provider.key();
        let join = |entry: &mut Entry| self.fly(entry, key, Cause::Due, Demand::Person);
        let seat = self.open(wanted, self.host.clock.now(), join)?;
        self.wait(seat).await
    }

    /// Handles a report that the API rejected a generation of a credential, after it had worked or not: one refresh, if it is still the
    /// current one. Also returns the provider of the session's credential.
    ///
    /// # Errors
    /// The typed problem that stopped the session's resolution.
    pub async fn report(
        self: &Arc<Self>,
        session: &Arc<SessionContext>,
        key: Option<SourceKey>,
        (generation, had_worked): (u64, bool),
    ) -> Result<(Arc<Winner>, Reported), Problem> {
        self.shown.touch();
        let count = |source| self.counters.add(source, Count::Rejections);
        let winner = self.winner(session).await.inspect_err(|_| count(""))?;
        count(winner.source);
        let reported = self.judge(&winner, key, (generation, had_worked));
        Ok((winner, reported))
    }

    fn judge(
        self: &Arc<Self>,
        winner: &Winner,
        key: Option<SourceKey>,
        (generation, had_worked): (u64, bool),
    ) -> Reported {
        let Some(current) = winner.key() else { return Reported::NotCached };
        let now = self.host.clock.now();
        let judge = |entry: &mut Entry| {
            let verdict = entry.report(now, generation, had_worked);
            if verdict == Verdict::Refresh {
                self.fly_ahead(entry, current, Cause::Rejected);
            }
            let failure =
                entry.failure(now).filter(|_| matches!(verdict, Verdict::HeldBack(_))).map(Box::new);
            Reported::Judged(verdict, entry.generation(), failure)
        };
        let is_meant = key.is_none_or(|key| key == current);
        let judged = is_meant.then(|| self.cache.with(current, judge)).flatten();
        judged.unwrap_or(Reported::Judged(Verdict::AlreadyReplaced, 0, None))
    }
}

/// An entry that no session resolves to.
fn deserted() -> Problem {
    Problem::new(Reason::NoCredential, "no session uses this credential any more")
        .hint("refresh a session's credential from its own directory")
}
