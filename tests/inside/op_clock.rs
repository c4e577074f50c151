//! A password manager as helper, over days: it runs when a session needs a key, and asks no person at night.

use crate::daemon::Inside;
use claviger::reason::Reason;
use claviger_tests::{
    Home,
    op::{self, Person},
};
use clavigerd::config::Limits;
use std::time::Duration;

/// How long the key lives, in seconds: less than the hour between the times when sessions ask.
const LIFETIME: u64 = 300;
const HOUR: i64 = 3600;
/// The hours of a day when sessions ask; in one of them the person says no.
const HOURS: std::ops::Range<u32> = 9..17;
const DENIED: u32 = 12;
const DAYS: usize = 2;
/// Longer than it takes the daemon to begin what is due after a jump of the clock.
const SETTLED: Duration = Duration::from_millis(2_500);

/// Runs in the working hours of each day, and in each night.
async fn days(on_demand: bool) -> (Vec<usize>, Vec<usize>) {
    let mut home = Home::new();
    op::install(&mut home, 0.1, LIFETIME, on_demand);
    let path = home.session().variable("PATH").expect("a PATH").to_owned();
    let mut daemon = Inside::of(home, Limits::default());
    daemon.set("PATH", &path);
    let (mut by_day, mut by_night, mut before) = (Vec::new(), Vec::new(), 0);
    let mut since = |daemon: &Inside| {
        let runs = op::runs(&daemon.home).len();
        runs - std::mem::replace(&mut before, runs)
    };
    for _ in 0..DAYS {
        for hour in HOURS {
            let person = if hour == DENIED { Person::SaysNo } else { Person::Approves };
            op::person(&daemon.home, person);
            daemon.clock.jump(HOUR);
            for _ in 0..3 {
                match daemon.client().await.get(&daemon.session(), None).await {
                    Ok(_) => assert_ne!(hour, DENIED),
                    Err(problem) => assert_eq!((problem.reason, hour), (Reason::CommandFailed, DENIED)),
                }
            }
        }
        by_day.push(since(&daemon));
        for _ in 0..3 {
            daemon.clock.jump(5 * HOUR);
            tokio::time::sleep(SETTLED).await;
        }
        by_night.push(since(&daemon));
    }
    daemon.end().await;
    (by_day, by_night)
}

#[tokio::test]
async fn a_person_is_asked_once_an_hour_while_sessions_ask_and_never_at_night() {
    let hours = HOURS.len();
    assert_eq!(days(true).await, (vec![hours; DAYS], vec![0; DAYS]));
}

/// The pause after a first failure, and what a person's try in vain makes of it, in seconds.
const PAUSE: i64 = 10;

#[tokio::test]
async fn after_a_person_s_try_in_vain_the_others_wait_as_long() {
    let mut home = Home::new();
    op::install(&mut home, 0.1, LIFETIME, true);
    let path = home.session().variable("PATH").expect("a PATH").to_owned();
    let mut daemon = Inside::of(home, Limits::default());
    daemon.set("PATH", &path);
    op::person(&daemon.home, Person::SaysNo);
    let session = daemon.session();
    let mut person = session.clone();
    person.interactive = true;
    let mut client = daemon.client().await;
    let mut runs_after = async |session, seconds| {
        daemon.clock.jump(seconds);
        client.get(session, None).await.expect_err("no");
        op::runs(&daemon.home).len()
    };
    assert_eq!(runs_after(&session, 0).await, 1);
    assert_eq!(runs_after(&person, PAUSE - 1).await, 2, "a person goes past the pause");
    assert_eq!(runs_after(&session, 1).await, 2, "which would be over by now");
    assert_eq!(runs_after(&person, 1).await, 2, "neither is a person asked again");
    assert_eq!(runs_after(&session, PAUSE).await, 3);
    daemon.end().await;
}

#[tokio::test]
async fn ahead_of_expiry_the_last_use_of_a_day_is_worth_one_run() {
    let (by_day, by_night) = days(false).await;
    // After each jump of the clock a key is due and asked for at once: one run for both, or two.
    for runs in by_day {
        assert!((HOURS.len()..=2 * HOURS.len()).contains(&runs), "{runs}");
    }
    assert!(by_night.iter().all(|runs| *runs <= 1), "{by_night:?}");
}
