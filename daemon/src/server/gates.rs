//! `GateService`.

use super::{Context, fail, malformed, session, within};
use crate::{
    audit::Line,
    broker::loan::Terms,
    consent::Subject,
    gates::{Opening, Orders},
    host::process,
    peer::{self, Peer},
    resolve::Winner,
    settings::{Layer, Lookup},
    shares::Share,
    sources::Material,
};
use claviger::{
    audit::AuditEvent,
    backend::Backend,
    proto::v1::{
        self, AttendRequest, AttendResponse, GateOrder, GateTransport, attend_request::Event,
        gate_service_server::GateService,
    },
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    session::{ACCOUNT, SessionContext},
    variables::NETWORK,
    wire,
};
use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};

/// Time limit for opening a gate, which takes a few milliseconds.
const OPENING: Duration = Duration::from_secs(10);
/// Pause before the program that serves gates is started again, if it ended while there were gates.
const AGAIN: Duration = Duration::from_millis(200);
/// Variables of certificates that only the tools of a gate's API read.
const CERTIFICATES: [&str; 4] = [
    "NODE_EXTRA_CA_CERTS",
    "CLAUDE_CODE_CLIENT_CERT",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
];
/// What a gate sets in the environment of its session.
pub(super) const SET_BY_GATE: [&str; 4] =
    ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_UNIX_SOCKET"];
/// The beginning of an API key; the rest of a placeholder is random.
const PLACEHOLDER: &str = "sk-ant-api03-";
/// The placeholder of a share, and of a standing gate: its socket alone is the right to send, and a fixed word can stand in a configuration.
pub(super) const SHARED_PLACEHOLDER: &str = "placeholder";

type Responses = Pin<Box<dyn Stream<Item = Result<AttendResponse, Status>> + Send>>;

#[tonic::async_trait]
impl GateService for Context {
    async fn open_gate(
        &self,
        request: Request<v1::OpenGateRequest>,
    ) -> Result<Response<v1::OpenGateResponse>, Status> {
        let peer = peer::of(&request);
        let message = request.into_inner();
        let transport = message.transport();
        if !message.standing.is_empty() {
            return self.open_standing(&peer, message).await.map(Response::new);
        }
        let session = session(message.session)?;
        let order = self.order(&peer, &session, transport).await;
        let opened = match order {
            Ok((order, allowed)) => self.open(order, allowed).await,
            Err(problem) => Err(problem),
        };
        let name = opened.as_ref().ok().and_then(|opened| Some(opened.gate.as_ref()?.name.as_str()));
        let line = Line::ended(AuditEvent::Gate, "opened", &opened).by(&peer).session(&session);
        self.audit.note(line.about(name.unwrap_or_default()));
        let opened = opened.map_err(within(&session))?;
        let overridden = self.overridden(&session).await;
        Ok(Response::new(v1::OpenGateResponse { overridden, ..opened }))
    }

    async fn list_gates(
        &self,
        _: Request<v1::ListGatesRequest>,
    ) -> Result<Response<v1::ListGatesResponse>, Status> {
        Ok(Response::new(v1::ListGatesResponse { gates: self.all_gates() }))
    }

    async fn close_gate(
        &self,
        request: Request<v1::CloseGateRequest>,
    ) -> Result<Response<v1::CloseGateResponse>, Status> {
        let peer = peer::of(&request);
        let v1::CloseGateRequest { name, standing } = request.into_inner();
        let is_removed = self.remove_standing(&name, standing).map_err(fail)?;
        let share = self.gates.find(&name).map(|gate| gate.share).unwrap_or_default();
        let closed = self.gates.close(&name) || is_removed;
        if closed {
            // It has no other way in.
            self.shares.stop(&share);
            self.broker.touch();
            self.audit.note(Line::of(AuditEvent::Gate, "closed").by(&peer).about(name));
        }
        Ok(Response::new(v1::CloseGateResponse { closed }))
    }

    type AttendStream = Responses;

    async fn attend(
        &self,
        request: Request<Streaming<AttendRequest>>,
    ) -> Result<Response<Responses>, Status> {
        let pid = peer::of(&request).pid;
        let mut events = request.into_inner();
        let first = events.message().await?.and_then(|message| message.event);
        let Some(Event::Hello(hello)) = first else {
            return Err(malformed("the first message of a program that serves gates must be its hello"));
        };
        let (orders, stream) = mpsc::unbounded_channel();
        let id = self.gates.attach(hello, pid, orders.clone());
        // A share ends with the daemon, unless another program takes over in its process.
        let shares = self.shares.list();
        let is_lost = |name: &str| !name.is_empty() && shares.iter().all(|share| share.wanted.name != name);
        for gate in self.gates.list().into_iter().filter(|gate| is_lost(&gate.share)) {
            self.gates.close(&gate.name);
        }
        self.close_removed();
        let context = self.clone();
        tokio::spawn(async move { context.hear(id, events, orders).await });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(stream))))
    }
}

