//! `ShareService`, and the service on the socket of a share.

use super::{Context, MAX_REQUEST, bounded, gates, session, within};
use crate::{
    audit::Line,
    caller::Caller,
    peer::{self, Incoming, Sockets},
    shares::{Share, Wanted},
    sources::Material,
};
use claviger::{
    audit::AuditEvent,
    proto::v1::{
        self, credential_service_server::CredentialServiceServer, share_service_server::ShareService,
    },
    reason::{Problem, Reason},
    session::{ACCOUNT, SessionContext},
    wire,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ShareService for Context {
    async fn create_share(
        &self,
        request: Request<v1::CreateShareRequest>,
    ) -> Result<Response<v1::CreateShareResponse>, Status> {
        let peer = peer::of(&request);
        let message = request.into_inner();
        let session = session(message.session.clone())?;
        let created = self.create(message, session.clone()).await;
        self.audit.note(Line::ended(AuditEvent::Share, "made", &created).by(&peer).session(&session));
        let (share, gate) = created.map_err(within(&session))?;
        let what = share.wanted.account.as_deref().unwrap_or(&share.wanted.source);
        self.tell(&peer, &format!("{what} is shared as {}", share.wanted.name));
        Ok(Response::new(v1::CreateShareResponse { share: Some(shown(&share)), gate }))
    }

    async fn list_shares(
        &self,
        _: Request<v1::ListSharesRequest>,
    ) -> Result<Response<v1::ListSharesResponse>, Status> {
        let shares = self.shares.list().iter().map(|share| shown(share)).collect();
        Ok(Response::new(v1::ListSharesResponse { shares }))
    }

    async fn stop_share(
        &self,
        request: Request<v1::StopShareRequest>,
    ) -> Result<Response<v1::StopShareResponse>, Status> {
        let peer = peer::of(&request);
        let v1::StopShareRequest { name } = request.into_inner();
        let stopped = self.shares.stop(&name);
        if stopped {
            self.gates.close_of(&name);
            self.audit.note(Line::of(AuditEvent::Share, "stopped").by(&peer).about(name));
        }
        Ok(Response::new(v1::StopShareResponse { stopped }))
    }
}

impl Context {
    async fn create(
        &self,
        message: v1::CreateShareRequest,
        session: Arc<SessionContext>,
    ) -> Result<(Arc<Share>, Option<v1::OpenGateResponse>), Problem> {
        let ttl = message.ttl.map(Duration::try_from).transpose();
        let ttl = ttl.ok().filter(|ttl| ttl.is_none_or(|ttl| !ttl.is_zero()));
        let ttl = ttl
            .ok_or_else(|| Problem::new(Reason::MalformedRequest, "ttl is zero, negative or out of range"))?;
        let winner = self.broker.winner(&session).await?;
        if let Material::OwnVariable(name) = winner.bound.material {
            let message = format!("a share cannot lend {name}: only the terminal that sets it has its value");
            return Err(Problem::new(Reason::PolicyBlocked, message).hint(format!(
                "unset it to share what comes after it, or save the key as an account and name that with \
                    {ACCOUNT}"
            )));
        }
        if message.gate {
            gates::fits(&winner)?;
        }
        let account = winner.provider().and_then(|provider| provider.account());
        let account_id = account.map(|account| account.id().to_owned());
        let account = account.map(|account| account.name.clone());
        if let Some(chosen) = session.chosen.get(ACCOUNT)
            && account.as_ref() != Some(chosen)
        {
            let message = format!("{} comes before the account {chosen} in this session", winner.source);
            return Err(Problem::new(Reason::PolicyBlocked, message)
                .hint("share what comes first, without naming an account, or make the share in a session without it")
                .at(winner.bound.at.as_ref()));
        }
        let mut lent =
            SessionContext { interactive: false, inside_flight: None, settled: true, ..(*session).clone() };
        // The current account may be another one tomorrow.
        lent.chosen.extend(account.iter().map(|name| (ACCOUNT.to_owned(), name.clone())));
        let wanted = Wanted {
            name: message.name,
            session: Arc::new(lent),
            source: winner.source.to_owned(),
            backend: winner.backend,
            account,
            account_id,
            confirm: message.confirm,
            ttl,
            parent: Some(message.parent).filter(|pid| *pid > 0),
            gate: message.gate,
        };
        let share = self.shares.create(wanted, self.broker.host.clock.now())?;
        self.lend_on(&share)?;
        let gate = match share.wanted.gate {
            true => Some(self.open_for(&share).await.inspect_err(|_| self.shares.forget(&share))?),
            false => None,
        };
        Ok((share, gate))
    }

    /// Serves the shares that the last program in this process had.
    pub fn lend_on_all(&self) {
        for share in self.shares.list() {
            if let Err(problem) = self.lend_on(&share) {
                tracing::error!(%problem, name = share.wanted.name, "a share was lost");
            }
        }
    }

    /// Serves a share until it ends, with credentials only.
    fn lend_on(&self, share: &Arc<Share>) -> Result<(), Problem> {
        let listener = share.accept().map_err(|error| {
            self.shares.forget(share);
            Problem::new(Reason::SourceUnavailable, format!("the share cannot be served: {error}"))
        })?;
        let (context, share) = (self.clone(), share.clone());
        tokio::spawn(async move {
            let caller = Caller::Share(share.clone());
            let (next, following) = mpsc::channel(1);
            let sockets = Sockets { now: listener, next: Some(following) };
            let incoming = Incoming::new(sockets, Arc::default(), caller, context.connections.clone());
            let credentials =
                CredentialServiceServer::new(context.clone()).max_decoding_message_size(MAX_REQUEST);
            let server = bounded::server(&context);
            let clock = context.broker.host.clock.clone();
            let ended = async {
                tokio::select! {
                    () = share.over(|| clock.now()) => context.forget(&share),
                    () = context.broker.life.stopping() => {}
                    never = share.stay(next) => match never {},
                }
            };
            if let Err(error) = server.serve_with_incoming_shutdown(credentials, incoming, ended).await {
                tracing::error!(%error, name = share.wanted.name, "the share is not served any more");
            }
        });
        Ok(())
    }

    fn forget(&self, share: &Share) {
        self.shares.forget(share);
        self.gates.close_of(&share.wanted.name);
        self.audit.note(Line::of(AuditEvent::Share, "ended").about(&share.wanted.name));
        tracing::info!(name = share.wanted.name, "the share has ended");
    }
}

fn shown(share: &Share) -> v1::Share {
    let Wanted { name, session, source, backend, account, confirm, parent, gate, .. } = &share.wanted;
    v1::Share {
        name: name.clone(),
        socket: share.offered().display().to_string(),
        source: source.clone(),
        backend: backend.to_proto().into(),
        account: account.clone().unwrap_or_default(),
        profile: share.profile().unwrap_or_default().to_owned(),
        directory: session.cwd.display().to_string(),
        created_at: Some(wire::timestamp(share.created_at)),
        ends_at: share.ends_at.map(wire::timestamp),
        parent: parent.unwrap_or_default(),
        lent: share.lent(),
        confirm: *confirm,
        gate: *gate,
    }
}
