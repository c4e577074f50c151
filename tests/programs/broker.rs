//! The main job on the real binaries: one helper run for any number of sessions.

use claviger_tests::{CANARY, Home, text, wait};
use serde_json::Value;
use std::{collections::BTreeSet, process::Output, time::Duration};

/// What all outputs have in common: one token.
fn one_token(outputs: &[Output]) -> String {
    let tokens: BTreeSet<String> = outputs.iter().map(|output| text(&output.stdout)).collect();
    let errors: BTreeSet<String> = outputs.iter().map(|output| text(&output.stderr)).collect();
    assert_eq!(tokens.len(), 1, "tokens {tokens:?}, errors {errors:?}");
    let token = tokens.into_iter().next().expect("one");
    assert!(token.starts_with(CANARY) && token.ends_with('\n'), "{token:?}, errors {errors:?}");
    token
}

fn entry(home: &Home) -> Value {
    home.status()["entries"][0].clone()
}

#[test]
fn two_hundred_cold_sessions_run_the_helper_once() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 1.0), &[]);
    let _daemon = home.daemon();
    let outputs = home.herd(200, &["token"]);
    assert!(outputs.iter().all(|output| output.status.success()));
    one_token(&outputs);
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn two_hundred_sessions_at_expiry_run_the_helper_once_more() {
    let home = Home::new();
    // Too short a life for a refresh ahead of time: every session arrives at an expired entry.
    home.user_settings(&home.counting_helper("key", 1.0), &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "30000")]);
    home.write("home/.config/claviger/config.toml", "[daemon]\nidle_seconds = 1\n");
    let _daemon = home.daemon();
    let first = home.ok(&["token"]);
    // The rejection makes the current one as good as expired, at an instant the test chooses.
    home.ok(&["refresh", "--rejected", "401"]);
    let second = one_token(&home.herd(200, &["token"]));
    assert_ne!(first, second);
    assert_eq!(home.runs("key"), 2);
}

#[test]
fn two_workspaces_have_a_run_each() {
    let home = Home::new();
    for name in ["one", "two"] {
        let helper = home.counting_helper(name, 1.0);
        home.write(&format!("{name}/.claude/settings.json"), &claviger_tests::settings(&helper, &[]));
        home.grant(&["--cwd", home.path(name).to_str().expect("path")]);
    }
    let (one, two) = (home.path("one"), home.path("two"));
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| home.herd(100, &["--cwd", one.to_str().expect("path"), "token"]));
        let second = scope.spawn(|| home.herd(100, &["--cwd", two.to_str().expect("path"), "token"]));
        (first.join().expect("thread"), second.join().expect("thread"))
    });
    assert_ne!(one_token(&first), one_token(&second));
    assert_eq!((home.runs("one"), home.runs("two")), (1, 1));
}

#[test]
fn time_to_live_comes_from_the_environment_or_from_settings() {
    let mut home = Home::new();
    let helper = home.counting_helper("key", 0.0);
    home.user_settings(&helper, &[]);
    let _daemon = home.daemon();
    let lifetime = |home: &Home| {
        let lease: Value = serde_json::from_str(&home.ok(&["get", "--json", "--show-secret"])).expect("JSON");
        let seconds = |name: &str| {
            lease[name].as_f64().or_else(|| lease[name].as_str().and_then(seconds_of)).expect("time")
        };
        (seconds("expires_at") - seconds("fetched_at")).rem_euclid(86_400.0).round()
    };
    assert_eq!(lifetime(&home), 300.0);
    home.set("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "60000");
    assert_eq!(lifetime(&home), 300.0, "what is cached keeps its time");
    home.ok(&["refresh"]);
    assert_eq!(lifetime(&home), 60.0);
    // Settings override the shell, as documented.
    home.user_settings(&helper, &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "90000")]);
    home.ok(&["refresh"]);
    assert_eq!(lifetime(&home), 90.0);
    home.user_settings(&helper, &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "soon")]);
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("settings.json:4") && stderr.contains("milliseconds"), "{stderr}");
}

