//! Asks a person before a credential is lent, if the configuration or a share requires that: on the desktop, else in a
//! terminal.
//!
//! [`crate::consent`] decides what is asked, and which callers an answer permits. A question is a task of the daemon;
//! it ends when it is answered, or when its last waiting caller has gone.

use super::{Context, fail};
use crate::{
    audit::Line,
    broker::loan::{Consent, Denied, Loan, Terms},
    consent::{self, Answered, Channel, Denial, Entered, Question, Stage, Subject, Waiting, Wish},
    life::{Phase, handing_over, shutting_down},
    notices,
    peer::Peer,
    resolve::Winner,
    settings::Confirm,
};
use claviger::{
    audit::AuditEvent,
    proto::v1,
    reason::{Problem, Reason},
    remedy::Remedy,
    session::SessionContext,
    wire,
};
use claviger_child::{Choice, PATIENCE};
use std::sync::Arc;
use tokio::time::sleep;
use tonic::Status;

/// Most known questions in a request.
const MOST_SEEN: usize = 1024;

impl Context {
    /// Lends to `peer`, after a person's confirmation if one is required.
    pub(super) async fn lend(
        &self,
        peer: &Peer,
        session: &Arc<SessionContext>,
        mut terms: Terms,
    ) -> Result<Loan, Denied> {
        loop {
            let outcome = self.broker.get(session, peer.asker(), &terms).await;
            let Some(winner) = outcome.as_ref().err().and_then(Denied::unconfirmed) else { return outcome };
            // While a person thinks, the settings may change: then the new credential needs a confirmation.
            let allowed = Box::pin(self.confirm(peer, session, winner)).await;
            let subject = allowed
                .inspect_err(|_| self.broker.count_denied(winner.source))
                .map_err(Denied::of(winner))?;
            terms.consent = Consent::Given(subject);
        }
    }

    /// Releases the secret of a stream, fetched earlier, to `peer`. False if the credential has changed meanwhile; its
    /// event follows.
    ///
    /// # Errors
    /// As [`Context::confirm`].
    pub(super) async fn lets_go(
        &self,
        peer: &Peer,
        session: &Arc<SessionContext>,
        loan: &Loan,
    ) -> Result<bool, Problem> {
        let allowed = self.confirm(peer, session, &loan.winner).await?;
        let winner = self.broker.winner(session).await?;
        Ok(Subject::of(&winner, &peer.caller) == allowed && winner.key() == loan.winner.key())
    }

    /// Whether a person must confirm loans to `peer` of the credential of `winner`.
    pub(super) fn is_confirmed(peer: &Peer, winner: &Winner) -> bool {
        consent::wanted(winner, &peer.caller) != Confirm::Never
    }

    /// Has a person confirm a loan to `peer` of the credential of `winner`. Returns the confirmation.
    ///
    /// # Errors
    /// `not-confirmed`, `limits` if too many questions are open; `handover` or `shutting-down` if the daemon ends.
    async fn confirm(
        &self,
        peer: &Peer,
        session: &Arc<SessionContext>,
        winner: &Arc<Winner>,
    ) -> Result<Subject, Problem> {
        let mut wish = Wish::of(peer, session, winner);
        let subject = wish.subject.clone();
        if self.gates.is_allowed(peer, session, &subject) {
            return Ok(subject);
        }
        if self.gates.is_program(peer) {
            // An answer for one gate does not count for others of the same process.
            wish.group = None;
        }
        let stage = match notices::has_desktop(&self.broker) {
            true => Stage::Desktop,
            false => Stage::Terminal,
        };
        let mut waiting = match self.consents.enter(wish, stage) {
            Entered::Allowed => return Ok(subject),
            Entered::Denied(left) => return Err(denied(&subject).retry_after(left)),
            Entered::Full => {
                return Err(Problem::new(Reason::Limits, "too many questions wait for a person's answer")
                    .remedy(Remedy::confirm()));
            }
            Entered::Asked(waiting) => waiting,
        };
        if waiting.is_new {
            tokio::spawn(self.clone().ask(peer.clone(), session.clone(), winner.clone(), &waiting));
        }
        let answered = tokio::select! {
            answered = waiting.answer() => answered,
            () = self.broker.life.stopping() => return Err(self.ending()),
        };
        match answered {
            Answered::Said(Choice::Allow, _) => {
                self.gates.allow(peer, session, &subject);
                Ok(subject)
            }
            Answered::Said(Choice::Deny, _) => Err(denied(&subject)),
            Answered::Nothing => Err(Problem::new(
                Reason::NotConfirmed,
                format!("no person has answered whether {} may be lent", subject.what()),
            )
            .hint("answer on the desktop, or in a terminal while it is asked")),
        }
    }

