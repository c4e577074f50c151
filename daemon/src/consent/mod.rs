//! A person's confirmation of loans: one question for all concurrent requests of the same kind, and remembered answers.
//!
//! `wish` describes a request and words its question; `table` decides without effects. This module waits for answers.
//! It does not know how a person is asked, on the desktop or in a terminal.

mod table;
mod wish;

pub use table::{Answered, Channel, Denial, Question, Stage};
pub use wish::{Subject, Wish, wanted};

use crate::live::lock;
use claviger_child::Choice;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use table::{Table, Verdict};
use tokio::{sync::watch, time::Instant};

/// All questions, open and answered.
#[derive(Debug, Default)]
pub struct Consents {
    table: Mutex<Table>,
    changes: watch::Sender<()>,
}

/// Decision about a wish.
#[derive(Debug)]
pub enum Entered {
    /// It is already allowed.
    Allowed,
    /// It was denied, and is not asked again for this long.
    Denied(Duration),
    /// There are too many open questions.
    Full,
    /// A person is asked.
    Asked(Waiting),
}

/// A waiter for an answer; the question is withdrawn when the last waiter is dropped.
#[derive(Debug)]
pub struct Waiting {
    consents: Arc<Consents>,
    /// The question.
    pub id: u64,
    /// Whether it is new, and must be put to a person.
    pub is_new: bool,
    number: u64,
    answer: watch::Receiver<Option<Answered>>,
}

// === impl Consents ===

impl Consents {
    /// Decides about `wish`, or waits for a person, who is asked at `stage` first.
    pub fn enter(self: &Arc<Self>, wish: Wish, stage: Stage) -> Entered {
        let step = lock(&self.table).enter(wish, stage, Instant::now());
        match step {
            Verdict::Allowed => Entered::Allowed,
            Verdict::Denied(left) => Entered::Denied(left),
            Verdict::Full => Entered::Full,
            Verdict::Asked { id, number, is_new, answer } => {
                self.changes.send_replace(());
                Entered::Asked(Waiting { consents: self.clone(), id, is_new, number, answer })
            }
        }
    }

    /// Answers a question. False if it is gone or already answered: the first answer counts. Allowing a denied one has
    /// it asked again.
    pub fn answer(&self, id: u64, choice: Choice, place: Channel) -> bool {
        self.settle(id, Answered::Said(choice, place))
    }

    /// Ends a question without an answer.
    pub fn give_up(&self, id: u64) {
        self.settle(id, Answered::Nothing);
    }

    fn settle(&self, id: u64, answered: Answered) -> bool {
        let counts = lock(&self.table).settle(id, answered, Instant::now());
        self.changes.send_replace(());
        counts
    }

    /// The desktop has not answered: a terminal may ask.
    pub fn go_to_terminal(&self, id: u64) {
        lock(&self.table).go_to_terminal(id);
        self.changes.send_replace(());
    }

    /// Resolves when the question is closed.
    pub async fn over(&self, id: u64) {
        self.until(|table| (!table.is_open(id)).then_some(())).await;
    }

    /// The questions for which process `pid` itself waits, once there is one; those for a terminal only if it is to
    /// show them.
    pub async fn own(&self, pid: u32, on_terminal: bool) -> Vec<Question> {
        self.until(|table| Some(table.own(pid, on_terminal)).filter(|found| !found.is_empty())).await
    }

    /// All open questions.
    pub fn open(&self) -> Vec<Question> {
        lock(&self.table).open()
    }

    /// All open questions that are not among `seen`, once there is one.
    pub async fn next(&self, seen: &[u64]) -> Vec<Question> {
        let news = |table: &mut Table| {
            let mut open = table.open();
            open.retain(|question| !seen.contains(&question.id));
            Some(open).filter(|open| !open.is_empty())
        };
        self.until(news).await
    }

    /// Denied questions that are not asked again yet.
    pub fn denied(&self) -> Vec<Denial> {
        lock(&self.table).denied(Instant::now())
    }

    async fn until<T>(&self, mut look: impl FnMut(&mut Table) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(found) = look(&mut lock(&self.table)) {
                return found;
            }
            // Our own sender still exists.
            drop(changes.changed().await);
        }
    }
}

// === impl Waiting ===

impl Waiting {
    /// The result.
    pub async fn answer(&mut self) -> Answered {
        let answered = self.answer.wait_for(Option::is_some).await;
        answered.ok().and_then(|answered| *answered).unwrap_or(Answered::Nothing)
    }

    /// The result so far, for an observer, which does not keep the question open.
    pub fn outcome(&self) -> watch::Receiver<Option<Answered>> {
        self.answer.clone()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.consents.table).leave(self.id, self.number);
        self.consents.changes.send_replace(());
    }
}
