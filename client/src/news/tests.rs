use super::{News, Who, added, compare};
use crate::render::samples;
use claviger::proto::v1::{CacheEntry, GetStatusResponse, Pending, WatchStatusResponse};

type Change = fn(&mut WatchStatusResponse);

fn state() -> WatchStatusResponse {
    let status = GetStatusResponse {
        pid: 42,
        started_at: samples::at(-100),
        entries: vec![samples::entry()],
        ..Default::default()
    };
    WatchStatusResponse { status: Some(status), pending: Vec::new() }
}

fn entry(state: &mut WatchStatusResponse) -> &mut CacheEntry {
    &mut state.status.as_mut().expect("a status").entries[0]
}

fn status(state: &mut WatchStatusResponse) -> &mut GetStatusResponse {
    state.status.as_mut().expect("a status")
}

fn run(lines: &[&str]) -> Pending {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Pending { source: "awsAuthRefresh".into(), id: "r1".into(), lines, ..Default::default() }
}

fn needed() -> Pending {
    let problem = samples::problem("login-required", "not signed in", "");
    Pending { source: "aws-chain".into(), problem, ..Default::default() }
}

fn names(news: &[News]) -> Vec<String> {
    let name = |news: &News| {
        let text = format!("{news:?}");
        let word = text.split([' ', '{']).next().unwrap_or_default().to_owned();
        match news {
            News::SignInSays { line, .. } => format!("{word} {line}"),
            News::Refreshed { generation, .. } => format!("{word} {generation}"),
            _ => word,
        }
    };
    news.iter().map(name).collect()
}

#[test]
fn every_change_has_its_news() {
    let cases: [(&str, Change, Change, &[&str]); 18] = [
        ("nothing", |_| (), |_| (), &[]),
        ("hits", |_| (), |s| entry(s).hits += 1, &[]),
        ("refreshing", |_| (), |s| entry(s).refreshing = true, &[]),
        ("refreshed", |_| (), |s| entry(s).generation = 5, &["Refreshed 5"]),
        ("made anew", |_| (), |s| entry(s).generation = 1, &["Refreshed 1"]),
        (
            "failed",
            |_| (),
            |s| {
                entry(s).failures = 1;
                entry(s).last_problem = samples::problem("command-failed", "x", "");
            },
            &["Failed"],
        ),
        (
            "still failing",
            |s| {
                entry(s).failures = 1;
                entry(s).last_problem = samples::problem("command-failed", "x", "");
            },
            |s| {
                entry(s).failures = 1;
                entry(s).last_problem = samples::problem("command-failed", "x", "");
            },
            &[],
        ),
        (
            "rejected and replaced",
            |_| (),
            |s| {
                entry(s).rejections = 1;
                entry(s).generation = 4;
            },
            &["Rejected", "Refreshed 4"],
        ),
        ("forgotten", |_| (), |s| status(s).entries.clear(), &["Forgotten"]),
        ("new", |s| status(s).entries.clear(), |_| (), &["Refreshed 3"]),
        ("new and empty", |s| status(s).entries.clear(), |s| entry(s).generation = 0, &[]),
        ("locked", |_| (), |s| status(s).locked = true, &["Locked"]),
        ("unlocked", |s| status(s).locked = true, |_| (), &["Unlocked"]),
        ("restarted, with what it held", |_| (), |s| status(s).started_at = samples::at(-1), &["Restarted"]),
        (
            "restarted, and fetched anew",
            |_| (),
            |s| {
                status(s).pid = 43;
                entry(s).fetched_at = samples::at(-1);
            },
            &["Restarted", "Refreshed 3"],
        ),
        ("needed", |_| (), |s| s.pending = vec![needed()], &["SignInNeeded"]),
        (
            "a run says something",
            |s| s.pending = vec![run(&["one"])],
            |s| s.pending = vec![run(&["one", "two"])],
            &["SignInSays two"],
        ),
        (
            "needed, then run",
            |s| s.pending = vec![needed()],
            |s| s.pending = vec![run(&["open it"])],
            &["SignInStarted", "SignInSays open it"],
        ),
    ];
    for (what, old, new, expected) in cases {
        let (mut before, mut after) = (state(), state());
        old(&mut before);
        new(&mut after);
        assert_eq!(names(&compare(&before, &after)), expected, "{what}");
    }
}

#[test]
fn a_run_ends_and_a_need_that_stays_is_told_once() {
    let with = |pending: Vec<Pending>| WatchStatusResponse { pending, ..state() };
    assert_eq!(names(&compare(&with(vec![run(&["x"])]), &with(Vec::new()))), ["SignInEnded"]);
    assert_eq!(names(&compare(&with(vec![needed()]), &with(vec![needed()]))), [""; 0]);
    let again = Pending { id: "r2".into(), ..run(&[]) };
    assert_eq!(
        names(&compare(&with(vec![run(&["x"])]), &with(vec![again]))),
        ["SignInStarted", "SignInEnded"]
    );
}

#[test]
fn only_new_lines_of_a_moving_window_are_told() {
    let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    for (old, new, expected) in [
        ("", "ab", "ab"),
        ("ab", "ab", ""),
        ("ab", "abc", "c"),
        ("abc", "bcd", "d"),
        ("abc", "xyz", "xyz"),
        ("aaa", "aaab", "b"),
    ] {
        assert_eq!(added(&lines(old), &lines(new)), lines(expected), "{old} {new}");
    }
}

#[test]
fn news_name_the_entry_they_are_about() {
    let mut after = state();
    (entry(&mut after).generation, entry(&mut after).account) = (4, "work".into());
    let news = compare(&state(), &after);
    let who = Who { source: "api-key-helper".into(), account: "work".into(), key: "ab12cd34ef567890".into() };
    assert_eq!(news, [News::Refreshed { who, generation: 4, expires_at: samples::at(252) }]);
}
