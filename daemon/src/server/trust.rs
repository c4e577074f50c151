//! `TrustService`.

use super::{Context, convert, fail, malformed, session, within};
use crate::{
    audit::Line,
    peer,
    settings::{Decision, Item, Settings, Workspace},
    trust::{Change, Record, compare},
};
use claviger::{
    audit::AuditEvent,
    proto::v1::{self, trust_item, trust_service_server::TrustService},
    reason::{Problem, Reason},
    remedy::Remedy,
    session::SessionContext,
    wire,
};
use std::path::PathBuf;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TrustService for Context {
    async fn describe_workspace(
        &self,
        request: Request<v1::DescribeWorkspaceRequest>,
    ) -> Result<Response<v1::DescribeWorkspaceResponse>, Status> {
        let session = session(request.into_inner().session)?;
        let settings = self.broker.settings_of(&session).await.map_err(within(&session))?;
        Ok(Response::new(v1::DescribeWorkspaceResponse { workspace: Some(self.workspace(&settings)) }))
    }

    async fn decide_trust(
        &self,
        request: Request<v1::DecideTrustRequest>,
    ) -> Result<Response<v1::DecideTrustResponse>, Status> {
        let peer = peer::of(&request);
        let message = request.into_inner();
        let decision = match v1::TrustDecision::try_from(message.decision) {
            Ok(v1::TrustDecision::Trusted) => Decision::Trusted,
            Ok(v1::TrustDecision::Ignored) => Decision::Ignored,
            _ => return Err(malformed("decision must be trusted or ignored")),
        };
        let session = session(message.session)?;
        let by_command = session.inside_flight.is_some() || self.broker.host.command_of(peer.pid).is_some();
        let decided = match by_command {
            true => Err(Problem::new(
                Reason::PolicyBlocked,
                "a command that claviger runs cannot decide about trust",
            )),
            false
                if message.agent
                    && decision == Decision::Trusted
                    && !self.broker.limits().agents_may_decide =>
            {
                Err(by_an_agent("that a workspace is trusted"))
            }
            false => self.decide(&session, &message.digest, decision).await,
        };
        let text = if decision == Decision::Trusted { "trusted" } else { "ignored" };
        let root = decided.as_ref().map_or_else(|_| "".into(), |root| root.to_string_lossy());
        self.audit
            .note(Line::ended(AuditEvent::Trust, text, &decided).by(&peer).session(&session).about(root));
        let root = decided.map_err(within(&session))?;
        self.tell(&peer, &format!("{} is now {text}", root.display()));
        let settings = self.broker.settings_of(&session).await.map_err(within(&session))?;
        Ok(Response::new(v1::DecideTrustResponse { workspace: Some(self.workspace(&settings)) }))
    }

    async fn list_trust(
        &self,
        _: Request<v1::ListTrustRequest>,
    ) -> Result<Response<v1::ListTrustResponse>, Status> {
        self.broker.agree().await.map_err(fail)?;
        // An empty list would mean that nothing was ever decided.
        if let Some(problem) = self.broker.resolver.trust.fault() {
            return Err(fail(problem));
        }
        let records = self.broker.resolver.trust.list().iter().map(record).collect();
        Ok(Response::new(v1::ListTrustResponse { records }))
    }

    async fn revoke_trust(
        &self,
        request: Request<v1::RevokeTrustRequest>,
    ) -> Result<Response<v1::RevokeTrustResponse>, Status> {
        let peer = peer::of(&request);
        let root = PathBuf::from(request.into_inner().root);
        claviger::session::check_path(&root).map_err(fail)?;
        // A workspace that does not exist any more can still be revoked, by its former path.
        let canonical = crate::host::system::canonical(&root).unwrap_or(root);
        let root = canonical.clone();
        let revoked = self.broker.resolver.trust.on_a_thread(move |trust| trust.revoke(&root)).await;
        let line = Line::ended(AuditEvent::Trust, "revoked", &revoked).by(&peer);
        let count = revoked.as_ref().map_or(0, |removed| u64::from(*removed));
        self.audit.note(line.about(canonical.to_string_lossy()).count(count, None));
        let removed = revoked.map_err(fail)?;
        tracing::info!(root = %canonical.display(), removed, "trust revoked");
        Ok(Response::new(v1::RevokeTrustResponse { removed }))
    }
}

