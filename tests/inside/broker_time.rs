//! The life of a cache entry over time: scripts of what happens when, and laws that hold for whatever happens.

use claviger::reason::{Problem, Reason};
use clavigerd::broker::{
    next::{Interest, Next, next},
    slot::{Cause, Decision, State, Verdict},
};
use clavigerd::{demand::Demand, settings::Refresh};
use proptest::{collection::vec, prelude::*};
use std::time::{Duration, SystemTime};

const HOUR: i64 = 3600;

/// Seconds on a clock that can be set back.
fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(1_000_000_000 + seconds).expect("positive"))
}

fn seconds(instant: SystemTime) -> i64 {
    let since = instant.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("small") - 1_000_000_000
}

fn problem() -> Problem {
    Problem::new(Reason::CommandFailed, "x")
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Serve => "serve",
        Decision::ServeAndPrefetch => "prefetch",
        Decision::Join => "join",
        Decision::Reject => "reject",
    }
}

fn interest(word: Option<&&str>) -> Interest {
    match word {
        None => Interest::Used,
        Some(&"watched") => Interest::Followed,
        Some(&"refreshed") => Interest::None,
        Some(other) => panic!("unknown interest {other}"),
    }
}

/// Plays one line, "TIME WORD NUMBER…", and says what came of it.
fn play(state: &mut State, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number =
        |index: usize| words.get(index).map_or(0, |word: &&str| word.parse::<i64>().expect("a number"));
    let span = |index: usize| Duration::from_secs(number(index).unsigned_abs());
    let now = at(number(0));
    let mut succeed = |cause| state.succeed(now, now, Some(now + span(2)), Duration::ZERO, cause, 0.0);
    match words[1] {
        "ok" => succeed(Cause::Due),
        "again" => succeed(Cause::Rejected),
        "same" => {
            succeed(Cause::Rejected);
            state.note_same(now);
        }
        "static" => state.succeed(now, now, None, Duration::ZERO, Cause::Due, 0.0),
        "fail" => state.fail((now, Duration::ZERO), problem(), false, 0.0),
        "get" => {
            let stale = if state.is_stale() { " stale" } else { "" };
            return decision(state.decide(now, span(2), Demand::Session)).to_owned() + stale;
        }
        // A person at a terminal asks, and the refresh that follows for it fails.
        "person" => return decision(state.decide(now, span(2), Demand::Person)).into(),
        "insist" => {
            let before = state.failure.clone();
            state.fail((now, Duration::ZERO), problem(), false, 0.0);
            state.note_try(now, (0, true), before);
        }
        "report" => match state.judge(now, number(2).unsigned_abs(), false) {
            Verdict::Refresh => {
                state.reject(now, false);
                return "refresh".into();
            }
            Verdict::AlreadyReplaced => return "replaced".into(),
            Verdict::HeldBack(until) => return format!("held until {}", seconds(until)),
        },
        // TIME next IDLE [watched|refreshed], last used at TIME, and refreshed ahead since where it says so.
        "next" => match next(state, now, (interest(words.get(3)), Refresh::Ahead), span(2)) {
            Next::RefreshAt(due) => return format!("refresh at {}", seconds(due)),
            Next::ForgetAt(end) => return format!("forget at {}", seconds(end)),
            Next::Rest => return "rest".into(),
        },
        other => panic!("unknown word {other}"),
    }
    String::new()
}

