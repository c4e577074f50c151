//! The daemon is replaced by another program: what goes along, what does not, and when it is refused.

use claviger_tests::{CANARY, Home, text, wait};
use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio, thread, time::Duration};

fn took_over(home: &Home) -> usize {
    home.read("daemon.log").matches("another program takes over").count()
}

#[test]
fn a_program_that_was_replaced_takes_over_at_the_next_call() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let daemon = home.daemon_copy();
    home.ok(&["token"]);
    home.replace_daemon(b"another build");
    wait::until("the new one runs", || {
        assert_eq!(home.ok(&["token"]), format!("{CANARY}key-1\n"));
        took_over(&home) == 1
    });
    assert_eq!(home.status()["pid"], daemon.pid());
    assert_eq!((home.ok(&["token"]), home.runs("key")), (format!("{CANARY}key-1\n"), 1));
}

#[test]
fn a_program_that_cannot_take_over_is_refused_and_the_old_one_goes_on() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon_copy();
    home.ok(&["token"]);
    let program = home.path("bin/clavigerd");
    for (body, expected) in [
        ("echo 'clavigerd: no room' >&2; exit 1", "no room"),
        ("kill -9 $$", "ended without an error message"),
        ("exit 3", "ended without an error message"),
    ] {
        home.script("bin/broken", body);
        fs::rename(home.path("bin/broken"), &program).expect("replaced");
        let said = home.fails(6, &["daemon", "restart"]);
        assert!(said.contains("cannot take over") && said.contains(expected), "{said}");
    }
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).expect("mode");
    assert!(home.fails(6, &["daemon", "restart"]).contains("cannot be run"));
    fs::remove_file(&program).expect("removed");
    assert!(home.fails(6, &["daemon", "restart"]).contains("cannot be run"));
    assert_eq!((home.ok(&["token"]), home.runs("key")), (format!("{CANARY}key-1\n"), 1));
    // Nor one whose configuration would not let it start.
    home.replace_daemon(b"");
    home.write("home/.config/claviger/config.toml", "[daemon]\nidle_seconds = \"soon\"\n");
    let said = home.fails(6, &["daemon", "restart"]);
    assert!(said.contains("config.toml:2"), "{said}");
    assert_eq!(took_over(&home), 0);
}

#[test]
fn pauses_after_failures_go_along() {
    let home = Home::new();
    let helper = home.script("bad.sh", &format!("echo run >> {}; exit 1", home.path("bad.runs").display()));
    home.user_settings(&helper, &[]);
    let _daemon = home.daemon();
    home.fails(6, &["token"]);
    let runs = home.runs("bad");
    home.ok(&["daemon", "restart"]);
    let said = home.fails(6, &["token"]);
    assert!(said.contains("settings.json:2"), "{said}");
    assert_eq!(home.runs("bad"), runs, "the pause holds");
}

#[test]
fn the_counters_go_along_and_add_up() {
    let home = Home::new();
    let _daemon = home.daemon();
    home.fails(3, &["token"]);
    let before = home.status()["counters"].clone();
    assert_eq!((&before["requests"], &before["refused"]), (&1.into(), &1.into()));
    home.ok(&["daemon", "restart"]);
    assert_eq!(home.status()["counters"], before);
}

#[test]
fn what_settings_no_longer_grant_is_not_lent() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    fs::remove_file(home.path("home/.claude/settings.json")).expect("removed");
    home.ok(&["daemon", "restart"]);
    home.fails(3, &["token"]);
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn nothing_comes_back_that_was_locked_away() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    home.ok(&["lock"]);
    home.ok(&["daemon", "restart"]);
    home.fails(4, &["token"]);
    home.ok(&["unlock"]);
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key-2\n"));
}

#[test]
fn a_lock_that_could_not_be_noted_on_disk_goes_along() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    home.ok(&["lock"]);
    fs::remove_file(home.path("home/.local/state/claviger/accounts/locked")).expect("the note is there");
    home.ok(&["daemon", "restart"]);
    home.fails(4, &["token"]);
    assert_eq!(home.runs("key"), 0);
    home.ok(&["unlock"]);
    home.ok(&["token"]);
}

