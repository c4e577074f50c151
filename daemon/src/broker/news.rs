//! Events for a watcher, without repetitions.

use super::{
    loan::{Loan, LoanMaterial},
    slot::Cause,
    talk::Progress,
};
use crate::{key::SourceKey, resolve::Winner, sources::Material};
use claviger::{credential::Why, reason::Problem};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use tokio::sync::mpsc;

/// An event for a watcher. Boxed in queues: an idle stream should not reserve memory for a backlog.
#[derive(Debug)]
pub enum Event {
    /// A credential, and why it is new.
    Issued(Loan, Why),
    /// A line of a running command.
    Progress(&'static str, Progress),
    /// A refresh failed, or there is no credential.
    Problem(Problem),
}

/// The last event of the stream.
#[derive(Default)]
pub(super) struct Shown {
    /// Source and endpoint, then key and generation, of the last credential.
    issued: Option<(u64, Option<(SourceKey, u64)>)>,
    /// Whether the session still has that credential.
    valid: bool,
    pub(super) problem: Option<Problem>,
}

impl Shown {
    pub(super) async fn news_of_loan(&mut self, loan: Loan, events: &mpsc::Sender<Box<Event>>) -> Option<()> {
        let cached = match &loan.material {
            LoanMaterial::Cached { key, issue, .. } => Some((*key, issue.generation)),
            _ => None,
        };
        let news = (fingerprint(&loan.winner), cached);
        if self.valid && self.issued == Some(news) {
            return Some(());
        }
        let why = match (self.issued, &loan.material) {
            (None, _) => Why::Initial,
            (Some((endpoint, Some((key, generation)))), LoanMaterial::Cached { key: now, issue, .. })
                if endpoint == news.0 && key == *now && generation != issue.generation =>
            {
                if issue.cause == Cause::Rejected { Why::Rejected } else { Why::Refreshed }
            }
            _ => Why::SettingsChanged,
        };
        (self.issued, self.valid) = (Some(news), true);
        events.send(Box::new(Event::Issued(loan, why))).await.ok()
    }

    /// Whether the last event is a credential of `winner` from the entry of `key`, in any generation.
    pub(super) fn has(&self, winner: &Winner, key: SourceKey) -> bool {
        let told = |(endpoint, cached): (u64, Option<(SourceKey, u64)>)| {
            endpoint == fingerprint(winner) && cached.is_some_and(|(told, _)| told == key)
        };
        self.valid && self.issued.is_some_and(told)
    }

    /// There is no credential any more.
    pub(super) async fn news_of(
        &mut self,
        problem: Problem,
        events: &mpsc::Sender<Box<Event>>,
    ) -> Option<()> {
        self.valid = false;
        self.tell(problem, events).await
    }

    /// Reports a problem once; the time until the next attempt makes no difference.
    pub(super) async fn tell(&mut self, problem: Problem, events: &mpsc::Sender<Box<Event>>) -> Option<()> {
        let same =
            |other: &Problem| other.to_string() == problem.to_string() && other.reason == problem.reason;
        if self.problem.as_ref().is_some_and(same) {
            return Some(());
        }
        self.problem = Some(problem.clone());
        events.send(Box::new(Event::Problem(problem))).await.ok()
    }
}

/// Everything about a loan but the cached secret.
fn fingerprint(winner: &Winner) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Winner { source, bound, endpoint, extras, .. } = winner;
    (source, bound.scheme, &endpoint.base_url, extras.own_headers, extras.timeout).hash(&mut hasher);
    for (name, value) in &extras.headers {
        (name, value.expose()).hash(&mut hasher);
    }
    match &bound.material {
        Material::OwnVariable(name) => name.hash(&mut hasher),
        Material::Fixed(secret) => secret.expose().hash(&mut hasher),
        Material::Provided(_) => {}
    }
    hasher.finish()
}
