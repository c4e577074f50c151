//! `hook install` tries the command that has got behind the hook, as the daemon runs it, and says what differs from the shell.

use claviger_tests::{CANARY, Home, mark, processes, wait};
use serde_json::Value;

const INSTALL: [&str; 5] = ["--json", "hook", "install", "claude", "--yes"];

/// A home whose helper notes each run, then does `body`.
fn home(body: &str) -> Home {
    let mut home = Home::new();
    home.set("NOT_LISTED", "1");
    let body = format!("echo run >> '{}'\n{body}", home.path("key.runs").display());
    home.user_settings(&home.script("key.sh", &body), &[]);
    home
}

/// The notes of an installation, which succeeds whatever the trial says.
fn notes(home: &Home) -> String {
    let said: Value = serde_json::from_str(&home.ok(&INSTALL)).expect("JSON");
    assert_eq!(said["changes"].as_array().map(Vec::len), Some(2), "{said}");
    assert!(home.read("home/.claude/settings.json").contains("token --hook"));
    said["notes"].as_array().expect("notes").iter().filter_map(Value::as_str).collect()
}

#[test]
fn the_command_behind_a_new_hook_is_tried_once() {
    let key = format!("echo {CANARY}key");
    let needs =
        format!("echo \"not signed in: NOT_LISTED '$NOT_LISTED'\" >&2\ntest -n \"$NOT_LISTED\" && {key}");
    for (body, runs, parts) in [
        (key.as_str(), 1, &[][..]),
        (&needs, 2, &["works in this shell, but not when claviger", "exit code 1", "NOT_LISTED ''", "--try"]),
        ("exit 3", 2, &["fails both when claviger runs it and in this shell", "exit code 3"]),
        ("echo '{}'", 1, &["prints no credential when claviger runs it: it is JSON"]),
    ] {
        let home = home(body);
        let before = home.run(&["hook", "install", "claude", "--dry-run"]);
        assert!(before.status.success() && home.runs("key") == 0, "a dry run runs nothing");
        let notes = notes(&home);
        assert_eq!(notes.is_empty(), parts.is_empty(), "{body}: {notes}");
        assert!(parts.iter().all(|part| notes.contains(part)), "{body}: {notes}");
        assert!(!notes.contains(CANARY), "{notes}");
        assert_eq!(home.runs("key"), runs, "{body}");
        assert!(home.ok(&INSTALL[1..]).contains("nothing to change"));
        assert_eq!(home.runs("key"), runs, "{body}: nothing has changed");
    }
}

#[test]
fn a_trial_that_waits_for_a_person_is_given_up() {
    let nap = mark::nap();
    let home = home(&format!("sleep {nap}"));
    let notes = notes(&home);
    assert!(notes.contains("stopped after 8 s") && notes.contains("a person"), "{notes}");
    assert_eq!(home.runs("key"), 1, "it is not run again in the shell");
    wait::until("the command has ended", || processes(&nap).is_empty());
}

#[test]
fn without_a_daemon_nothing_is_tried() {
    let home = home(&format!("echo {CANARY}key"));
    home.ok(&["--no-start", "hook", "install", "claude", "--yes"]);
    assert_eq!(home.runs("key"), 0);
}