#[test]
fn commands_inherit_neither_descriptors_nor_variables() {
    let home = Home::new();
    let seen = home.path("seen").display().to_string();
    let body = format!("ls -l /proc/$$/fd > {seen}; env >> {seen}; echo {CANARY}key");
    home.user_settings(&home.script("nosy.sh", &body), &[]);
    let _daemon = home.daemon();
    for round in ["before", "after"] {
        home.ok(&["refresh"]);
        let seen = home.read("seen");
        assert!(seen.contains("nosy.sh"), "the list is there: {seen}");
        for strange in ["memfd", "socket:", ".lock", "LISTEN_", "HANDOVER"] {
            assert!(!seen.contains(strange), "{round}: {seen}");
        }
        home.ok(&["daemon", "restart"]);
    }
}

#[test]
fn the_socket_keeps_its_owner() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let daemon = home.daemon();
    home.ok(&["token"]);
    home.ok(&["daemon", "restart"]);
    home.ok(&["daemon", "restart"]);
    let second = home.run(&["daemon", "run"]);
    assert!(text(&second.stderr).contains("another daemon"), "{}", text(&second.stderr));
    assert!(daemon.terminate().success());
    assert!(!home.socket().exists(), "it is removed as before");
}

#[test]
fn a_stream_is_told_nothing_twice() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    let out = fs::File::create(home.path("events")).expect("file");
    let err = fs::File::create(home.path("talk")).expect("file");
    let mut watching =
        home.claviger(&["get", "--watch", "--json"]).stdout(out).stderr(err).spawn().expect("claviger runs");
    let lines = || home.read("events").lines().count();
    wait::until("the first event", || lines() == 1);
    for restart in 1..=3 {
        home.ok(&["daemon", "restart"]);
        wait::until("it watches again", || home.status()["watchers"] == 1);
        assert_eq!(lines(), restart, "{}", home.read("events"));
        home.ok(&["refresh"]);
        wait::until("the next generation", || lines() == restart + 1);
    }
    watching.kill().expect("kill");
    watching.wait().expect("wait");
    assert_eq!(home.read("talk"), "", "a restart is not reported");
    fs::remove_file(home.path("events")).expect("it holds secrets, as it should");
}

#[test]
fn who_waits_for_a_refresh_gets_its_outcome() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 2.0), &[]);
    let _daemon = home.daemon();
    let waiting = home.claviger(&["token"]).stdout(Stdio::piped()).spawn().expect("claviger runs");
    wait::until("the helper runs", || home.runs("key") == 1);
    home.ok(&["daemon", "restart"]);
    let output = waiting.wait_with_output().expect("output");
    assert_eq!(text(&output.stdout), format!("{CANARY}key-1\n"));
    assert_eq!((home.ok(&["token"]), home.runs("key")), (format!("{CANARY}key-1\n"), 1));
}

#[test]
fn nobody_is_cut_off_who_is_signing_in() {
    let mut home = Home::new();
    for (name, value) in
        [("CLAUDE_CODE_USE_VERTEX", "1"), ("ANTHROPIC_VERTEX_PROJECT_ID", "p"), ("NO_GCE_CHECK", "true")]
    {
        home.set(name, value);
    }
    let login = home.script("login.sh", "echo open this link; exec sleep 60");
    let settings = serde_json::json!({ "gcpAuthRefresh": login });
    home.write("home/.claude/settings.json", &settings.to_string());
    let _daemon = home.daemon();
    let mut waiting = home.claviger(&["token"]).stderr(Stdio::null()).spawn().expect("claviger runs");
    wait::until("a sign-in begins", || home.ok(&["pending"]).contains("open this link"));
    let said = home.fails(6, &["daemon", "restart"]);
    assert!(
        said.contains("a sign-in is in progress") && said.contains("claviger pending --cancel"),
        "{said}"
    );
    home.ok(&["pending", "--cancel"]);
    waiting.wait().expect("ends");
    home.ok(&["daemon", "restart"]);
}

#[test]
fn a_kill_in_the_middle_wedges_nothing() {
    for round in 0..10_u64 {
        let home = Home::new();
        home.user_settings(&home.counting_helper("key", 0.0), &[]);
        let daemon = home.daemon();
        home.ok(&["token"]);
        let mut restart = home.claviger(&["daemon", "restart"]).stderr(Stdio::null()).spawn().expect("runs");
        // A random instant of the handover, which takes some milliseconds.
        thread::sleep(Duration::from_micros(round * 2500));
        daemon.kill();
        restart.wait().expect("ends");
        assert!(home.ok(&["token"]).starts_with(CANARY));
        assert!(home.runs("key") <= 2);
    }
}
