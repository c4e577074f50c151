//! `CredentialService`.

use super::{Context, convert, fail, malformed, of_session};
use crate::{
    audit::Line,
    broker::{
        hooks::HookCall,
        loan::{Consent, Denied, Loan, Terms},
        news::Event,
        refresh::Reported,
        slot::Verdict,
    },
    key::SourceKey,
    peer::{self, Peer},
};
use claviger::{
    audit::AuditEvent,
    proto::v1::{
        self, credential_service_server::CredentialService, report_rejected_response::Outcome,
        watch_credential_response,
    },
    reason::Problem,
    session::SessionContext,
    wire,
};
use std::{pin::Pin, sync::Arc, time::Duration};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

/// Longest name of a tool's session.
const MAX_HOOK_SESSION: usize = 128;
const BAD_VALIDITY: &str = "min_validity is negative or out of range";

#[tonic::async_trait]
impl CredentialService for Context {
    async fn get_credential(
        &self,
        request: Request<v1::GetCredentialRequest>,
    ) -> Result<Response<v1::GetCredentialResponse>, Status> {
        let peer = peer::of(&request);
        let message = request.into_inner();
        let min_validity = match message.min_validity {
            None => None,
            // Checks the signs first: the conversion overflows on the smallest number.
            Some(wish) if wish.seconds < 0 || wish.nanos < 0 => return Err(malformed(BAD_VALIDITY)),
            Some(wish) => Some(Duration::try_from(wish).map_err(|_| malformed(BAD_VALIDITY))?),
        };
        let hook = message.hook.map(hook).transpose()?;
        let is_hook = hook.is_some();
        let terms = Terms { min_validity, hook, caller: peer.caller.clone(), ..Terms::default() };
        let session = self.session_for(&peer, message.session)?;
        self.may_borrow(&peer)?;
        self.must_fit(&peer, &session).await?;
        let outcome = self.lend(&peer, &session, terms).await;
        let line = match &outcome {
            Ok(loan) => Line::loan(AuditEvent::Get, loan),
            Err(denied) => Line::denied(AuditEvent::Get, denied),
        };
        self.audit.note(line.by(&peer).session(&session));
        if is_hook && let Err(denied) = &outcome {
            self.tell_refused(&denied.problem);
        }
        let loan = outcome.map_err(|denied| peer.told(&session)(denied.problem))?;
        peer.count();
        let lease = Some(peer.sees(self.lease(&loan)));
        Ok(Response::new(v1::GetCredentialResponse { lease }))
    }

    type WatchCredentialStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchCredentialResponse, Status>> + Send>>;

    async fn watch_credential(
        &self,
        request: Request<v1::WatchCredentialRequest>,
    ) -> Result<Response<Self::WatchCredentialStream>, Status> {
        let peer = peer::of(&request);
        let v1::WatchCredentialRequest { session, onlooker, beside } = request.into_inner();
        let session = self.session_for(&peer, session)?;
        self.may_borrow(&peer)?;
        self.must_fit(&peer, &session).await?;
        if !beside {
            self.audit.note(Line::of(AuditEvent::Watch, "followed").by(&peer).session(&session));
        }
        let onlooker = onlooker || beside;
        let consent = if onlooker { Consent::Looking } else { Consent::Later };
        let terms = Terms { consent, caller: peer.caller.clone(), ..Terms::default() };
        let events = self.broker.watch(session.clone(), peer.asker(), terms);
        let events = ReceiverStream::new(peer.followed(events));
        let follower = Arc::new(Follower { context: self.clone(), peer, session, onlooker, beside });
        // The last message is not an event: it is the reason for the end, if another program takes over.
        let messages = events.map(Some).chain(tokio_stream::once(None)).then(move |event| {
            let follower = follower.clone();
            async move { follower.message(event).await }
        });
        Ok(Response::new(Box::pin(messages.filter_map(|message| message))))
    }

    async fn report_rejected(
        &self,
        request: Request<v1::ReportRejectedRequest>,
    ) -> Result<Response<v1::ReportRejectedResponse>, Status> {
        let peer = peer::of(&request);
        self.may_report(&peer)?;
        let message = request.into_inner();
        if !matches!(message.status, 401 | 403) {
            return Err(malformed(
                "status must be 401 or 403: other codes do not mean that a credential was rejected",
            ));
        }
        let key = match message.key.as_str() {
            "" => None,
            text => {
                Some(SourceKey::parse(text).ok_or_else(|| malformed("key is not one that a lease carries"))?)
            }
        };
        let session = self.session_for(&peer, message.session)?;
        let reported = self.broker.report(&session, key, (message.generation, message.had_worked)).await;
        let (ruled, reported) = match reported {
            Ok((winner, reported)) => (Some(winner), Ok(self.report(&session, reported))),
            Err(problem) => (None, Err(problem)),
        };
        let decision = reported.as_ref().map_or("", |response| outcome(response.outcome()));
        let line = Line::ended(AuditEvent::Report, decision, &reported).by(&peer).session(&session);
        let line = ruled.iter().fold(line, |line, winner| line.rule(winner));
        self.audit.note(line.generation(message.generation));
        Ok(Response::new(peer.sees(reported.map_err(peer.told(&session))?)))
    }
}

