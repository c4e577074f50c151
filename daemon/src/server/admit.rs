//! Checks the calling process before every service.

use crate::{
    audit::Audit,
    broker::Broker,
    caller::{Caller, no_cookie},
    config::Foreign,
    cookie::Cookie,
    logs::Rarely,
    peer::{self, Peer},
};
use claviger::{
    cookie::COOKIE_KEY,
    reason::{Problem, Reason},
    wire,
};
use std::sync::Arc;
use tonic::{Request, Status, service::Interceptor};

/// Whether the log has reported a call by another user.
static WARNED: Rarely = Rarely::new();

/// Permits only this user's processes, and only those with our protocol; determines who is near; records refused calls
/// in the audit log.
#[derive(Clone, Debug)]
pub struct Admit {
    pub(super) audit: Arc<Audit>,
    pub(super) cookie: Arc<Cookie>,
    pub(super) broker: Arc<Broker>,
}

/// Permits only near callers.
#[derive(Clone, Debug)]
pub(super) struct NearOnly(pub(super) Arc<Audit>);

// === impl Admit ===

impl Interceptor for Admit {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let caller = self.admit(&request).map_err(|problem| rejected(&self.audit, &request, &problem))?;
        // Services behind it do not need the cookie.
        request.metadata_mut().remove(COOKIE_KEY);
        if let Some(peer) = request.extensions_mut().get_mut::<Peer>() {
            peer.caller = caller;
        }
        Ok(request)
    }
}

impl Admit {
    /// The caller; `peer-unknown`, `peer-rejected`, `foreign-caller`, `stale-cookie`, or `malformed-request` for
    /// another protocol.
    fn admit(&self, request: &Request<()>) -> Result<Caller, Problem> {
        peer::of(request).check().inspect_err(|problem| {
            if problem.reason == Reason::PeerRejected && WARNED.is_due() {
                tracing::warn!(uid = peer::of(request).uid, "call by another user refused");
            }
        })?;
        wire::check_protocol(request.metadata(), "client")?;
        let share = match request.extensions().get() {
            Some(Peer { caller: Caller::Share(share), .. }) => Some(share),
            _ => None,
        };
        match request.metadata().get(COOKIE_KEY) {
            _ if let Some(share) = share.filter(|share| !share.wanted.gate) => {
                Ok(Caller::Share(share.clone()))
            }
            Some(sent) if self.cookie.is(sent.as_bytes()) => {
                Ok(share.map_or(Caller::Near, |share| Caller::Share(share.clone())))
            }
            Some(_) => {
                Err(Problem::new(Reason::StaleCookie, "the cookie of the request is not this daemon's")
                    .hint("read it again: it is beside the socket"))
            }
            None if share.is_some() => Err(no_cookie("this share lends to its own gate only")),
            None => {
                // Near callers cannot send a cookie that was removed.
                self.cookie.look_again();
                match self.broker.limits().foreign {
                    Foreign::Refuse => Err(no_cookie("this daemon answers callers of its own machine only")),
                    Foreign::Lend | Foreign::Inspect => Ok(Caller::Foreign),
                }
            }
        }
    }
}

// === impl NearOnly ===

impl Interceptor for NearOnly {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let allowed = peer::of(&request).caller.must_be_near();
        allowed.map_err(|problem| rejected(&self.0, &request, &problem))?;
        Ok(request)
    }
}

fn rejected(audit: &Audit, request: &Request<()>, problem: &Problem) -> Status {
    audit.rejected(&peer::of(request), problem.reason.as_str());
    wire::to_status(problem)
}