/// Each line is an event, and after `=` what must come of it.
const SCRIPTS: &[(&str, &str)] = &[
    (
        "a quiet life",
        "0 get = join; 0 ok 300; 0 get = serve; 239 get = serve; 240 get = prefetch; 270 get = prefetch; 271 get = join; 300 get = join",
    ),
    (
        "nothing is served past expiry, however often the refresh fails",
        "0 ok 300; 240 fail; 241 get = serve stale; 250 fail; 269 get = serve stale; 270 get = prefetch stale; 299 get = join stale; 300 get = join stale; 300 fail; 301 get = reject stale; 400 get = join stale",
    ),
    (
        "the first failure holds everybody back, the next longer",
        "0 fail; 9 get = reject stale; 10 get = join stale; 10 fail; 29 get = reject stale; 30 get = join stale; 30 ok 300; 30 get = serve",
    ),
    (
        "a success forgets the failures",
        "0 fail; 10 fail; 30 ok 300; 330 fail; 339 get = reject stale; 340 get = join stale",
    ),
    (
        "a rejected credential is replaced once",
        "0 ok 300; 10 report 1 = refresh; 10 get = join stale; 11 again 300; 11 get = serve; 12 report 1 = replaced; 12 report 2 = held until 40; 40 report 2 = refresh",
    ),
    (
        "reports without generation mean the current one",
        "0 ok 300; 1 report 0 = refresh; 2 again 300; 3 report 0 = held until 31",
    ),
    (
        "an API that rejects everything is asked ever more rarely",
        "0 ok 9000; 0 report 0 = refresh; 1 again 9000; 30 report 0 = refresh; 31 again 9000; 89 report 0 = held until 90; 90 report 0 = refresh; 91 again 9000; 209 report 0 = held until 210",
    ),
    (
        "a rotation that lags behind the rejection is found within ten seconds",
        "0 ok 9000; 0 report 0 = refresh; 0 same 9000; 1 report 0 = held until 2; 2 report 0 = refresh; 2 same 9000; 4 report 0 = refresh; 4 same 9000; 6 report 0 = held until 7; 7 report 0 = refresh; 7 same 9000; 8 report 0 = held until 37; 37 report 0 = refresh; 37 same 9000; 90 report 0 = held until 97",
    ),
    (
        "a person goes past a pause once, and then waits a little",
        "0 fail; 1 get = reject stale; 1 person = join; 1 insist; 2 person = reject; 10 get = reject stale; 10 person = reject; 11 get = join stale; 11 fail; 12 person = join; 12 insist; 21 person = reject; 22 person = join; 30 get = reject stale; 31 get = join stale",
    ),
    (
        "others wait as long as a person who has just failed",
        "0 ok 20; 20 fail; 29 person = join; 29 insist; 30 get = reject stale; 38 get = reject stale; 38 person = reject; 39 get = join stale; 39 person = join; 39 insist; 58 get = reject stale; 59 get = join stale; 59 ok 300; 59 get = serve",
    ),
    (
        "a refresh that was due makes reports cheap again",
        "0 ok 100; 0 report 0 = refresh; 1 again 100; 90 ok 100; 91 report 0 = refresh; 92 again 100; 120 report 0 = held until 121; 121 report 0 = refresh",
    ),
    ("a report from the future is not a report", "0 ok 300; 1 report 7 = replaced; 1 get = serve"),
    (
        "a rejected credential is still served while its refresh fails",
        "0 ok 300; 10 report 1 = refresh; 11 fail; 12 get = serve stale; 21 get = join stale; 300 get = join stale",
    ),
    (
        "a wish for validity refreshes early, one beyond reason does not run for ever",
        "0 ok 300; 0 get 3600 = serve; 100 get 200 = serve; 101 get 200 = join; 31 get 3600 = join; 29 get 3600 = serve",
    ),
    (
        "what lives shortly is lent with a tenth of its life at least",
        "0 ok 61; 54 get = prefetch; 55 get = join; 60 get = join; 60 ok 30; 87 get = prefetch; 88 get = join; 88 ok 5; 92 get = prefetch; 92 ok 5; 93 get = serve",
    ),
    (
        "and while its refresh fails, with whatever is left",
        "0 ok 61; 50 fail; 51 get = serve stale; 55 get = serve stale; 56 get = join stale; 56 fail; 57 get = serve stale; 61 get = join stale",
    ),
    ("a wish for validity does not break a pause", "0 ok 300; 240 fail; 241 get 100 = serve stale"),
    (
        "without expiry there is nothing to refresh",
        "0 static; 999999 get 60 = serve; 999999 next 9 watched = rest; 0 next 900 = forget at 900",
    ),
    ("a life of zero is fetched each time", "0 ok 0; 0 get = join; 0 next 900 watched = rest"),
    (
        "used entries are refreshed, idle ones forgotten, but not before expiry",
        "0 ok 300; 0 next 900 = refresh at 240; 0 next 100 = forget at 300; 200 next 10 = forget at 300; 0 next 1 watched = refresh at 240",
    ),
    (
        "a use is worth one refresh ahead",
        "0 ok 300; 0 next 900 = refresh at 240; 240 ok 300; 0 next 900 refreshed = forget at 900; 300 next 900 = refresh at 480",
    ),
    (
        "a failure is tried again when a session asks, and for a stream that waits",
        "0 fail; 0 next 900 = forget at 900; 0 next 5 watched = refresh at 10; 20 ok 300; 260 fail; 260 next 900 = forget at 1160",
    ),
    // `spec/behaviour.md` C, invariant 8.
    (
        "a clock set back four hours wedges nothing: what is from the future is fetched anew",
        "0 ok 300; -14400 get = join; 0 fail; -14400 get = join stale; -14400 ok 300; -14399 get = serve",
    ),
    (
        "a clock set back does not keep a failure in force for hours",
        "0 fail; 5 get = reject stale; -14400 get = join stale",
    ),
    (
        "a clock set back does not keep the breaker open for hours",
        "0 ok 300; 0 report 0 = refresh; 1 again 300; -14400 ok 300; -14399 report 0 = refresh",
    ),
    (
        "a clock set forward four hours expires what it has to",
        "0 ok 300; 14400 get = join; 14400 ok 300; 14401 get = serve",
    ),
    ("a step of a second back is not a jump", "0 ok 300; -1 get = serve; -5 get = serve; -6 get = join"),
];