/// A follower of a credential.
struct Follower {
    context: Context,
    peer: Peer,
    session: Arc<SessionContext>,
    /// It uses none, and sees none that a person has to confirm.
    onlooker: bool,
    /// It is shown none at all: another call of the same caller is lent it.
    beside: bool,
}

/// Removes the secrets from a lease.
fn hide(lease: &mut v1::Lease) {
    lease.material = None;
    lease.headers.clear();
}

fn hook(message: v1::Hook) -> Result<HookCall, Status> {
    if message.session.len() > MAX_HOOK_SESSION {
        return Err(malformed("the session of the hook is longer than 128 characters"));
    }
    Ok(HookCall { session: Some(message.session).filter(|session| !session.is_empty()) })
}

impl Context {
    fn report(&self, session: &SessionContext, reported: Reported) -> v1::ReportRejectedResponse {
        let Reported::Judged(verdict, generation, failure) = reported else {
            return v1::ReportRejectedResponse { outcome: Outcome::OwnVariable.into(), ..Default::default() };
        };
        let (outcome, retry_at) = match verdict {
            Verdict::Refresh => (Outcome::Refreshing, None),
            Verdict::AlreadyReplaced => (Outcome::AlreadyReplaced, None),
            Verdict::HeldBack(until) => (Outcome::HeldBack, Some(wire::timestamp(until))),
        };
        let now = self.broker.host.clock.now();
        let problem = failure.map(|problem| wire::problem(&of_session(session, *problem), now));
        v1::ReportRejectedResponse { outcome: outcome.into(), generation, retry_at, problem }
    }
}

/// Result of a report, as a word of the audit log.
fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unspecified => "unknown",
        Outcome::Refreshing => "refreshing",
        Outcome::AlreadyReplaced => "already-replaced",
        Outcome::HeldBack => "held-back",
        Outcome::OwnVariable => "own-variable",
    }
}

impl Follower {
    /// The message for an event, if any.
    async fn message(
        &self,
        event: Option<Box<Event>>,
    ) -> Option<Result<v1::WatchCredentialResponse, Status>> {
        let Self { context, peer, session, onlooker, beside } = self;
        let Some(mut event) = event else { return context.last_words() };
        let mut is_hidden = false;
        if let Event::Issued(loan, _) = &*event {
            if let Some(problem) = context.refuses(peer, session, &loan.winner) {
                return Some(Err(fail(problem)));
            }
            is_hidden = *beside || (*onlooker && Context::is_confirmed(peer, &loan.winner));
            // Boxed: a stream should not reserve memory for a question.
            match Box::pin(self.lets_go(loan)).await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(problem) => {
                    let denied = Denied::of(&loan.winner)(problem);
                    context.audit.note(Line::denied(AuditEvent::Watch, &denied).by(peer).session(session));
                    *event = Event::Problem(denied.problem);
                }
            }
        }
        if let (Event::Issued(loan, _), false) = (&*event, is_hidden) {
            peer.count();
            context.audit.note(Line::loan(AuditEvent::Watch, loan).by(peer).session(session));
        }
        let mut message = peer.sees(context.message(*event, session));
        if let (Some(watch_credential_response::Event::Issued(issued)), true) =
            (&mut message.event, is_hidden)
        {
            issued.lease.iter_mut().for_each(hide);
        }
        Some(Ok(message))
    }

    async fn lets_go(&self, loan: &Loan) -> Result<bool, Problem> {
        match !self.onlooker && Context::is_confirmed(&self.peer, &loan.winner) {
            true => self.context.lets_go(&self.peer, &self.session, loan).await,
            false => Ok(true),
        }
    }
}

impl Context {
    /// The lease of a loan; its claimed validity is limited by `[daemon] max_lease`.
    fn lease(&self, loan: &Loan) -> v1::Lease {
        let mut lease = convert::lease(loan);
        if let Some(most) = self.broker.limits().max_lease {
            let latest = wire::timestamp(self.broker.host.clock.now() + most);
            let sooner =
                |at: &prost_types::Timestamp| (at.seconds, at.nanos) < (latest.seconds, latest.nanos);
            lease.expires_at = Some(lease.expires_at.filter(sooner).unwrap_or(latest));
        }
        lease
    }

    fn message(&self, event: Event, session: &SessionContext) -> v1::WatchCredentialResponse {
        use watch_credential_response::Event as Message;
        let event = match event {
            Event::Issued(loan, why) => {
                let reason = why.to_proto().into();
                Message::Issued(v1::Issued { lease: Some(self.lease(&loan)), reason })
            }
            Event::Progress(source, progress) => Message::Progress(v1::Progress {
                source: source.to_owned(),
                line: progress.line.text.to_string(),
                attended: progress.line.attended,
                elapsed: Some(wire::duration(progress.elapsed)),
            }),
            Event::Problem(problem) => self.problem(&of_session(session, problem)),
        };
        v1::WatchCredentialResponse { event: Some(event) }
    }

    /// The need for a person has its own event, separate from temporary problems.
    fn problem(&self, problem: &Problem) -> watch_credential_response::Event {
        use watch_credential_response::Event as Message;
        let message = wire::problem(problem, self.broker.host.clock.now());
        match problem.reason.needs_human() {
            true => Message::HumanNeeded(v1::HumanNeeded { problem: Some(message) }),
            false => Message::Problem(message),
        }
    }
}
