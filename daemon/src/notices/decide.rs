//! Decides which desktop notifications to show, and when. Pure.

use crate::key::SourceKey;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

/// Shortest time between two notifications about the same subject.
const AGAIN: Duration = Duration::from_secs(10 * 60);
/// Span of the limit on notifications.
const HOUR: Duration = Duration::from_secs(3600);
/// Most subjects that are remembered.
const MOST: usize = 256;

/// Subject of a notification. Sessions with the same need share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// One login of an account.
    Account {
        /// Its name.
        name: String,
        /// Identity of the login.
        login: String,
    },
    /// A source, and where it is configured.
    Source(&'static str, String),
    /// A run of a command that signs in.
    Run(SourceKey),
    /// The keyring.
    Keyring,
}

/// A need for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) subject: Subject,
    /// Its text.
    pub(super) text: String,
    /// Whether a terminal shows it.
    pub(super) is_seen: bool,
}

/// The current state.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) needs: Vec<Need>,
    /// Subjects that work.
    pub(super) fine: BTreeSet<Subject>,
    /// Name and login of every account.
    pub(super) accounts: BTreeSet<(String, String)>,
}

/// Actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Show a notification.
    Show(Need),
    /// Close the one with this number.
    Close(u32),
}

/// Notifications so far.
#[derive(Debug, Default)]
pub(super) struct History {
    told: BTreeMap<Subject, Told>,
    times: Vec<SystemTime>,
}

#[derive(Debug)]
struct Told {
    at: SystemTime,
    /// Number from the desktop; `None` if it returned none.
    number: Option<u32>,
    /// It is not resolved yet.
    is_open: bool,
}

impl History {
    /// Actions now, and the latest time of the next look. At most `most` notifications per hour are shown; 0: none.
    #[must_use]
    pub(super) fn decide(
        &mut self,
        view: &View,
        now: SystemTime,
        most: usize,
    ) -> (Vec<Action>, Option<Duration>) {
        let (mut steps, mut later) = (self.close(view), Vec::new());
        self.times.retain(|at| is_within(*at, now, HOUR).is_some());
        let seen: BTreeSet<&Subject> =
            view.needs.iter().filter(|need| need.is_seen).map(|need| &need.subject).collect();
        let mut asked = BTreeSet::new();
        for need in view.needs.iter().filter(|need| !seen.contains(&need.subject)) {
            if !asked.insert(&need.subject) {
                continue;
            }
            let told = self.told.get(&need.subject);
            if most == 0 || told.is_some_and(|told| told.is_open) {
                continue;
            }
            let too_soon = told.and_then(|told| is_within(told.at, now, AGAIN));
            let too_many = self.times.len() >= most;
            let oldest = self.times.first().filter(|_| too_many).and_then(|at| is_within(*at, now, HOUR));
            match too_soon.max(oldest) {
                Some(wait) => later.push(wait),
                None => {
                    self.times.push(now);
                    self.open(need.subject.clone(), now);
                    steps.push(Action::Show(need.clone()));
                }
            }
        }
        (steps, later.into_iter().min())
    }

    /// Records the number from the desktop, or that it showed nothing: then it is tried again after a while.
    pub(super) fn shown(&mut self, subject: &Subject, number: Option<u32>) {
        if let Some(told) = self.told.get_mut(subject) {
            told.number = number;
            told.is_open = number.is_some();
        }
    }

    fn open(&mut self, subject: Subject, now: SystemTime) {
        while self.told.len() >= MOST {
            let Some(oldest) = self.told.iter().min_by_key(|(_, told)| told.at).map(|(key, _)| key.clone())
            else {
                break;
            };
            self.told.remove(&oldest);
        }
        self.told.insert(subject, Told { at: now, number: None, is_open: true });
    }

    fn close(&mut self, view: &View) -> Vec<Action> {
        let mut steps = Vec::new();
        let open = self.told.iter_mut().filter(|(_, told)| told.is_open);
        for (_, told) in open.filter(|(subject, _)| is_resolved(subject, view)) {
            told.is_open = false;
            steps.extend(told.number.take().map(Action::Close));
        }
        steps
    }
}

/// A need is not resolved just because no session asks any more, but a finished run is finished.
fn is_resolved(subject: &Subject, view: &View) -> bool {
    let is_gone = match subject {
        Subject::Account { name, login } => !view.accounts.contains(&(name.clone(), login.clone())),
        Subject::Run(_) => !view.needs.iter().any(|need| need.subject == *subject),
        Subject::Source(..) | Subject::Keyring => false,
    };
    is_gone || view.fine.contains(subject)
}

