//! Questions, their recipients, and how long an answer holds.

use super::{Channel, DENIED, MOST_OPEN, Stage, Table, Verdict};
use crate::{
    consent::{Answered, Subject, Wish},
    host::process::Group,
    settings::Confirm,
};
use claviger_child::Choice;
use std::time::Duration;
use tokio::time::Instant;

const ALLOWED: Answered = Answered::Said(Choice::Allow, Channel::Desktop);
const REFUSED: Answered = Answered::Said(Choice::Deny, Channel::Desktop);

/// A wish of process `pid` in the terminal `group`: the key of `account`.
fn wish(confirm: Confirm, account: &str, (pid, group): (u32, u32)) -> Wish {
    Wish {
        subject: Subject {
            source: "saved-api-key",
            account: Some(account.to_owned()),
            at: None,
            via: String::new(),
        },
        confirm,
        pid: Some(pid),
        group: Some(Group(group, 1)),
        interactive: true,
        programs: ("/bin/tool".to_owned(), "/bin/sh".to_owned()),
        directory: None,
    }
}

/// The question of `step`, and the number of its waiters.
#[track_caller]
fn asked(step: Verdict) -> (u64, u64, bool) {
    match step {
        Verdict::Asked { id, number, is_new, .. } => (id, number, is_new),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_wish_of_the_same_programs_is_one_question() {
    let (mut table, now) = (Table::default(), Instant::now());
    let mut enter = |wish| {
        let (id, _, is_new) = asked(table.enter(wish, Stage::Desktop, now));
        (id, is_new)
    };
    let first = enter(wish(Confirm::Always, "work", (7, 1)));
    assert!(first.1);
    assert_eq!(enter(wish(Confirm::Always, "work", (8, 2))), (first.0, false));
    let other = Wish {
        programs: ("/tmp/tool".to_owned(), "/bin/sh".to_owned()),
        ..wish(Confirm::Always, "work", (9, 1))
    };
    assert!(enter(other).1);
    assert!(enter(wish(Confirm::Always, "play", (7, 1))).1);
    let texts: Vec<_> = table.open().into_iter().map(|question| question.text).collect();
    assert_eq!(texts.len(), 3);
    assert_eq!(
        texts[0],
        "/bin/tool (process 7), started by /bin/sh asks for the account work; one more waits"
    );
}

#[test]
fn an_answer_counts_once_and_for_as_long_as_the_configuration_says() {
    let now = Instant::now();
    for (confirm, is_asked_again) in [(Confirm::Always, true), (Confirm::NewSession, false)] {
        let mut table = Table::default();
        let (id, ..) = asked(table.enter(wish(confirm, "work", (7, 1)), Stage::Desktop, now));
        assert!(table.settle(id, ALLOWED, now));
        assert!(!table.settle(id, REFUSED, now), "{confirm:?}: the first answer counts");
        let again = table.enter(wish(confirm, "work", (8, 1)), Stage::Desktop, now);
        assert_eq!(matches!(again, Verdict::Asked { .. }), is_asked_again, "{confirm:?}: {again:?}");
        asked(table.enter(wish(confirm, "work", (9, 2)), Stage::Desktop, now));
        asked(table.enter(wish(confirm, "play", (9, 1)), Stage::Desktop, now));
    }
    let never = Table::default().enter(wish(Confirm::Never, "work", (7, 1)), Stage::Desktop, now);
    assert!(matches!(never, Verdict::Allowed), "{never:?}");
}

#[test]
fn a_denial_counts_for_five_minutes_or_until_it_is_forgotten() {
    let (mut table, start) = (Table::default(), Instant::now());
    let wanted = || wish(Confirm::NewSession, "work", (7, 1));
    let (id, ..) = asked(table.enter(wanted(), Stage::Desktop, start));
    assert!(table.settle(id, REFUSED, start));
    let other = Wish { programs: Default::default(), ..wanted() };
    let denied = table.enter(other, Stage::Desktop, start + Duration::from_secs(1));
    assert!(matches!(denied, Verdict::Denied(left) if left == DENIED - Duration::from_secs(1)), "{denied:?}");
    asked(table.enter(wish(Confirm::Always, "play", (7, 1)), Stage::Desktop, start));
    let late = start + DENIED - Duration::from_millis(1);
    assert!(matches!(table.enter(wanted(), Stage::Desktop, late), Verdict::Denied(_)));
    let (id, ..) = asked(table.enter(wanted(), Stage::Desktop, start + DENIED));
    assert!(table.settle(id, REFUSED, start + DENIED));
    assert!(table.settle(id, ALLOWED, start + DENIED));
    assert!(table.denied(start + DENIED).is_empty());
    // It is asked again, but not allowed yet.
    asked(table.enter(wanted(), Stage::Desktop, start + DENIED));
}

#[test]
fn no_answer_is_no_denial() {
    let (mut table, now) = (Table::default(), Instant::now());
    let (id, ..) = asked(table.enter(wish(Confirm::Always, "work", (7, 1)), Stage::Terminal, now));
    assert!(table.settle(id, Answered::Nothing, now));
    assert!(asked(table.enter(wish(Confirm::Always, "work", (7, 1)), Stage::Terminal, now)).2);
}

#[test]
fn a_question_goes_with_the_last_who_waits_and_there_are_not_too_many() {
    let (mut table, now) = (Table::default(), Instant::now());
    let (id, first, _) = asked(table.enter(wish(Confirm::Always, "0", (7, 1)), Stage::Desktop, now));
    let (_, second, _) = asked(table.enter(wish(Confirm::Always, "0", (8, 1)), Stage::Desktop, now));
    for number in 1..MOST_OPEN {
        asked(table.enter(wish(Confirm::Always, &number.to_string(), (7, 1)), Stage::Desktop, now));
    }
    let full = table.enter(wish(Confirm::Always, "more", (7, 1)), Stage::Desktop, now);
    assert!(matches!(full, Verdict::Full), "{full:?}");
    table.leave(id, first);
    assert!(table.is_open(id));
    table.leave(id, second);
    assert!(!table.is_open(id));
    assert!(!table.settle(id, ALLOWED, now));
    asked(table.enter(wish(Confirm::Always, "more", (7, 1)), Stage::Desktop, now));
}

#[test]
fn one_terminal_at_a_time_shows_a_question() {
    let (mut table, now) = (Table::default(), Instant::now());
    let silent = Wish { interactive: false, ..wish(Confirm::Always, "work", (6, 1)) };
    let (id, ..) = asked(table.enter(silent, Stage::Desktop, now));
    let (_, first, _) = asked(table.enter(wish(Confirm::Always, "work", (7, 1)), Stage::Desktop, now));
    asked(table.enter(wish(Confirm::Always, "work", (8, 2)), Stage::Desktop, now));
    let shows = |table: &mut Table| [6, 7, 8].map(|pid| table.own(pid, true).len());
    assert_eq!(shows(&mut table), [0, 0, 0]);
    assert_eq!([6, 7, 8, 9].map(|pid| table.own(pid, false).len()), [1, 1, 1, 0]);
    table.go_to_terminal(id);
    assert_eq!(shows(&mut table), [0, 1, 0]);
    table.leave(id, first);
    assert_eq!(shows(&mut table), [0, 0, 1]);
}