impl Context {
    /// What is to be served for `session`, if a gate can do that, and what a person has allowed for it.
    async fn order(
        &self,
        peer: &Peer,
        session: &Arc<SessionContext>,
        transport: GateTransport,
    ) -> Result<(GateOrder, Option<Subject>), Problem> {
        let pid = peer.pid.ok_or_else(|| {
            Problem::new(Reason::PeerUnknown, "the kernel does not say which process the gate is for")
        })?;
        let started = process::started(pid).ok_or_else(|| {
            Problem::new(
                Reason::PeerUnknown,
                format!("process {pid}, which the gate was to end with, has ended"),
            )
        })?;
        let winner = self.broker.winner(session).await?;
        fits(&winner)?;
        // So a missing credential is an error here, as without a gate, and not at the first request.
        let lent = self.lend(peer, session, Terms { caller: peer.caller.clone(), ..Terms::default() }).await;
        let line = match &lent {
            Ok(loan) => Line::loan(AuditEvent::Get, loan),
            Err(denied) => Line::denied(AuditEvent::Get, denied),
        };
        self.audit.note(line.by(peer).session(session));
        let loan = lent.map_err(|denied| denied.problem)?;
        let allowed = Self::is_confirmed(peer, &loan.winner).then(|| Subject::of(&loan.winner, &peer.caller));
        let name = random(4)?;
        let order = GateOrder {
            address: self.gates.address(&name, transport),
            session: Some(SessionContext { interactive: false, ..(**session).clone() }.to_proto()),
            transport: transport.into(),
            placeholder: Some(Secret::new(format!("{PLACEHOLDER}{}", random(32)?))),
            pid,
            pid_started: started,
            network: self.network(session).await?,
            opened_at: Some(wire::timestamp(self.broker.host.clock.now())),
            name,
            ..GateOrder::default()
        };
        Ok((order, allowed))
    }

    /// Opens the gate of a share, at the path that its other side gets.
    pub(super) async fn open_for(&self, share: &Share) -> Result<v1::OpenGateResponse, Problem> {
        let order = GateOrder {
            name: share.wanted.name.clone(),
            share: share.wanted.name.clone(),
            share_socket: share.socket.display().to_string(),
            transport: GateTransport::Unix.into(),
            address: share.offered().display().to_string(),
            placeholder: Some(Secret::from(SHARED_PLACEHOLDER)),
            pid: share.wanted.parent.unwrap_or_default(),
            pid_started: share.wanted.parent.and_then(process::started).unwrap_or_default(),
            network: self.network(&share.wanted.session).await?,
            opened_at: Some(wire::timestamp(share.created_at)),
            ..GateOrder::default()
        };
        self.open(order, None).await
    }

    /// Proxies and certificates of a session, from its settings.
    pub(super) async fn network(&self, session: &SessionContext) -> Result<HashMap<String, Secret>, Problem> {
        let settings = self.broker.settings_of(session).await?;
        let mut environment = self.broker.resolver.other_environment(session, &settings).await?;
        let names = NETWORK.into_iter().chain(CERTIFICATES);
        let found = names.filter_map(|name| Some((name.to_owned(), environment.remove(name)?)));
        Ok(found.map(|(name, value)| (name, Secret::new(value))).collect())
    }

    /// The variables of a gate that Claude Code finds in its settings, and where.
    async fn overridden(&self, session: &SessionContext) -> HashMap<String, v1::Location> {
        let Ok(settings) = self.broker.settings_of(session).await else { return HashMap::new() };
        let of_hook = |name: &str| settings.sources().find_map(|file| file.content.hooks.get(name));
        let found = SET_BY_GATE.iter().filter_map(|name| {
            let found = match settings.variable(name) {
                Lookup::Set(found) if found.layer != Layer::Config => found,
                // Those of a standing gate.
                Lookup::Set(_) | Lookup::Untrusted(_) | Lookup::Unset => of_hook(name)?,
            };
            Some(((*name).to_owned(), wire::location(&found.at)))
        });
        found.collect()
    }

    async fn open(
        &self,
        order: GateOrder,
        allowed: Option<Subject>,
    ) -> Result<v1::OpenGateResponse, Problem> {
        let (name, placeholder) = (order.name.clone(), order.placeholder.clone());
        let opened = self.gates.add(order, allowed)?;
        self.opened(&name, opened).await?;
        Ok(v1::OpenGateResponse { gate: self.gates.find(&name), placeholder, ..Default::default() })
    }