    fn ending(&self) -> Problem {
        match self.broker.life.phase() {
            Phase::HandingOver => handing_over(),
            Phase::Serving | Phase::Stopping => shutting_down(),
        }
    }

    /// Puts a question to a person: on the desktop, then in a terminal. The audit log records the result.
    fn ask(
        self,
        peer: Peer,
        session: Arc<SessionContext>,
        winner: Arc<Winner>,
        waiting: &Waiting,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (id, outcome) = (waiting.id, waiting.outcome());
        async move {
            tokio::select! {
                () = self.put(id) => self.consents.give_up(id),
                () = self.consents.over(id) => {}
                () = self.broker.life.stopping() => {}
            }
            let answered = *outcome.borrow();
            let (decision, place) = match answered {
                Some(Answered::Said(choice, place)) => (word(choice), told(place)),
                Some(Answered::Nothing) => ("unanswered", String::new()),
                None => ("withdrawn", String::new()),
            };
            tracing::info!(source = winner.source, decision, "a person was asked to confirm a loan");
            self.audit.note(
                Line::of(AuditEvent::Confirm, decision)
                    .by(&peer)
                    .session(&session)
                    .rule(&winner)
                    .about(place),
            );
        }
    }

    async fn put(&self, id: u64) {
        let Some(question) = self.consents.open().into_iter().find(|question| question.id == id) else {
            return;
        };
        if question.stage == Stage::Desktop {
            match notices::question(&self.broker, question.text).await {
                Ok(choice) => {
                    self.consents.answer(id, choice, Channel::Desktop);
                    return;
                }
                Err(problem) => tracing::info!(%problem, "a question goes to a terminal"),
            }
            self.consents.go_to_terminal(id);
        }
        sleep(PATIENCE).await;
    }

    /// The questions requested by `message`.
    pub(super) async fn questions(
        &self,
        peer: &Peer,
        message: v1::WaitForQuestionRequest,
    ) -> Result<Vec<v1::Question>, Status> {
        if message.seen.len() > MOST_SEEN {
            return Err(super::malformed("seen has too many entries"));
        }
        let seen: Vec<u64> = message.seen.iter().filter_map(|id| id.parse().ok()).collect();
        let waited = async {
            match (message.own, peer.pid) {
                (true, Some(pid)) => self.consents.own(pid, message.on_terminal).await,
                (true, None) => std::future::pending().await,
                (false, _) if message.wait => self.consents.next(&seen).await,
                (false, _) => {
                    let mut open = self.consents.open();
                    open.retain(|question| !seen.contains(&question.id));
                    open
                }
            }
        };
        let open = tokio::select! {
            open = waited => open,
            () = self.broker.life.stopping() => return Err(fail(self.ending())),
        };
        let denied = match message.own || message.wait {
            true => Vec::new(),
            false => self.consents.denied(),
        };
        let until = |denial: Denial| v1::Question {
            id: denial.id.to_string(),
            text: denial.text,
            on_desktop: false,
            denied_until: Some(wire::timestamp(self.broker.host.clock.now() + denial.left)),
        };
        Ok(open.into_iter().map(of_question).chain(denied.into_iter().map(until)).collect())
    }
}

fn of_question(question: Question) -> v1::Question {
    v1::Question {
        id: question.id.to_string(),
        text: question.text,
        on_desktop: question.stage == Stage::Desktop,
        denied_until: None,
    }
}

fn word(choice: Choice) -> &'static str {
    match choice {
        Choice::Allow => "allowed",
        Choice::Deny => "denied",
    }
}

fn told(place: Channel) -> String {
    match place {
        Channel::Desktop => "desktop".to_owned(),
        Channel::Terminal(None) => "terminal".to_owned(),
        Channel::Terminal(Some(pid)) => format!("terminal, process {pid}"),
    }
}

fn denied(subject: &Subject) -> Problem {
    Problem::new(Reason::NotConfirmed, format!("a person has denied lending {}", subject.what()))
        .hint("the denial holds for five minutes; to be asked again earlier")
}
