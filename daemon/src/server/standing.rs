//! Standing gates: installed once for a tool whose settings lead there, and opened by every daemon.

use super::{
    Context, fail,
    gates::{SET_BY_GATE, SHARED_PLACEHOLDER, fits},
    session, within,
};
use crate::{
    audit::Line,
    gates::{
        shown,
        standing::{Standing, lasting},
    },
    listener,
    peer::Peer,
    resolve::Winner,
    settings::{Layer, Lookup, Settings},
    shares::check_name,
};
use claviger::{
    audit::AuditEvent,
    proto::v1::{self, Gate, GateOrder, GateTransport},
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    session::{ACCOUNT, SessionContext},
    wire,
};
use std::{path::Path, sync::Arc};
use tonic::Status;

/// The setting of Claude Code whose command prints what it sends.
const HELPER: &str = "apiKeyHelper";

impl Context {
    /// Installs the standing gate of a request with a session; opens the one of its name without.
    pub(super) async fn open_standing(
        &self,
        peer: &Peer,
        message: v1::OpenGateRequest,
    ) -> Result<v1::OpenGateResponse, Status> {
        let v1::OpenGateRequest { session: described, standing: name, .. } = message;
        if described.is_none() {
            return self.join(&name, false).await.map_err(fail);
        }
        let session = session(described)?;
        let opened = self.install(&name, &session).await;
        let line = Line::ended(AuditEvent::Gate, "opened", &opened).by(peer).session(&session);
        self.audit.note(line.about(&name));
        let opened = opened.map_err(within(&session))?;
        self.tell(
            peer,
            &format!("the gate {name} was installed: programs of this user can send requests through it"),
        );
        Ok(opened)
    }

    async fn install(
        &self,
        name: &str,
        session: &Arc<SessionContext>,
    ) -> Result<v1::OpenGateResponse, Problem> {
        check_name(name)?;
        let recorded = lasting(session);
        // A key of this terminal would be sent to the gate, which refuses it.
        let own = SessionContext { present: session.present.clone(), ..recorded.clone() };
        fits(&*self.broker.winner(&Arc::new(own)).await?)?;
        let recorded = Arc::new(recorded);
        let winner = self.broker.winner(&recorded).await?;
        fits(&winner)?;
        if let Some(chosen) = session.chosen.get(ACCOUNT)
            && winner.account() != Some(chosen)
        {
            let message = format!("{} comes before the account {chosen} in this session", winner.source);
            return Err(Problem::new(Reason::PolicyBlocked, message)
                .hint("leave the account out, or remove what comes first")
                .at(winner.bound.at.as_ref()));
        }
        sends_there(&self.broker.settings_of(&recorded).await?)?;
        let standing = Standing::of(&recorded, &winner, self.broker.host.clock.now());
        if self.gates.find(name).is_some_and(|gate| !gate.standing) {
            let message = format!("there is a gate {name} already");
            return Err(Problem::new(Reason::MalformedRequest, message)
                .remedy(Remedy::claviger(&["gate", "close", name])));
        }
        self.gates.standing.set(name, standing)?;
        // It may stand for another account so far.
        self.gates.close(name);
        self.join(name, true).await
    }

    /// Has the standing gate `name` opened if nothing listens there, or if `is_new`: then what listens is about to end. What a tool's hook
    /// waits for.
    async fn join(&self, name: &str, is_new: bool) -> Result<v1::OpenGateResponse, Problem> {
        let standing = self.gates.standing.find(name)?.ok_or_else(|| {
            Problem::new(Reason::SettingsInvalid, format!("there is no standing gate {name}"))
                .hint("its record is gone, and the settings still lead there")
                .remedy(Remedy::install_gate(None))
        })?;
        let order = self.standing_order(name, &standing).await?;
        let (gate, placeholder) = (shown(&order), order.placeholder.clone());
        // A program that a former daemon started may serve it: that says so as soon as it is connected again.
        if is_new || !listener::is_served(Path::new(&order.address)) {
            let opened = self.gates.open_again(order)?;
            self.opened(name, opened).await?;
        }
        let gate = Some(self.gates.find(name).unwrap_or(gate));
        Ok(v1::OpenGateResponse { gate, placeholder, ..Default::default() })
    }

    async fn standing_order(&self, name: &str, standing: &Standing) -> Result<GateOrder, Problem> {
        let session = standing.session().ok_or_else(|| {
            Problem::new(
                Reason::SettingsInvalid,
                format!("this release does not understand the record of {name}"),
            )
            .remedy(Remedy::install_gate(None))
        })?;
        Ok(GateOrder {
            name: name.to_owned(),
            session: Some(session.to_proto()),
            transport: GateTransport::Unix.into(),
            address: self.gates.address(name, GateTransport::Unix),
            placeholder: Some(Secret::from(SHARED_PLACEHOLDER)),
            network: self.network(&session).await?,
            opened_at: Some(wire::timestamp(self.broker.host.clock.now())),
            standing: true,
            ..GateOrder::default()
        })
    }

