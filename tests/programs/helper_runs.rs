//! When a helper runs: for a session that asks, and once ahead of expiry for each use. A person may sit behind it, who is
//! not to be asked by a command that no session waits for.

use claviger_tests::{CANARY, Home, soak, wait, watch::Watch};
use std::{
    fs,
    time::{Duration, Instant},
};

const TTL: (&str, &str) = ("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "2000");

fn home() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[TTL]);
    home
}

/// Asserts that the helper has run `runs` times, and runs no more while `meanwhile` is done.
fn stays(home: &Home, runs: usize, meanwhile: impl Fn()) {
    wait::until("it has run as often as it should", || home.runs("key") >= runs);
    let until = Instant::now() + Duration::from_secs(4) * u32::try_from(soak()).expect("a small number");
    while Instant::now() < until {
        meanwhile();
        assert_eq!(home.runs("key"), runs);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn one_use_is_worth_one_refresh_ahead_and_views_are_not_use() {
    let home = home();
    let _daemon = home.daemon();
    let mut view = home.claviger(&["status", "--watch", "--json"]);
    let mut view = view.stdout(std::process::Stdio::null()).spawn().expect("claviger runs");
    home.ok(&["token"]);
    stays(&home, 2, || {
        home.ok(&["status"]);
        home.ok(&["explain"]);
    });
    home.ok(&["token"]);
    stays(&home, 4, || drop(home.ok(&["pending"])));
    view.kill().and_then(|()| view.wait()).expect("it ends");
}

#[test]
fn the_doctor_looks_and_uses_nothing() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "3000")]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    wait::until("the use has had its refresh", || home.runs("key") == 2);
    home.run(&["doctor", "--offline"]);
    stays(&home, 2, || ());
}

#[test]
fn a_stream_that_asks_for_values_is_use_while_it_lasts() {
    let home = home();
    let _daemon = home.daemon();
    let stream = Watch::start(&home, &[]);
    wait::until("the stream is refreshed for", || home.runs("key") >= 4);
    drop(stream);
    wait::until("the stream is gone", || home.status()["watchers"] == 0);
    let runs = home.runs("key");
    stays(&home, runs, || ());
}

#[test]
fn a_command_that_runs_on_demand_runs_for_no_expiry() {
    let home = home();
    home.write(
        "home/.config/claviger/config.toml",
        "[settings]\nrefresh = { apiKeyHelper = \"on-demand\" }\n",
    );
    let _daemon = home.daemon();
    let stream = Watch::start(&home, &[]);
    wait::until("the stream has asked once", || home.runs("key") == 1);
    stays(&home, 1, || drop(home.ok(&["status"])));
    home.ok(&["token"]);
    stays(&home, 2, || ());
    drop(stream);
    home.ok(&["token"]);
    stays(&home, 3, || ());
}

#[test]
fn a_failure_in_the_background_waits_for_a_session() {
    let home = Home::new();
    let (runs, broken) = (home.path("key.runs"), home.path("broken"));
    let body = format!(
        "echo run >> '{}'\ntest -e '{}' && exit 1\necho {CANARY}key",
        runs.display(),
        broken.display()
    );
    home.user_settings(&home.script("key.sh", &body), &[TTL]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    fs::write(&broken, "").expect("a file");
    stays(&home, 2, || ());
    home.fails(6, &["token"]);
    stays(&home, 3, || ());
}
