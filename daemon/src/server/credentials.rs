//! `CredentialService`.

use super::{Context, convert, fail, malformed};
use crate::{
    audit::Line,
    broker::{
        hooks::Hook,
        loan::{Loan, Terms},
        news::{Event, Why},
        refresh::Reported,
        slot::Verdict,
    },
    key::SourceKey,
    peer,
};
use claviger::{
    proto::v1::{
        self, credential_service_server::CredentialService, issued, report_rejected_response::Outcome,
        watch_credential_response,
    },
    reason::Problem,
    session::SessionContext,
    wire,
};
use std::{pin::Pin, time::Duration};
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
            // The signs first: the conversion overflows on the smallest number there is.
            Some(wish) if wish.seconds < 0 || wish.nanos < 0 => return Err(malformed(BAD_VALIDITY)),
            Some(wish) => Some(Duration::try_from(wish).map_err(|_| malformed(BAD_VALIDITY))?),
        };
        let terms = Terms { min_validity, hook: message.hook.map(hook).transpose()? };
        let session = self.session_for(&peer, message.session)?;
        self.may_borrow(&peer)?;
        self.must_fit(&peer, &session).await?;
        let outcome = self.broker.get(&session, peer.asker(), &terms).await;
        let line = match &outcome {
            Ok(loan) => Line::loan("get", loan),
            Err(denied) => Line::denied("get", denied),
        };
        self.audit.note(line.by(&peer).session(&session));
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
        let session = self.session_for(&peer, request.into_inner().session)?;
        self.may_borrow(&peer)?;
        self.must_fit(&peer, &session).await?;
        self.audit.note(Line::of("watch", "followed").by(&peer).session(&session));
        let events = ReceiverStream::new(peer.followed(self.broker.watch(session.clone(), peer.asker())));
        let context = self.clone();
        // The last one is not an event: it says why the stream ends, if the daemon goes on as another program.
        let messages = events.map(Some).chain(tokio_stream::once(None)).filter_map(move |event| {
            let Some(event) = event else { return context.last_words() };
            if let Event::Issued(loan, _) = &*event {
                if let Some(problem) = peer.refuses(&session, &loan.winner) {
                    return Some(Err(fail(problem)));
                }
                peer.count();
                context.audit.note(Line::loan("watch", loan).by(&peer).session(&session));
            }
            Some(Ok(peer.sees(context.message(*event, &session))))
        });
        Ok(Response::new(Box::pin(messages)))
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
                "status must be 401 or 403: nothing else says that a credential was rejected",
            ));
        }
        let key = match message.key.as_str() {
            "" => None,
            text => {
                Some(SourceKey::parse(text).ok_or_else(|| malformed("key is not one that a lease carries"))?)
            }
        };
        let session = self.session_for(&peer, message.session)?;
        let reported = self.broker.report(&session, key, message.generation).await;
        let (ruled, reported) = match reported {
            Ok((winner, reported)) => (Some(winner), Ok(report(reported))),
            Err(problem) => (None, Err(problem)),
        };
        let decision = reported.as_ref().map_or("", |response| outcome(response.outcome()));
        let line = Line::ended("report", decision, &reported).by(&peer).session(&session);
        let line = ruled.iter().fold(line, |line, winner| line.rule(winner));
        self.audit.note(line.generation(message.generation));
        Ok(Response::new(reported.map_err(peer.told(&session))?))
    }
}

fn hook(message: v1::Hook) -> Result<Hook, Status> {
    if message.session.len() > MAX_HOOK_SESSION {
        return Err(malformed("the session of the hook is longer than 128 characters"));
    }
    Ok(Hook { session: Some(message.session).filter(|session| !session.is_empty()) })
}

fn report(reported: Reported) -> v1::ReportRejectedResponse {
    let (outcome, generation, retry_at) = match reported {
        Reported::NotCached => (Outcome::OwnVariable, 0, None),
        Reported::Judged(Verdict::Refresh, generation) => (Outcome::Refreshing, generation, None),
        Reported::Judged(Verdict::AlreadyReplaced, generation) => {
            (Outcome::AlreadyReplaced, generation, None)
        }
        Reported::Judged(Verdict::HeldBack(until), generation) => {
            (Outcome::HeldBack, generation, Some(wire::timestamp(until)))
        }
    };
    v1::ReportRejectedResponse { outcome: outcome.into(), generation, retry_at }
}

/// What became of a report, in the words of the audit log.
fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unspecified => "unknown",
        Outcome::Refreshing => "refreshing",
        Outcome::AlreadyReplaced => "already-replaced",
        Outcome::HeldBack => "held-back",
        Outcome::OwnVariable => "own-variable",
    }
}

impl Context {
    /// The lease of a loan, which claims to be valid no longer than `[daemon] max_lease` says.
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
                let reason = match why {
                    Why::Initial => issued::Reason::Initial,
                    Why::Refreshed => issued::Reason::Refreshed,
                    Why::SettingsChanged => issued::Reason::SettingsChanged,
                    Why::Rejected => issued::Reason::Rejected,
                };
                Message::Issued(v1::Issued { lease: Some(self.lease(&loan)), reason: reason.into() })
            }
            Event::Progress(source, progress) => Message::Progress(v1::Progress {
                source: source.to_owned(),
                line: progress.line.text.to_string(),
                attended: progress.line.attended,
                elapsed: Some(wire::duration(progress.elapsed)),
            }),
            Event::Problem(problem) => self.problem(&problem.for_session(&session.cwd.to_string_lossy())),
        };
        v1::WatchCredentialResponse { event: Some(event) }
    }

    /// A person who is needed is told of in another event than what may pass by itself.
    fn problem(&self, problem: &Problem) -> watch_credential_response::Event {
        use watch_credential_response::Event as Message;
        let message = wire::problem(problem, self.broker.host.clock.now());
        match problem.reason.needs_human() {
            true => Message::HumanNeeded(v1::HumanNeeded { problem: Some(message) }),
            false => Message::Problem(message),
        }
    }
}
