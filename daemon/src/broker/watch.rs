//! Follows the credential of one session: the current one, and every change.

use super::{
    Broker,
    attended::Attended,
    borrowers::Borrower,
    entry::Entry,
    loan::{LoanMaterial, Terms, Wanted},
    news::{Event, Shown},
    talk::Progress,
};
use crate::{demand::Demand, host::process::Asker, key::SourceKey, resolve::Winner};
use claviger::{reason::Problem, session::SessionContext};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::{broadcast, mpsc, watch};

/// Events a slow reader may lag behind before the stream waits for it.
const BACKLOG: usize = 16;

/// A stream that follows an entry; the entry is kept and refreshed as long as the stream lives.
struct Attached {
    broker: Arc<Broker>,
    key: SourceKey,
    source: &'static str,
    who: Borrower,
    changed: watch::Receiver<u64>,
    /// Earlier output of a running command.
    recent: VecDeque<Progress>,
    progress: broadcast::Receiver<Progress>,
    _attended: Option<Attended>,
}

impl Broker {
    /// Follows the credential of `session` on these `terms`, until the receiver is dropped or the daemon stops.
    pub fn watch(
        self: &Arc<Self>,
        session: Arc<SessionContext>,
        asker: Asker,
        terms: Terms,
    ) -> mpsc::Receiver<Box<Event>> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let broker = self.clone();
        tokio::spawn(async move {
            broker.counters.opened();
            broker.shown.touch();
            tokio::select! {
                () = follow(&broker, &session, asker, &terms, &sender) => {}
                () = sender.closed() => {}
                () = broker.life.stopping() => {}
            }
            broker.counters.closed();
            broker.shown.touch();
        });
        receiver
    }

    fn attach(self: &Arc<Self>, wanted: &Wanted<'_>) -> Result<Attached, Problem> {
        let (who, now) = (wanted.borrower(), self.host.clock.now());
        let (key, interactive) = (wanted.provider.key(), wanted.session.interactive);
        self.open(wanted, now, |entry| {
            let (changed, (recent, progress)) = entry.open(who, interactive, now);
            Attached {
                _attended: Attended::of(self, entry, key, interactive),
                broker: self.clone(),
                key,
                source: wanted.winner.source,
                who,
                changed,
                recent,
                progress,
            }
        })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let now = self.broker.host.clock.now();
        self.broker.cache.with(self.key, |entry| entry.close(self.who, now));
    }
}

async fn follow(
    broker: &Arc<Broker>,
    session: &Arc<SessionContext>,
    asker: Asker,
    terms: &Terms,
    events: &mpsc::Sender<Box<Event>>,
) {
    let _files = broker.resolver.settings.watch_session(session);
    let (mut settings, mut trust) = (broker.resolver.settings.changes(), broker.resolver.trust.changes());
    let mut accounts = broker.resolver.accounts.changes();
    let mut attached: Option<Attached> = None;
    let mut shown = Shown::default();
    loop {
        settings.mark_unchanged();
        trust.mark_unchanged();
        accounts.mark_unchanged();
        // Boxed: an idle stream should not reserve memory for rare work.
        let told = match Box::pin(attach(broker, session, asker, &mut attached)).await {
            // Looking again at a credential that lives for milliseconds would fetch the next one, which would be
            // another change, without end.
            Ok(winner) if is_fleeting(&attached, |key| shown.has(&winner, key)) => Some(()),
            Ok(_) => Box::pin(tell(broker, session, (asker, terms), &mut attached, &mut shown, events)).await,
            Err(problem) => Box::pin(shown.news_of(problem, events)).await,
        };
        if told.is_none() {
            return;
        }
        loop {
            let line = tokio::select! {
                _ = settings.changed() => break,
                _ = trust.changed() => break,
                _ = accounts.changed() => break,
                line = line_or_change(&mut attached) => line,
            };
            // Output of a command that runs meanwhile, for a session that asked: a person may have to act on it now.
            let Some(line) = line else { break };
            if events.send(Box::new(line)).await.is_err() {
                return;
            }
        }
    }
}