/// Remainder of `span` since `start`; `None` if it is over, or the clock was set back.
fn is_within(start: SystemTime, now: SystemTime, span: Duration) -> Option<Duration> {
    span.checked_sub(now.duration_since(start).ok()?).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::{AGAIN, Action, HOUR, History, Need, Subject, View};
    use crate::key::SourceKey;
    use std::time::{Duration, SystemTime};

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn account(name: &str) -> Subject {
        Subject::Account { name: name.into(), login: "1".into() }
    }

    fn need(subject: Subject) -> Need {
        Need { subject, text: "x".into(), is_seen: false }
    }

    fn view(needs: Vec<Need>) -> View {
        let accounts = (0..20).map(|number| (number.to_string(), "1".to_owned())).collect();
        View { needs, accounts, ..View::default() }
    }

    /// Notifications shown and closed; each shown one gets a number.
    fn step(history: &mut History, view: &View, after: Duration) -> (usize, usize) {
        let (steps, _) = history.decide(view, START + after, 6);
        let mut counts = (0, 0);
        for (step, number) in steps.iter().zip(1..) {
            match step {
                Action::Show(need) => {
                    history.shown(&need.subject, Some(number));
                    counts.0 += 1;
                }
                Action::Close(_) => counts.1 += 1,
            }
        }
        counts
    }

    #[test]
    fn one_for_all_who_need_the_same_and_never_again_before_it_is_resolved() {
        let mut history = History::default();
        let fifty = view(vec![need(account("1")); 50]);
        assert_eq!(step(&mut history, &fifty, Duration::ZERO), (1, 0));
        assert_eq!(step(&mut history, &fifty, 3 * HOUR), (0, 0));
        // No session asks any more: that resolves nothing.
        assert_eq!(step(&mut history, &view(vec![]), 3 * HOUR), (0, 0));
        assert_eq!(step(&mut history, &fifty, 4 * HOUR), (0, 0));
        let mut works = view(vec![]);
        works.fine.insert(account("1"));
        assert_eq!(step(&mut history, &works, 4 * HOUR), (0, 1));
        assert_eq!(step(&mut history, &works, 4 * HOUR), (0, 0), "closed once");
        assert_eq!(step(&mut history, &fifty, 5 * HOUR), (1, 0), "a new problem");
    }

    #[test]
    fn who_is_seen_is_not_told() {
        let mut history = History::default();
        let seen = Need { is_seen: true, ..need(account("1")) };
        // One of many is enough.
        assert_eq!(step(&mut history, &view(vec![need(account("1")), seen.clone()]), Duration::ZERO), (0, 0));
        let other = view(vec![seen, need(Subject::Keyring)]);
        assert_eq!(step(&mut history, &other, Duration::ZERO), (1, 0));
        // Once no terminal shows it any more, it is reported.
        assert_eq!(step(&mut history, &view(vec![need(account("1"))]), Duration::ZERO), (1, 0));
    }

    #[test]
    fn flapping_is_told_every_ten_minutes_at_most() {
        let mut history = History::default();
        let (broken, mut works) = (view(vec![need(Subject::Keyring)]), view(vec![]));
        works.fine.insert(Subject::Keyring);
        assert_eq!(step(&mut history, &broken, Duration::ZERO), (1, 0));
        assert_eq!(step(&mut history, &works, Duration::from_secs(1)), (0, 1));
        let (steps, later) = history.decide(&broken, START + Duration::from_secs(2), 6);
        assert_eq!((steps, later), (vec![], Some(AGAIN - Duration::from_secs(2))));
        assert_eq!(step(&mut history, &broken, AGAIN), (1, 0));
    }

    #[test]
    fn there_are_only_so_many_an_hour() {
        let mut history = History::default();
        let many = view((0..10).map(|number| need(account(&number.to_string()))).collect());
        let (steps, later) = history.decide(&many, START, 6);
        assert_eq!((steps.len(), later), (6, Some(HOUR)));
        for step in steps {
            if let Action::Show(need) = step {
                history.shown(&need.subject, Some(1));
            }
        }
        assert_eq!(step(&mut history, &many, HOUR - Duration::from_secs(1)), (0, 0));
        assert_eq!(step(&mut history, &many, HOUR), (4, 0));
        assert!(History::default().decide(&many, START, 0).0.is_empty());
    }

    #[test]
    fn what_the_desktop_did_not_show_is_tried_again_later() {
        let mut history = History::default();
        let broken = view(vec![need(account("1"))]);
        let (steps, _) = history.decide(&broken, START, 6);
        assert_eq!(steps.len(), 1);
        history.shown(&account("1"), None);
        assert_eq!(step(&mut history, &broken, AGAIN - Duration::from_secs(1)), (0, 0));
        assert_eq!(step(&mut history, &broken, AGAIN), (1, 0));
    }

    #[test]
    fn a_new_login_and_the_end_of_a_run_resolve() {
        let mut history = History::default();
        let run = Subject::Run(SourceKey::of("run", ["x"]));
        assert_eq!(step(&mut history, &view(vec![need(account("1")), need(run)]), Duration::ZERO), (2, 0));
        let mut after = view(vec![]);
        after.accounts = [("1".to_owned(), "2".to_owned())].into();
        assert_eq!(step(&mut history, &after, Duration::from_secs(1)), (0, 2));
    }
}