    /// Waits until the gate `name` is open, and starts the program for it if none runs.
    pub(super) async fn opened(&self, name: &str, mut opened: Opening) -> Result<(), Problem> {
        if self.gates.wants_program() {
            self.start_gates().await?;
        }
        let outcome = timeout(OPENING, opened.wait_for(Option::is_some)).await;
        let outcome = outcome.ok().and_then(Result::ok).and_then(|outcome| outcome.clone());
        let Some(outcome) = outcome else {
            self.gates.close(name);
            let message = format!("the gate did not open within {} s", OPENING.as_secs());
            return Err(Problem::new(Reason::SourceTimeout, message));
        };
        outcome.map(drop)
    }

    /// A gate has ended by itself.
    fn closed(&self, name: &str) {
        let Some(order) = self.gates.ended(name) else { return };
        let line = Line::of(AuditEvent::Gate, "closed").about(name);
        match SessionContext::from_proto(order.session) {
            Ok(session) => self.audit.note(line.pid(order.pid).session(&session)),
            Err(_) => self.audit.note(line),
        }
    }

    /// Starts a program for the gates that none serves, unless one is on its way: that will serve them.
    async fn start_gates(&self) -> Result<(), Problem> {
        let program = &self.broker.host.gate;
        let proof = random(32)?;
        if !self.gates.start(Secret::new(proof.clone())) {
            return Ok(());
        }
        let started = program.attend(&self.gates.socket, &proof).await;
        started.map_err(|error| {
            let message = format!("{} cannot be run: {error}", program.place());
            let problem = Problem::new(Reason::SourceUnavailable, message).hint(
                "install claviger again: clavigerd-gate belongs beside clavigerd, or into ../libexec/claviger",
            );
            self.gates.fail_waiting(&problem);
            problem
        })
    }

    /// Receives the messages of a program that serves gates, until one of both ends.
    async fn hear(&self, id: u64, mut events: Streaming<AttendRequest>, orders: Orders) {
        loop {
            let message = tokio::select! {
                message = events.message() => message,
                () = self.broker.life.stopping() => {
                    match self.last_words() {
                        Some(words) => drop(orders.send(words)),
                        // Without this daemon there are no shares.
                        None => self.gates.close_all_of_shares(),
                    }
                    return self.gates.detach(id);
                }
            };
            match message.ok().flatten().and_then(|message| message.event) {
                Some(Event::Opened(opened)) => self.gates.opened(&opened.name, opened.address),
                Some(Event::Failed(failed)) => self.gates.failed(&failed.name, failed.message),
                Some(Event::Closed(name)) => self.closed(&name),
                Some(Event::Used(used)) => self.gates.used(&used.name, used.r#use.unwrap_or_default()),
                Some(Event::Hello(_)) => {}
                Some(Event::Retired(_)) | None => break,
            }
            self.broker.touch();
        }
        self.gates.detach(id);
        drop(orders);
        if self.gates.wants_program() {
            tokio::time::sleep(AGAIN).await;
            if self.gates.wants_program()
                && let Err(problem) = self.start_gates().await
            {
                tracing::error!(%problem, "gates are not served any more");
            }
        }
    }
}

/// Checks that a gate can put the credential of `winner` into requests.
pub(super) fn fits(winner: &Winner) -> Result<(), Problem> {
    let refused = |message: String| Problem::new(Reason::PolicyBlocked, message);
    if winner.backend != Backend::Anthropic {
        let message = format!("requests to {} do not go through a gate yet", winner.backend.name());
        return Err(refused(message).hint("run the command without --gate"));
    }
    let own = match &winner.bound.material {
        Material::OwnVariable(name) => Some(*name),
        Material::Fixed(_) | Material::Provided(_) => winner.extras.own_headers,
    };
    match own {
        Some(name) => {
            let message =
                format!("{name} is set in the session, so the command would hold the secret itself");
            let hint = format!(
                "keep the key as an account and name that with {ACCOUNT}, or configure apiKeyHelper; headers can stand in the env block of your settings"
            );
            Err(refused(message).hint(hint).remedy(Remedy::unset(&[name])))
        }
        None => Ok(()),
    }
}

/// Random bytes in hexadecimal digits.
fn random(bytes: usize) -> Result<String, Problem> {
    let mut buffer = vec![0; bytes];
    let refused =
        |error| Problem::new(Reason::SourceUnavailable, format!("the system has no randomness: {error}"));
    getrandom::fill(&mut buffer).map_err(refused)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}
