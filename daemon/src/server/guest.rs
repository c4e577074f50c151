//! Answers to a caller without the cookie: the same, but without details of this machine's files.

use super::{Context, fail, session, within};
use crate::{
    broker::news::Event,
    caller::{self, Caller, another, has_profile, no_cookie, no_profile, veiled},
    config::Foreign,
    host::system,
    peer::Peer,
    resolve::Winner,
};
use claviger::{
    proto::v1::{self, watch_credential_response},
    reason::{Problem, Reason},
    session::{ACCOUNT, Names, PROFILE, SessionContext},
    source, wire,
};
use std::{sync::Arc, time::SystemTime};
use tokio::sync::mpsc;
use tonic::Status;

impl Context {
    /// The session of `peer`: its own if it is near, else this user's with the names that it chose.
    pub(super) fn session_for(
        &self,
        peer: &Peer,
        message: Option<v1::SessionContext>,
    ) -> Result<Arc<SessionContext>, Status> {
        match &peer.caller {
            Caller::Near => {
                let known = message.as_ref().and_then(|message| self.broker.resolver.known(message));
                known.map_or_else(|| session(message), Ok)
            }
            Caller::Foreign => {
                let names = Names::from_proto(message).map_err(fail)?;
                if names.chosen.get(PROFILE).is_some_and(|name| !self.has_profile(name)) {
                    return Err(fail(no_profile()));
                }
                caller::session(&self.home, names).map(Arc::new).map_err(fail)
            }
            // Its gate asks, for no session of its own.
            Caller::Share(share) if share.wanted.gate => Ok(share.wanted.session.clone()),
            Caller::Share(share) => {
                share.lends(&Names::from_proto(message).map_err(fail)?).map_err(fail)?;
                Ok(share.wanted.session.clone())
            }
        }
    }

    /// Checks that `peer` may have the credential of `session`, before anything is run for it.
    pub(super) async fn must_fit(&self, peer: &Peer, session: &Arc<SessionContext>) -> Result<(), Status> {
        let standing = self.gates.standing_of(peer, session);
        if matches!(peer.caller, Caller::Near) && standing.is_none() {
            return Ok(());
        }
        let winner = self.broker.winner(session).await.map_err(peer.told(session))?;
        self.refuses(peer, session, &winner).map_or(Ok(()), |problem| Err(fail(problem)))
    }

    fn has_profile(&self, name: &str) -> bool {
        let files = [".aws/config", ".aws/credentials"].map(|file| system::read_text(&self.home.join(file)));
        files.iter().any(|text| matches!(text, Ok(Some(text)) if has_profile(text, name)))
    }

    /// Permits `peer` to report a rejection of credentials that it was lent; not if it is foreign, because a report
    /// changes something here.
    pub(super) fn may_report(&self, peer: &Peer) -> Result<(), Status> {
        match peer.caller {
            Caller::Share(_) => self.may_borrow(peer),
            Caller::Near | Caller::Foreign => peer.caller.must_be_near().map_err(fail),
        }
    }

    /// Permits `peer` to borrow, unless `[daemon] foreign` forbids it.
    pub(super) fn may_borrow(&self, peer: &Peer) -> Result<(), Status> {
        match (&peer.caller, self.broker.limits().foreign) {
            (Caller::Share(share), _) if share.is_over(self.broker.host.clock.now()) => {
                Err(fail(share.refuses("it has ended")))
            }
            (Caller::Near | Caller::Share(_), _) | (Caller::Foreign, Foreign::Lend) => Ok(()),
            (Caller::Foreign, Foreign::Inspect | Foreign::Refuse) => {
                Err(fail(no_cookie("this daemon lends to callers of its own machine only")))
            }
        }
    }
}

impl Peer {
    /// Why the credential of `winner` is not lent to `session`: it named another one, or a share now leads elsewhere.
    pub(super) fn refuses(&self, session: &SessionContext, winner: &Winner) -> Option<Problem> {
        let found = winner.provider().and_then(|provider| provider.account());
        let account = found.map(|account| &account.name);
        match &self.caller {
            Caller::Near => None,
            Caller::Foreign => {
                let is_account = session.chosen.get(ACCOUNT).is_none_or(|name| Some(name) == account);
                let is_profile = !session.chosen.contains_key(PROFILE) || winner.source == source::AWS_CHAIN;
                (!is_account || !is_profile).then(|| another(winner.source))
            }
            Caller::Share(share) => {
                let wanted = &share.wanted;
                let is_same = (winner.source, winner.backend, account)
                    == (&*wanted.source, wanted.backend, wanted.account.as_ref());
                let id = found.map(|account| account.id());
                if is_same && wanted.account_id.as_deref().is_some_and(|wanted| Some(wanted) != id) {
                    return Some(share.refuses("another account now has the name of the lent one"));
                }
                (!is_same).then(|| share.refuses("the settings of its session now lead to another one"))
            }
        }
    }

