//! Decides whether a wish is allowed, denied or asked about. Pure: the caller passes the time.

use super::wish::{Subject, Wish};
use crate::{host::process::Group, settings::Confirm};
use claviger_child::Choice;
use std::{collections::VecDeque, time::Duration};
use tokio::{sync::watch, time::Instant};

/// How long a denial holds.
const DENIED: Duration = Duration::from_secs(300);
/// Most open questions: each is a window on the desktop.
const MOST_OPEN: usize = 8;
/// Most sessions whose answer is remembered; the oldest is dropped first, and asked again.
const MOST_ALLOWED: usize = 256;
/// Most remembered denials.
const MOST_DENIED: usize = 64;

/// Where a question is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On the desktop.
    Desktop,
    /// In a terminal, or nowhere until there is one.
    Terminal,
}

/// Where it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// On the desktop.
    Desktop,
    /// In a terminal, by this process.
    Terminal(Option<u32>),
}

/// Result of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A person's answer.
    Said(Choice, Channel),
    /// It ended without an answer.
    Nothing,
}

/// A question for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Identity.
    pub id: u64,
    /// Its text.
    pub text: String,
    /// Where it is shown now.
    pub stage: Stage,
}

/// A denied question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Identity of the question.
    pub id: u64,
    /// Its text.
    pub text: String,
    /// How long it is not asked again.
    pub left: Duration,
}

/// What to do about a wish.
#[derive(Debug)]
pub(super) enum Verdict {
    Allowed,
    Denied(Duration),
    Full,
    Asked { id: u64, number: u64, is_new: bool, answer: watch::Receiver<Option<Answered>> },
}

/// An open question.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: u64,
    pub(super) stage: Stage,
    /// The first wish, which words the question.
    wish: Wish,
    waiting: Vec<Waiter>,
    /// The process that shows it in its terminal.
    shown_by: Option<u32>,
    answer: watch::Sender<Option<Answered>>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    pid: Option<u32>,
    group: Option<Group>,
    interactive: bool,
}

#[derive(Debug)]
struct Denied {
    id: u64,
    subject: Subject,
    text: String,
    at: Instant,
}

/// All questions and answers.
#[derive(Debug, Default)]
pub(super) struct Table {
    last: u64,
    open: Vec<Open>,
    denied: Vec<Denied>,
    /// Sessions with an allowed wish.
    allowed: VecDeque<(Subject, Group)>,
}

// === impl Open ===

impl Open {
    pub(super) fn text(&self) -> String {
        self.wish.text(self.waiting.len().saturating_sub(1))
    }

    /// Whether a wish is the same question: the same credential for the same programs. Another program must not be
    /// allowed by an answer that was not about it.
    fn is_about(&self, wish: &Wish) -> bool {
        (&self.wish.subject, &self.wish.programs) == (&wish.subject, &wish.programs)
    }

    /// The process whose terminal shows it: the first waiter, as long as it waits.
    fn shower(&mut self) -> Option<u32> {
        let can_show = |pid: u32| self.waiting.iter().any(|one| one.interactive && one.pid == Some(pid));
        if !self.shown_by.is_some_and(can_show) {
            self.shown_by = self.waiting.iter().find(|one| one.interactive).and_then(|one| one.pid);
        }
        self.shown_by
    }
}

impl From<&Open> for Question {
    fn from(open: &Open) -> Self {
        Self { id: open.id, text: open.text(), stage: open.stage }
    }
}

// === impl Table ===