#[test]
fn scripts_play_as_written() {
    let mut wrong = Vec::new();
    for (what, script) in SCRIPTS {
        let mut state = State::default();
        for line in script.split(';').map(str::trim) {
            let (event, expected) = line.split_once(" = ").unwrap_or((line, ""));
            let got = play(&mut state, event);
            if got != expected {
                wrong.push(format!("{what}: {event}: expected {expected:?}, got {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What can happen to an entry.
#[derive(Clone, Debug)]
enum Event {
    Advance(i64),
    Succeed(Option<u32>, u32),
    /// The refresh brings the secret that was there before.
    Same,
    Fail,
    /// How many generations behind the report is.
    Report(u64),
    Request(u32),
}

fn events(furthest_back: i64) -> impl Strategy<Value = Vec<Event>> {
    let life = prop_oneof![Just(None), (0..4000_u32).prop_map(Some)];
    let event = prop_oneof![
        3 => (0..400_i64).prop_map(Event::Advance),
        1 => (furthest_back..=0).prop_map(Event::Advance),
        1 => (0..5 * HOUR).prop_map(Event::Advance),
        2 => (life, 0..200_u32).prop_map(|(life, took)| Event::Succeed(life, took)),
        2 => Just(Event::Same),
        3 => Just(Event::Fail),
        3 => (0..3_u64).prop_map(Event::Report),
        4 => (0..8000_u32).prop_map(Event::Request),
    ];
    vec(event, 1..80)
}

/// Plays events as the broker does, and checks after each what must always hold.
fn laws(events: Vec<Event>, jitter: f64) -> Result<(), TestCaseError> {
    let (mut state, mut now, mut generation) = (State::default(), at(0), 0);
    let mut last_refresh_for_report: Option<SystemTime> = None;
    let mut refreshes_for_reports: Vec<SystemTime> = Vec::new();
    let mut cause = Cause::Due;
    for event in events {
        match event {
            Event::Advance(by) if by < 0 => {
                now -= Duration::from_secs(by.unsigned_abs());
                last_refresh_for_report = None; // there is no telling how long ago it was
                refreshes_for_reports.clear();
            }
            Event::Advance(by) => now += Duration::from_secs(by.unsigned_abs()),
            Event::Succeed(life, took) => {
                let expires = life.map(|life| now + Duration::from_secs(life.into()));
                let took = Duration::from_secs(took.into());
                state.succeed(now, now, expires, took, std::mem::replace(&mut cause, Cause::Due), jitter);
                let issue = state.current.expect("issued");
                prop_assert_eq!(issue.generation, generation + 1);
                prop_assert!(!state.is_stale());
                if let (Some(due), Some(expires)) = (issue.refresh_at, issue.expires_at) {
                    let (half, spent) =
                        (expires.duration_since(now).expect("later") / 2, due.duration_since(now));
                    prop_assert!(due <= expires && spent.is_ok_and(|spent| spent >= half), "{:?}", issue);
                }
                // Fetching anew would not help: so a session that waited for it must be served.
                if expires.is_none_or(|expires| now < expires) {
                    prop_assert_eq!(state.decide(now, Duration::MAX, Demand::Session), Decision::Serve);
                }
            }
            Event::Same => {
                state.succeed(
                    now,
                    now,
                    None,
                    Duration::ZERO,
                    std::mem::replace(&mut cause, Cause::Due),
                    jitter,
                );
                state.note_same(now);
            }
            Event::Fail => {
                let before = state.current;
                state.fail((now, Duration::ZERO), problem(), false, jitter);
                prop_assert_eq!(state.current, before, "a failed refresh erases nothing");
                let failure = state.failure.as_ref().expect("noted");
                prop_assert!(failure.retry_at > now && failure.retry_at <= now + Duration::from_secs(330));
                prop_assert!(matches!(
                    state.decide(now, Duration::ZERO, Demand::Session),
                    Decision::Serve | Decision::Reject
                ));
            }
            Event::Report(behind) => {
                let reported = (generation + 1).saturating_sub(behind);
                let verdict = state.judge(now, reported, false);
                if reported != 0 && reported != generation {
                    prop_assert_eq!(verdict, Verdict::AlreadyReplaced);
                }
                if verdict == Verdict::Refresh {
                    let pause = last_refresh_for_report.map(|last| now.duration_since(last).expect("later"));
                    let least = if state.unchanged > 0 { 2 } else { 30 };
                    prop_assert!(
                        pause.is_none_or(|pause| pause >= Duration::from_secs(least)),
                        "{:?}",
                        pause
                    );
                    refreshes_for_reports.retain(|at| now < *at + Duration::from_secs(10));
                    refreshes_for_reports.push(now);
                    prop_assert!(refreshes_for_reports.len() <= 4, "{:?}", refreshes_for_reports);
                    state.reject(now, false);
                    (last_refresh_for_report, cause) = (Some(now), Cause::Rejected);
                }
            }
            Event::Request(wish) => request(&state, now, Duration::from_secs(wish.into()))?,
        }
        let now_current = state.current.map_or(0, |issue| issue.generation);
        prop_assert!(now_current >= generation, "generations never decrease");
        generation = now_current;
        plans(&state, now)?;
    }
    Ok(())
}

fn request(state: &State, now: SystemTime, wish: Duration) -> Result<(), TestCaseError> {
    let unexpired = state.current.is_some_and(|issue| issue.expires_at.is_none_or(|expiry| now < expiry));
    match state.decide(now, wish, Demand::Session) {
        Decision::Serve | Decision::ServeAndPrefetch => {
            prop_assert!(unexpired, "served past expiry");
            let issue = state.current.expect("served");
            if let Some(expires) = issue.expires_at.filter(|_| !state.backs_off(now)) {
                let [life, left] =
                    [issue.fetched_at, now].map(|since| expires.duration_since(since).unwrap_or_default());
                let least = Duration::from_secs(60).min(life / 10);
                prop_assert!(left >= least, "lent with {left:?} left: {issue:?}");
            }
        }
        Decision::Reject => {
            let failure = state.failure.as_ref();
            prop_assert!(failure.is_some_and(|failure| now < failure.retry_at), "rejected without a reason");
            prop_assert!(!state.is_valid(now), "rejected with a valid credential at hand");
            // Whatever the clock did, the pause ends.
            let end = now + Duration::from_secs(331);
            prop_assert_ne!(state.decide(end, wish, Demand::Session), Decision::Reject);
        }
        Decision::Join => {}
    }
    Ok(())
}

fn plans(state: &State, now: SystemTime) -> Result<(), TestCaseError> {
    let idle = Duration::from_secs(900);
    match next(state, now, (Interest::Used, Refresh::Ahead), idle) {
        Next::Rest => prop_assert!(false, "an unwatched entry must be forgotten some day"),
        Next::ForgetAt(end) => prop_assert!(end >= now + idle, "forgotten while in use"),
        Next::RefreshAt(due) => prop_assert!(due <= now + idle, "refreshed without a session"),
    }
    for unasked in [
        (Interest::None, Refresh::Ahead),
        (Interest::Used, Refresh::OnDemand),
        (Interest::Followed, Refresh::OnDemand),
    ] {
        prop_assert!(!matches!(next(state, now, unasked, idle), Next::RefreshAt(_)), "{:?}", unasked);
    }
    let followed = next(state, now, (Interest::Followed, Refresh::Ahead), idle);
    prop_assert!(!matches!(followed, Next::ForgetAt(_)), "forgotten under a watcher");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn laws_hold_on_a_steady_clock(events in events(0), jitter in 0.0..1.0_f64) {
        laws(events, jitter)?;
    }

    #[test]
    fn laws_hold_on_a_clock_that_jumps(events in events(-5 * HOUR), jitter in 0.0..1.0_f64) {
        laws(events, jitter)?;
    }
}