    /// Opens the standing gates, each in its own time.
    pub fn open_all_standing(&self) {
        let names = self.gates.standing.all().unwrap_or_else(|problem| {
            tracing::error!(%problem, "the standing gates are not opened");
            Default::default()
        });
        for name in names.into_keys() {
            let context = self.clone();
            tokio::spawn(async move {
                if let Err(problem) = context.join(&name, false).await {
                    tracing::error!(%problem, name, "a standing gate is not open");
                }
            });
        }
    }

    /// The gates, and the standing ones that are not open.
    pub(super) fn all_gates(&self) -> Vec<Gate> {
        let mut gates = self.gates.list();
        for (name, standing) in self.gates.standing.all().unwrap_or_default() {
            if gates.iter().all(|gate| gate.name != name) {
                gates.push(shown(&GateOrder {
                    address: self.gates.address(&name, GateTransport::Unix),
                    name,
                    transport: GateTransport::Unix.into(),
                    opened_at: Some(wire::timestamp(standing.since)),
                    standing: true,
                    ..GateOrder::default()
                }));
            }
        }
        gates.sort_by(|one, other| one.name.cmp(&other.name));
        gates
    }

    /// Removes the record of a standing gate, if `is_meant`. False if there is none.
    ///
    /// # Errors
    /// `policy-blocked` if only its closing was asked for: the tool whose settings lead there would reach nothing.
    pub(super) fn remove_standing(&self, name: &str, is_meant: bool) -> Result<bool, Problem> {
        if is_meant {
            return self.gates.standing.remove(name);
        }
        match self.gates.standing.find(name)? {
            None => Ok(false),
            Some(_) => Err(Problem::new(
                Reason::PolicyBlocked,
                format!("{name} is a standing gate, to which the settings of a tool lead"),
            )
            .remedy(Remedy::claviger(&["hook", "remove", "claude"]))),
        }
    }

    /// Closes the standing gates that were removed while the program that serves them had no daemon.
    pub(super) fn close_removed(&self) {
        let Ok(known) = self.gates.standing.all() else { return };
        for gate in self.gates.list().into_iter().filter(|gate| gate.standing) {
            if !known.contains_key(&gate.name) {
                self.gates.close(&gate.name);
            }
        }
    }

    /// Why the credential of `winner` is not lent to `session`, for which `peer` asks.
    pub(super) fn refuses(&self, peer: &Peer, session: &SessionContext, winner: &Winner) -> Option<Problem> {
        let of_standing = || {
            let name = self.gates.standing_of(peer, session)?;
            match self.gates.standing.find(&name) {
                Ok(standing) => standing?.refuses(&name, winner),
                Err(problem) => Some(problem),
            }
        };
        peer.refuses(session, winner).or_else(of_standing)
    }
}

/// Checks that Claude Code would send a placeholder, and to the gate.
///
/// # Errors
/// `policy-blocked` with the place of the value that comes before the hook's.
fn sends_there(settings: &Settings) -> Result<(), Problem> {
    let first = |what: &str, at| {
        Err(Problem::new(Reason::PolicyBlocked, format!("{what} comes before the gate in Claude Code"))
            .at(at))
    };
    for name in SET_BY_GATE {
        if let Lookup::Set(found) = settings.variable(name)
            && found.layer != Layer::Config
            && (found.layer != Layer::User || is_key(name))
        {
            return first(name, &found.at).map_err(|problem: Problem| match is_key(name) {
                true => problem
                    .hint("keep the key as an account (`claviger login --api-key`), and remove it there"),
                false => problem.hint("only who manages that file can change it: use `claviger exec --gate`"),
            });
        }
    }
    let managed = settings.files().filter(|file| file.layer == Layer::Managed);
    // Locked commands of claviger's own configuration are behind the hook.
    let mut managed = managed.filter(|file| file.path.extension().is_some_and(|ending| ending == "json"));
    match managed.find_map(|file| file.content.commands.get(HELPER)) {
        Some(found) => first(HELPER, &found.at)
            .map_err(|problem: Problem| problem.hint("only who manages that file can change it")),
        None => Ok(()),
    }
}

/// Whether a variable has a key, which the gate would refuse.
fn is_key(name: &str) -> bool {
    ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"].contains(&name)
}
