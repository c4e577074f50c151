//! Which program serves which gate, and what a person has allowed for it.

use crate::{caller::Caller, consent::Subject, peer::Peer};
use claviger::{
    proto::v1::{AttendResponse, Gate, GateOrder, GateUse, attend_response::Order},
    reason::Problem,
    secret::Secret,
    session::SessionContext,
};
use std::collections::BTreeMap;
use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::Instant,
};
use tonic::Status;

/// Messages to a program that serves gates.
pub type Orders = UnboundedSender<Result<AttendResponse, Status>>;
/// Address of a gate, or the reason why there is none.
pub(super) type Opened = Option<Result<String, Problem>>;

/// Gates, and the programs that serve them.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) gates: BTreeMap<String, Entry>,
    /// Programs that serve gates: usually one.
    pub(super) programs: BTreeMap<u64, Program>,
    /// What the last program that was started can show.
    pub(super) proof: Option<Secret>,
    /// The number of the last of them.
    pub(super) last: u64,
    /// When one was started that is not there yet.
    pub(super) starting: Option<Instant>,
}

/// A program that serves gates.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) orders: Orders,
    pub(super) pid: Option<u32>,
    /// Whether this daemon started it.
    pub(super) is_started: bool,
}

/// A gate.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) order: GateOrder,
    pub(super) used: GateUse,
    /// The program that serves it.
    pub(super) program: Option<u64>,
    pub(super) opened: watch::Sender<Opened>,
    pub(super) allowed: Option<Allowed>,
}

/// What a person has allowed for a gate.
#[derive(Debug)]
pub(super) struct Allowed {
    pub(super) subject: Subject,
    /// The program that asked; none if the gate was opened with it.
    pub(super) program: Option<u64>,
}

// === impl Table ===

impl Table {
    /// Orders the last program to serve the gates that no program serves.
    pub(super) fn assign(&mut self) {
        let Some((id, program)) = self.programs.last_key_value() else { return };
        for entry in self.gates.values_mut().filter(|entry| entry.program.is_none()) {
            let open = AttendResponse { order: Some(Order::Open(entry.order.clone())) };
            if program.orders.send(Ok(open)).is_ok() {
                entry.program = Some(*id);
            }
        }
    }

    /// The program that is `peer`, and whether this daemon started it.
    pub(super) fn program(&self, peer: &Peer) -> Option<(u64, bool)> {
        let pid = peer.pid?;
        let found = self.programs.iter().find(|(_, program)| program.pid == Some(pid));
        found.map(|(id, program)| (*id, program.is_started))
    }

    /// The gates for which a program that serves them asks as `session`, or through their share.
    pub(super) fn of<'a>(
        &'a mut self,
        peer: &'a Peer,
        session: &SessionContext,
    ) -> impl Iterator<Item = &'a mut Entry> {
        let message = Some(session.to_proto());
        self.gates.values_mut().filter(move |entry| match &peer.caller {
            Caller::Share(share) => entry.order.share == share.wanted.name,
            Caller::Near => entry.order.share.is_empty() && entry.order.session == message,
            Caller::Foreign => false,
        })
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn shown(&self) -> Gate {
        Gate { r#use: Some(self.used.clone()), ..shown(&self.order) }
    }
}

/// A gate without its use.
pub fn shown(order: &GateOrder) -> Gate {
    let GateOrder { name, transport, address, pid, session, opened_at, share, standing, .. } = order;
    // A standing gate has a session, but no directory of one.
    let session = session.as_ref().filter(|_| !standing);
    Gate {
        name: name.clone(),
        transport: *transport,
        address: address.clone(),
        pid: *pid,
        directory: session.map(|session| session.working_directory.clone()).unwrap_or_default(),
        opened_at: *opened_at,
        r#use: None,
        share: share.clone(),
        standing: *standing,
    }
}