    /// Counts a loan.
    pub(super) fn count(&self) {
        if let Caller::Share(share) = &self.caller {
            share.count();
        }
    }

    /// The events for it: those of a share end with it.
    pub(super) fn followed(&self, mut events: mpsc::Receiver<Box<Event>>) -> mpsc::Receiver<Box<Event>> {
        let Caller::Share(share) = &self.caller else { return events };
        let (sender, receiver) = mpsc::channel(1);
        let share = share.clone();
        tokio::spawn(async move {
            let forwarded = async {
                while let Some(event) = events.recv().await {
                    if sender.send(event).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = forwarded => {}
                () = share.stopped() => {}
                () = sender.closed() => {}
            }
        });
        receiver
    }

    /// A problem of `session`, in the form for it.
    pub(super) fn told<'a>(&self, session: &'a SessionContext) -> impl FnOnce(Problem) -> Status + use<'a> {
        let is_near = matches!(self.caller, Caller::Near);
        move |problem| if is_near { within(session)(problem) } else { fail(veiled(&problem)) }
    }

    /// The part of an answer that it may see.
    pub(super) fn sees<T: Veil>(&self, mut answer: T) -> T {
        if !matches!(self.caller, Caller::Near) {
            answer.veil();
        }
        answer
    }
}

/// A message whose paths and other details of this machine's files can be removed.
pub(super) trait Veil {
    /// Removes them.
    fn veil(&mut self);
}

impl Veil for v1::Lease {
    fn veil(&mut self) {
        (self.location, self.facts) = (None, None);
        self.warnings.clear();
    }
}

impl Veil for v1::WatchCredentialResponse {
    fn veil(&mut self) {
        use watch_credential_response::Event;
        match &mut self.event {
            Some(Event::Issued(issued)) => issued.lease.iter_mut().for_each(Veil::veil),
            Some(Event::Progress(progress)) => progress.line.clear(),
            Some(Event::Problem(problem)) => problem.veil(),
            Some(Event::HumanNeeded(needed)) => needed.problem.iter_mut().for_each(Veil::veil),
            None => {}
        }
    }
}

impl Veil for v1::Problem {
    fn veil(&mut self) {
        let reason = Reason::from_proto(self.reason()).unwrap_or(Reason::Bug);
        // The problem has the time of the next attempt; it is not computed again.
        let told = wire::problem(&veiled(&Problem::new(reason, "")), SystemTime::UNIX_EPOCH);
        *self = v1::Problem { retry_at: self.retry_at, ..told };
    }
}

impl Veil for v1::ReportRejectedResponse {
    fn veil(&mut self) {
        self.problem.iter_mut().for_each(Veil::veil);
    }
}

impl Veil for v1::CacheEntry {
    fn veil(&mut self) {
        (self.location, self.facts) = (None, None);
        self.directory.clear();
        self.apart.clear();
        self.last_problem.iter_mut().for_each(Veil::veil);
    }
}

impl Veil for v1::GetStatusResponse {
    fn veil(&mut self) {
        self.audit = None;
        self.gates.clear();
        self.entries.iter_mut().for_each(Veil::veil);
    }
}

impl Veil for v1::WatchStatusResponse {
    fn veil(&mut self) {
        self.status.iter_mut().for_each(Veil::veil);
        self.pending.clear();
    }
}

impl Veil for v1::ExplainResponse {
    fn veil(&mut self) {
        for step in &mut self.steps {
            step.location = None;
            step.why.clear();
        }
        self.files.clear();
        self.values.clear();
        self.policies.clear();
        self.warnings.clear();
        self.workspace.clear();
        self.account.clear();
        self.searched.clear();
        self.entry.iter_mut().for_each(Veil::veil);
        self.problem.iter_mut().for_each(Veil::veil);
    }
}