/// Keeps `attached` to the entry that the session currently resolves to.
async fn attach(
    broker: &Arc<Broker>,
    session: &Arc<SessionContext>,
    asker: Asker,
    attached: &mut Option<Attached>,
) -> Result<Arc<Winner>, Problem> {
    let winner = match broker.winner(session).await {
        Ok(winner) => winner,
        Err(problem) => {
            *attached = None;
            return Err(problem);
        }
    };
    let Some(provider) = winner.provider() else {
        *attached = None;
        return Ok(winner);
    };
    // A dropped entry sends no more events.
    let is_attached =
        |attached: &Attached| attached.key == provider.key() && attached.changed.has_changed().is_ok();
    if !attached.as_ref().is_some_and(is_attached) {
        let wanted = Wanted { winner: &winner, provider, session, asker, demand: Demand::Background };
        *attached = Some(broker.attach(&wanted)?);
    }
    if let Some(attached) = attached {
        attached.changed.mark_unchanged();
    }
    Ok(winner)
}

/// Whether the entry has a credential too short-lived to be followed, which was `told`, and no problem.
fn is_fleeting(attached: &Option<Attached>, told: impl Fn(SourceKey) -> bool) -> bool {
    let Some(attached) = attached.as_ref().filter(|attached| told(attached.key)) else { return false };
    let is_fleeting = |entry: &mut Entry| {
        let state = entry.state();
        state.failure.is_none() && state.current.is_some_and(|issue| issue.is_fleeting())
    };
    attached.broker.cache.with(attached.key, is_fleeting).unwrap_or_default()
}

/// Gets the credential, forwards output of a running command meanwhile, and sends what is new. `None` when there is no
/// listener any more.
async fn tell(
    broker: &Arc<Broker>,
    session: &Arc<SessionContext>,
    (asker, terms): (Asker, &Terms),
    attached: &mut Option<Attached>,
    shown: &mut Shown,
    events: &mpsc::Sender<Box<Event>>,
) -> Option<()> {
    // A stream follows credentials that others ask for; by itself it causes no sign-in.
    let loan = broker.lend(session, asker, terms, Demand::Background);
    tokio::pin!(loan);
    let loan = loop {
        tokio::select! {
            biased;
            line = progress(attached) => events.send(Box::new(line)).await.ok()?,
            loan = &mut loan => break loan,
        }
    };
    match loan {
        Ok(loan) => {
            let failure = match &loan.material {
                LoanMaterial::Cached { key, stale: true, .. } => {
                    let now = broker.host.clock.now();
                    broker.cache.with(*key, |entry| entry.failure(now)).flatten()
                }
                _ => None,
            };
            shown.news_of_loan(loan, events).await?;
            match failure {
                Some(problem) => shown.tell(problem, events).await,
                None => {
                    shown.problem = None;
                    Some(())
                }
            }
        }
        Err(denied) => shown.news_of(denied.problem, events).await,
    }
}

/// The next line of a running command; never resolves without one.
async fn progress(attached: &mut Option<Attached>) -> Event {
    if let Some(attached) = attached {
        if let Some(line) = attached.recent.pop_front() {
            return Event::Progress(attached.source, line);
        }
        loop {
            match attached.progress.recv().await {
                Ok(line) => return Event::Progress(attached.source, line),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => break,
            }
        }
    }
    std::future::pending().await
}

/// The next line of a command that runs for the entry, or `None` when the entry has changed or is gone.
async fn line_or_change(attached: &mut Option<Attached>) -> Option<Event> {
    let Some(entry) = attached else { return std::future::pending().await };
    tokio::select! {
        biased;
        line = entry.progress.recv() => Some(Event::Progress(entry.source, line.ok()?)),
        // An error means that it is gone; the session may resolve to another, or to a new one of the same key.
        _ = entry.changed.changed() => None,
    }
}
