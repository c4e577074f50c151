//! `ControlService`.

use super::{Context, fail, malformed, trust::by_an_agent};
use crate::{audit::Line, consent::Channel, peer};
use claviger::{
    audit::AuditEvent,
    proto::v1::{self, control_service_server::ControlService},
    reason::{Problem, Reason},
};
use claviger_child::Choice;
use tonic::{Request, Response, Status};

/// Longest log filter, in bytes.
const MAX_FILTER: usize = 1024;

#[tonic::async_trait]
impl ControlService for Context {
    async fn stop(&self, request: Request<v1::StopRequest>) -> Result<Response<v1::StopResponse>, Status> {
        let peer = peer::of(&request);
        tracing::info!(pid = peer.pid, "asked to stop");
        self.audit.note(Line::of(AuditEvent::Daemon, "asked-to-stop").by(&peer));
        self.stop.notify_one();
        Ok(Response::new(v1::StopResponse { pid: std::process::id() }))
    }

    async fn restart(
        &self,
        request: Request<v1::RestartRequest>,
    ) -> Result<Response<v1::RestartResponse>, Status> {
        let peer = peer::of(&request);
        tracing::info!(pid = peer.pid, "asked for a handover to another program");
        self.refuse_commands(AuditEvent::Daemon, &peer)?;
        if request.get_ref().new_cookie {
            let replaced = self.cookie.replace();
            self.audit.note(Line::ended(AuditEvent::Cookie, "replaced", &replaced).by(&peer));
            replaced.map_err(fail)?;
            self.tell(&peer, "the cookie was replaced");
        }
        let told = self.deeds.tell(&self.broker, Some(&peer), "another program takes over from the daemon");
        let begun = self.handover.begin(&self.broker, || self.is_signing_in(), told).await;
        let begun = begun.map_err(Problem::from);
        self.audit.note(Line::ended(AuditEvent::Daemon, "asked-to-restart", &begun).by(&peer));
        begun.map_err(fail)?;
        Ok(Response::new(v1::RestartResponse { pid: std::process::id() }))
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelRequest>,
    ) -> Result<Response<v1::CancelResponse>, Status> {
        let peer = peer::of(&request);
        let cancelled = self.broker.auth_refreshes.cancel(&request.into_inner().id);
        tracing::info!(pid = peer.pid, cancelled, "asked to cancel");
        self.audit.note(Line::of(AuditEvent::Cancel, "cancelled").by(&peer).count(cancelled.into(), None));
        Ok(Response::new(v1::CancelResponse { cancelled }))
    }

    async fn wait_for_question(
        &self,
        request: Request<v1::WaitForQuestionRequest>,
    ) -> Result<Response<v1::WaitForQuestionResponse>, Status> {
        let peer = peer::of(&request);
        let questions = self.questions(&peer, request.into_inner()).await?;
        Ok(Response::new(v1::WaitForQuestionResponse { questions }))
    }

    async fn answer_question(
        &self,
        request: Request<v1::AnswerQuestionRequest>,
    ) -> Result<Response<v1::AnswerQuestionResponse>, Status> {
        let peer = peer::of(&request);
        let v1::AnswerQuestionRequest { id, allow, agent } = request.into_inner();
        // It may be the same command that wants to borrow.
        self.refuse_commands(AuditEvent::Confirm, &peer)?;
        if allow && agent && !self.broker.limits().agents_may_decide {
            let problem = by_an_agent("whether something is lent");
            self.audit.note(Line::of(AuditEvent::Confirm, problem.reason.as_str()).by(&peer));
            return Err(fail(problem));
        }
        let choice = if allow { Choice::Allow } else { Choice::Deny };
        let id = id.parse().map_err(|_| malformed("that is not the id of a question"))?;
        // The task of a question records its result.
        if allow && self.consents.denied().iter().any(|denial| denial.id == id) {
            self.audit.note(Line::of(AuditEvent::Confirm, "denial-forgotten").by(&peer));
        }
        let counts = self.consents.answer(id, choice, Channel::Terminal(peer.pid));
        Ok(Response::new(v1::AnswerQuestionResponse { counts }))
    }

    async fn lock(&self, request: Request<v1::LockRequest>) -> Result<Response<v1::LockResponse>, Status> {
        let peer = peer::of(&request);
        tracing::info!(pid = peer.pid, "asked to lock");
        let locked = self.broker.lock_up();
        self.audit.note(Line::ended(AuditEvent::Lock, "locked", &locked).by(&peer));
        let dropped = locked.map_err(fail)?;
        Ok(Response::new(v1::LockResponse { dropped: u32::try_from(dropped).unwrap_or(u32::MAX) }))
    }

    async fn unlock(
        &self,
        request: Request<v1::UnlockRequest>,
    ) -> Result<Response<v1::UnlockResponse>, Status> {
        let peer = peer::of(&request);
        tracing::info!(pid = peer.pid, "asked to unlock");
        // It may have been started before the daemon was locked.
        self.refuse_commands(AuditEvent::Unlock, &peer)?;
        let unlocked = self.broker.unlock();
        self.audit.note(Line::ended(AuditEvent::Unlock, "unlocked", &unlocked).by(&peer));
        let was_locked = unlocked.map_err(fail)?;
        drop(self.finish_logouts());
        if was_locked {
            self.tell(&peer, "unlocked: credentials are lent again");
        }
        Ok(Response::new(v1::UnlockResponse { was_locked }))
    }

    async fn set_log_level(
        &self,
        request: Request<v1::SetLogLevelRequest>,
    ) -> Result<Response<v1::SetLogLevelResponse>, Status> {
        let peer = peer::of(&request);
        let filter = request.into_inner().filter;
        // It is logged, and a log has one line per event.
        if filter.len() > MAX_FILTER || filter.chars().any(char::is_control) {
            return Err(malformed("that is not a log filter: it is too long or has a control character"));
        }
        self.logs.set(&filter).map_err(|why| {
            let problem = Problem::new(Reason::MalformedRequest, format!("that is not a log filter: {why}"));
            fail(problem.hint("write for example info, debug or clavigerd=trace"))
        })?;
        tracing::info!(%filter, "log level changed");
        self.audit.note(Line::of(AuditEvent::LogLevel, "changed").by(&peer).about(filter));
        Ok(Response::new(v1::SetLogLevelResponse {}))
    }

    async fn reload(
        &self,
        request: Request<v1::ReloadRequest>,
    ) -> Result<Response<v1::ReloadResponse>, Status> {
        tracing::info!(pid = crate::peer::of(&request).pid, "asked to reload");
        let changed = self.service.reload().await.map_err(fail)?;
        Ok(Response::new(v1::ReloadResponse { changed }))
    }
}