/// An AI agent tries to decide `what`.
pub(super) fn by_an_agent(what: &str) -> Problem {
    Problem::new(Reason::PolicyBlocked, format!("an AI agent cannot decide {what}"))
        .hint("decide in a terminal of your own, or set agents_may_decide = true in [daemon] of ~/.config/claviger/config.toml")
}

impl Context {
    async fn decide(
        &self,
        session: &SessionContext,
        digest: &str,
        decision: Decision,
    ) -> Result<PathBuf, Problem> {
        let settings = self.broker.settings_of(session).await?;
        let Some(subject) = &settings.snapshot.subject else {
            return Err(Problem::new(
                Reason::MalformedRequest,
                "this workspace requests nothing: there is nothing to decide",
            ));
        };
        if subject.digest != digest {
            let message = "the workspace's settings changed after they were shown: nothing was decided";
            return Err(
                Problem::new(Reason::WorkspaceUntrusted, message).hint("review it again, then decide")
            );
        }
        if decision == Decision::Trusted
            && let Some(item) = subject.hidden()
        {
            return Err(unseen(item, &settings.snapshot.workspace));
        }
        let (subject, now) = (subject.clone(), self.broker.host.clock.now());
        let trust = &self.broker.resolver.trust;
        trust.on_a_thread(move |trust| trust.decide(&subject, decision, now)).await?;
        Ok(settings.snapshot.workspace.root.clone())
    }

    fn workspace(&self, settings: &Settings) -> v1::Workspace {
        let snapshot = &settings.snapshot;
        let root = &snapshot.workspace.root;
        let mut workspace = v1::Workspace {
            root: root.display().to_string(),
            decision: convert::decision(settings.decision).into(),
            ..Default::default()
        };
        if let Some(subject) = &snapshot.subject {
            workspace.digest.clone_from(&subject.digest);
            workspace.decided_at =
                self.broker.resolver.trust.record(subject).map(|record| wire::timestamp(record.decided_at));
            let previous = self
                .broker
                .resolver
                .trust
                .record(subject)
                .or_else(|| self.broker.resolver.trust.last_for_root(root));
            workspace.items = compare(subject, previous.as_ref()).into_iter().map(item).collect();
        }
        workspace
    }
}

/// An item that cannot be shown in full cannot be trusted. It can be ignored.
fn unseen(item: &Item, workspace: &Workspace) -> Problem {
    let message = format!("{} cannot be shown in full, so it cannot be trusted", item.name);
    Problem::new(Reason::SettingsInvalid, message)
        .hint("correct it, or ignore the workspace's files")
        .remedy(Remedy::claviger(&["trust", "ignore"]).within(&workspace.root.to_string_lossy()))
        .at(&item.at)
}

fn item((item, change, previous): (Item, Change, Option<String>)) -> v1::TrustItem {
    let gone = change == Change::Removed;
    let change = match change {
        Change::None => trust_item::Change::None,
        Change::Added => trust_item::Change::Added,
        Change::Modified => trust_item::Change::Modified,
        Change::Removed => trust_item::Change::Removed,
    };
    v1::TrustItem {
        name: item.name,
        value: item.value,
        command: item.command,
        location: (!gone).then(|| wire::location(&item.at)),
        change: change.into(),
        previous: previous.unwrap_or_default(),
    }
}

fn record(record: &Record) -> v1::TrustRecord {
    v1::TrustRecord {
        root: record.root.display().to_string(),
        decision: convert::decision(record.decision).into(),
        decided_at: Some(wire::timestamp(record.decided_at)),
        digest: record.digest.clone(),
        items: record.items.iter().map(|item| item.name.clone()).collect(),
    }
}