impl Table {
    pub(super) fn enter(&mut self, wish: Wish, stage: Stage, now: Instant) -> Verdict {
        self.forget(now);
        let is_allowed =
            |group| self.allowed.iter().any(|(subject, known)| (subject, *known) == (&wish.subject, group));
        if wish.confirm == Confirm::Never
            || (wish.confirm == Confirm::NewSession && wish.group.is_some_and(is_allowed))
        {
            return Verdict::Allowed;
        }
        if let Some(denied) = self.denied.iter().find(|denied| denied.subject == wish.subject) {
            return Verdict::Denied(denied.at + DENIED - now);
        }
        let (number, known) = (self.number(), self.open.iter().position(|open| open.is_about(&wish)));
        let waiter = Waiter { number, pid: wish.pid, group: wish.group, interactive: wish.interactive };
        if let Some(open) = known.and_then(|known| self.open.get_mut(known)) {
            open.waiting.push(waiter);
            return Verdict::Asked { id: open.id, number, is_new: false, answer: open.answer.subscribe() };
        }
        if self.open.len() >= MOST_OPEN {
            return Verdict::Full;
        }
        let (id, (sender, answer)) = (self.number(), watch::channel(None));
        let waiting = vec![waiter];
        self.open.push(Open { id, stage, wish, waiting, shown_by: None, answer: sender });
        Verdict::Asked { id, number, is_new: true, answer }
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn forget(&mut self, now: Instant) {
        self.denied.retain(|denied| now < denied.at + DENIED);
    }

    /// A waiter left; with the last one, the question is withdrawn.
    pub(super) fn leave(&mut self, id: u64, number: u64) {
        for open in self.open.iter_mut().filter(|open| open.id == id) {
            open.waiting.retain(|one| one.number != number);
        }
        self.open.retain(|open| open.id != id || !open.waiting.is_empty());
    }

    /// Closes a question, and remembers its answer. False if it was closed before.
    pub(super) fn settle(&mut self, id: u64, answered: Answered, now: Instant) -> bool {
        self.forget(now);
        if matches!(answered, Answered::Said(Choice::Allow, _)) && self.denied.iter().any(|it| it.id == id) {
            self.denied.retain(|denied| denied.id != id);
            return true;
        }
        let Some(position) = self.open.iter().position(|open| open.id == id) else { return false };
        let open = self.open.remove(position);
        match answered {
            Answered::Said(Choice::Allow, _) if open.wish.confirm == Confirm::NewSession => {
                for group in open.waiting.iter().filter_map(|one| one.group) {
                    self.allowed.push_back((open.wish.subject.clone(), group));
                }
                while self.allowed.len() > MOST_ALLOWED {
                    self.allowed.pop_front();
                }
            }
            Answered::Said(Choice::Deny, _) => {
                if self.denied.len() >= MOST_DENIED {
                    self.denied.remove(0);
                }
                let (subject, text) = (open.wish.subject.clone(), open.text());
                self.denied.push(Denied { id, subject, text, at: now });
            }
            Answered::Said(Choice::Allow, _) | Answered::Nothing => {}
        }
        open.answer.send_replace(Some(answered));
        true
    }

    pub(super) fn go_to_terminal(&mut self, id: u64) {
        self.open.iter_mut().filter(|open| open.id == id).for_each(|open| open.stage = Stage::Terminal);
    }

    pub(super) fn is_open(&self, id: u64) -> bool {
        self.open.iter().any(|open| open.id == id)
    }

    pub(super) fn open(&self) -> Vec<Question> {
        self.open.iter().map(Question::from).collect()
    }

    /// The questions for which process `pid` itself waits; those for a terminal only if it is to show them.
    pub(super) fn own(&mut self, pid: u32, on_terminal: bool) -> Vec<Question> {
        let is_own = |open: &mut &mut Open| match (open.stage, on_terminal) {
            (Stage::Terminal, true) => open.shower() == Some(pid),
            (Stage::Desktop, true) => false,
            (_, false) => open.waiting.iter().any(|one| one.pid == Some(pid)),
        };
        self.open
            .iter_mut()
            .filter_map(|mut open| is_own(&mut open).then(|| Question::from(&*open)))
            .collect()
    }

    pub(super) fn denied(&mut self, now: Instant) -> Vec<Denial> {
        self.forget(now);
        let shown = |denied: &Denied| Denial {
            id: denied.id,
            text: denied.text.clone(),
            left: denied.at + DENIED - now,
        };
        self.denied.iter().map(shown).collect()
    }
}

#[cfg(test)]
mod tests;
