//! What a caller without the cookie gets: the same answers, without a word about the files of this machine.

use super::{Context, fail, session, within};
use crate::{
    caller::{self, Caller, Foreign, no_cookie, veiled},
    peer::Peer,
};
use claviger::{
    proto::v1::{self, watch_credential_response::Event},
    reason::Problem,
    session::{Names, SessionContext},
    wire,
};
use std::{sync::Arc, time::SystemTime};
use tonic::Status;

impl Context {
    /// The session in whose place `peer` asks: its own if it is near, else this user's with what it names.
    pub(super) fn session_for(
        &self,
        peer: &Peer,
        message: Option<v1::SessionContext>,
    ) -> Result<Arc<SessionContext>, Status> {
        match peer.caller {
            Caller::Near => session(message),
            Caller::Foreign => {
                let names = Names::from_proto(message).map_err(fail)?;
                Ok(Arc::new(caller::session(self.home.clone(), names)))
            }
        }
    }

    /// Lets `peer` borrow, unless `[daemon] foreign` says no.
    pub(super) fn may_borrow(&self, peer: &Peer) -> Result<(), Status> {
        match (peer.caller, self.broker.limits().foreign) {
            (Caller::Near, _) | (Caller::Foreign, Foreign::Lend) => Ok(()),
            (Caller::Foreign, Foreign::Inspect | Foreign::Refuse) => {
                Err(fail(no_cookie("this daemon lends to callers of its own machine only")))
            }
        }
    }
}

impl Peer {
    /// How `problem` of `session` is told to it.
    pub(super) fn told<'a>(&self, session: &'a SessionContext) -> impl FnOnce(Problem) -> Status + use<'a> {
        let is_near = self.caller == Caller::Near;
        move |problem| if is_near { within(session)(problem) } else { fail(veiled(&problem)) }
    }

    /// What of an answer it gets to see.
    pub(super) fn sees<T: Veil>(&self, mut answer: T) -> T {
        if self.caller != Caller::Near {
            answer.veil();
        }
        answer
    }
}

/// A message that can do without paths and what else a file of this machine says.
pub(super) trait Veil {
    /// Takes them out.
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
        // What does not travel stays: the reason, and when to try again.
        let reason = claviger::reason::Reason::from_proto(self.reason());
        let told =
            reason.map(|reason| wire::problem(&veiled(&Problem::new(reason, "")), SystemTime::UNIX_EPOCH));
        let retry_at = self.retry_at.take();
        *self = v1::Problem { retry_at, ..told.unwrap_or_default() };
    }
}

impl Veil for v1::CacheEntry {
    fn veil(&mut self) {
        (self.location, self.facts) = (None, None);
        self.directory.clear();
        self.last_problem.iter_mut().for_each(Veil::veil);
    }
}

impl Veil for v1::GetStatusResponse {
    fn veil(&mut self) {
        self.audit = None;
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
        self.entry.iter_mut().for_each(Veil::veil);
        self.problem.iter_mut().for_each(Veil::veil);
    }
}