/// Seconds since 1970 of an RFC 3339 instant in UTC, within one day of another: good enough for a difference.
fn seconds_of(text: &str) -> Option<f64> {
    let time = text.split_once('T')?.1.trim_end_matches('Z');
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some(parts[0] * 3600.0 + parts[1] * 60.0 + parts[2])
}

#[test]
fn a_used_key_is_refreshed_ahead_so_that_nobody_waits_and_an_idle_one_is_left_alone() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.2), &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "6000")]);
    home.write("home/.config/claviger/config.toml", "[daemon]\nidle_seconds = 7\n");
    let _daemon = home.daemon();
    home.ok(&["token"]);
    // Used all the time for longer than two lifetimes: not one request waits.
    let waits = |home: &Home| home.status()["counters"]["waits"].as_u64().expect("count");
    let before = waits(&home);
    wait::until("the third generation", || {
        home.ok(&["token"]);
        entry(&home)["generation"].as_u64() >= Some(3)
    });
    assert_eq!(waits(&home), before, "a session waited for a refresh");
    // Left alone, it is refreshed for a while and then forgotten.
    wait::until("the key is forgotten", || home.status()["entries"].as_array().is_some_and(Vec::is_empty));
    let runs = home.runs("key");
    assert!(
        !wait::holds_within(Duration::from_secs(7), || home.runs("key") != runs),
        "an idle key was refreshed"
    );
}

#[test]
fn a_helper_that_says_no_is_believed_and_one_that_may_recover_is_tried_three_times() {
    // The shell's code for "killed by signal 9", and `EX_TEMPFAIL`.
    for (ending, most) in [("exit 3", 1), ("exit 130", 1), ("kill -9 $$", 3), ("exit 75", 3)] {
        let home = Home::new();
        home.user_settings(
            &home.script("key.sh", &format!("echo run >> '{}'\n{ending}", home.path("key.runs").display())),
            &[],
        );
        let _daemon = home.daemon();
        home.fails(6, &["token"]);
        assert_eq!(home.runs("key"), most, "{ending}");
    }
}

#[test]
fn a_failing_helper_gives_everyone_the_same_error() {
    let home = Home::new();
    let runs = home.path("key.runs");
    let helper = home.script(
        "key.sh",
        &format!("echo run >> '{}'\nsleep 1\necho {CANARY}stderr >&2\nexit 3", runs.display()),
    );
    home.user_settings(&helper, &[]);
    let _daemon = home.daemon();
    let outputs = home.herd(200, &["token"]);
    for output in &outputs {
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{stderr}");
        assert!(
            stderr.contains("settings.json:2:") && stderr.contains("exit code 3") && stderr.contains("hint:"),
            "{stderr}"
        );
        assert!(!stderr.contains(CANARY), "the error repeats what the helper said");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn a_valid_key_is_served_stale_while_the_helper_fails_and_never_past_expiry() {
    let home = Home::new();
    let broken = home.path("broken");
    let helper =
        home.script("key.sh", &format!("test -e '{}' && exit 1\necho {CANARY}good", broken.display()));
    home.user_settings(&helper, &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "6000")]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    home.write("broken", "");
    home.fails(6, &["refresh"]);
    let lease: Value = serde_json::from_str(&home.ok(&["get", "--json", "--show-secret"])).expect("JSON");
    assert_eq!(lease["stale"], Value::Bool(true), "{}", lease["source"]);
    wait::until("it expires", || home.run(&["token"]).status.code() == Some(6));
    std::fs::remove_file(broken).expect("remove");
    home.ok(&["refresh"]);
    assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"));
}

#[test]
fn min_validity_refreshes_first() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "60000")]);
    let _daemon = home.daemon();
    let first = home.ok(&["token"]);
    assert_eq!(home.ok(&["--min-validity", "20", "token"]), first);
    wait::until("less than 59 s are left of 60", || home.ok(&["--min-validity", "53", "token"]) != first);
    assert_eq!(home.runs("key"), 2);
}
