//! Tokens that live for seconds: what is lent has some of that left, and their server is not asked for each request.

use claviger_tests::{
    CANARY,
    google::{authorized_user, lease, name_file, vertex},
    stand_in::{Response, StandIn},
    wait,
};
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How long each token lives.
const LIFE: Duration = Duration::from_secs(5);

fn server() -> StandIn {
    let number = std::sync::atomic::AtomicUsize::new(0);
    StandIn::start(move |_| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        Response::json(
            json!({"access_token": format!("{CANARY}{number}"), "expires_in": LIFE.as_secs(), "token_type": "Bearer"}),
        )
    })
}

/// When a lease ends.
fn end(lease: &claviger::Lease) -> SystemTime {
    lease.expires_at.expect("an expiry")
}

#[test]
fn a_token_of_five_seconds_is_lent_with_half_a_second_at_least() {
    let google = server();
    let mut home = vertex();
    name_file(&mut home, &authorized_user(&google.url));
    let _daemon = home.daemon();
    // A use is worth one refresh ahead; the token of that is not used until it is almost over.
    let first = end(&lease(&home));
    wait::until("it is refreshed ahead", || google.count("/token") == 2 && SystemTime::now() < first);
    let second = SystemTime::now() + LIFE;
    let almost = second - Duration::from_millis(200);
    thread::sleep(almost.duration_since(SystemTime::now()).expect("later"));
    assert_eq!(google.count("/token"), 2, "no session asks");
    // The first that asks waits for another one, for half of what is left: on a busy machine it may get the last of the old one.
    wait::until("another one is lent", || {
        end(&lease(&home)).duration_since(SystemTime::now()).is_ok_and(|left| left > LIFE / 2)
    });
    assert_eq!(google.count("/token"), 3);
}

#[test]
fn a_session_that_asks_all_the_time_has_its_token_refreshed_once_a_life() {
    let google = server();
    let mut home = vertex();
    name_file(&mut home, &authorized_user(&google.url));
    let _daemon = home.daemon();
    let begun = Instant::now();
    while begun.elapsed() < 2 * LIFE {
        let asked_at = SystemTime::now();
        let left = end(&lease(&home)).duration_since(asked_at).expect("unexpired");
        assert!(left >= LIFE / 10, "{left:?}");
    }
    // It is due after half of its life at the earliest.
    let most = 1 + (begun.elapsed().as_millis() * 2).div_ceil(LIFE.as_millis());
    assert!((3..=most).contains(&(google.count("/token") as u128)), "{}", google.count("/token"));
}
