//! Programs that borrow through the API, word for word as the documentation has them: each sends a request with its credential,
//! reports the rejection, waits for what replaces it, and tries again.

use claviger_tests::{
    CANARY, Home,
    stand_in::{Response, StandIn},
    text, wait,
};
use std::{path::Path, process::Command};

/// An API that knows the second key only.
fn api() -> StandIn {
    StandIn::start(|request| match request.header("x-api-key") == format!("{CANARY}key-2") {
        true => Response::json(serde_json::json!({"data": []})),
        false => Response::error(401, serde_json::json!({"error": "the key has been rotated"})),
    })
}

/// Runs the program in a session whose first key the API rejects.
fn follows_the_rotation(home: &Home, api: &StandIn, mut program: Command) {
    let output = program.output().expect("it runs");
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("401 ") && lines[1].starts_with("200 "), "{said}");
    let sent: Vec<_> = api.requests().iter().map(|request| request.header("x-api-key").to_owned()).collect();
    assert_eq!(sent, [format!("{CANARY}key-1"), format!("{CANARY}key-2")]);
    assert!(api.requests().iter().all(|request| request.path == "/v1/models"));
    assert_eq!(home.runs("key"), 2);
    assert!(!format!("{said}{errors}").contains(CANARY), "{said}{errors}");
    wait::until("the stream has ended", || home.status()["watchers"] == 0);
}

fn home(api: &StandIn) -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[("ANTHROPIC_BASE_URL", &api.url)]);
    home
}

#[test]
fn the_program_of_the_library_follows_a_rotation() {
    let api = api();
    let home = home(&api);
    let _daemon = home.daemon();
    let program = home.command(Path::new(env!("CARGO_BIN_EXE_borrows")));
    follows_the_rotation(&home, &api, program);
}

#[test]
fn the_program_of_the_library_starts_a_daemon_and_says_why_it_has_no_credential() {
    let home = Home::new();
    let output = home.command(Path::new(env!("CARGO_BIN_EXE_borrows"))).output().expect("it runs");
    let errors = text(&output.stderr);
    assert!(!output.status.success() && errors.contains("NoCredential"), "{errors}");
    home.ok(&["daemon", "stop"]);
}
