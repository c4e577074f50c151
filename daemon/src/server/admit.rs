//! The check of the calling process, ahead of every service.

use crate::{audit::Audit, peer};
use claviger::{
    reason::{Problem, Reason},
    wire,
};
use nix::unistd::Uid;
use std::sync::Arc;
use tonic::{Request, Status, service::Interceptor};

/// Lets only this user's processes in, and only those that speak our protocol; notes the calls that it turned away.
#[derive(Clone, Debug)]
pub struct Admit(pub(super) Arc<Audit>);

impl Interceptor for Admit {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        admit(&request).map_err(|problem| {
            self.0.rejected(&peer::of(&request), problem.reason.as_str());
            wire::to_status(&problem)
        })?;
        Ok(request)
    }
}

/// `peer-unknown`, `peer-rejected`, or `malformed-request` for another protocol.
fn admit(request: &Request<()>) -> Result<(), Problem> {
    let uid = request.extensions().get::<peer::Peer>().and_then(|peer| peer.uid);
    match uid {
        None => Err(Problem::new(Reason::PeerUnknown, "the kernel does not say who is calling")),
        Some(uid) if uid != Uid::effective().as_raw() => {
            tracing::warn!(uid, "call by another user refused");
            Err(Problem::new(Reason::PeerRejected, "this daemon lends to its own user only")
                .hint("without CLAVIGER_SOCK, a daemon of your own is used"))
        }
        Some(_) => wire::check_protocol(request.metadata(), "client"),
    }
}
