//! Programs that borrow through the API, word for word as the documentation has them: each sends a request with its credential,
//! reports the rejection, waits for what replaces it, and tries again.

use claviger_tests::{
    CANARY, Home, skipped,
    stand_in::{Response, StandIn},
    text, wait,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PAGE: &str = include_str!("../../docs/integrations.md");
const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");

/// The one program in `language` on the page.
fn on_the_page(language: &str) -> &'static str {
    let begin = format!("\n```{language}\n");
    let mut blocks = PAGE.split(&begin).skip(1);
    let (program, _) = blocks.next().and_then(|rest| rest.split_once("```\n")).expect("a program");
    assert!(blocks.next().is_none(), "one program in {language}");
    program
}

/// Directory that `cargo xtask test` installed; `None`, and said so, without it.
fn installed(variable: &str) -> Option<PathBuf> {
    let directory = std::env::var_os(variable).map(PathBuf::from);
    if directory.is_none() {
        skipped(&format!("${variable} (`cargo xtask test` installs it)"));
    }
    directory
}

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

#[test]
fn the_page_has_the_program_of_the_library() {
    assert_eq!(on_the_page("rust"), include_str!("../../src/example.rs"));
}

#[test]
fn the_program_in_python_follows_a_rotation() {
    let Some(venv) = installed("CLAVIGER_TEST_VENV") else { return };
    let api = api();
    let home = home(&api);
    let _daemon = home.daemon();
    let mut program = home.command(Path::new("timeout"));
    program
        .arg("60")
        .arg(venv.join("bin/python"))
        .arg(home.write("borrow.py", on_the_page("python")))
        .env("CLAVIGER_PROTO", PROTO);
    follows_the_rotation(&home, &api, program);
}

#[test]
fn the_program_in_typescript_follows_a_rotation() {
    let Some(npm) = installed("CLAVIGER_TEST_NPM") else { return };
    let api = api();
    let home = home(&api);
    let _daemon = home.daemon();
    let source = home.write("typescript/borrow.mts", on_the_page("typescript"));
    let directory = source.parent().expect("a directory");
    std::os::unix::fs::symlink(npm.join("node_modules"), directory.join("node_modules")).expect("a link");
    // The compiler checks the types, too; a node of 22.18 and later runs the file itself.
    let mut compiler = Command::new(npm.join("node_modules/.bin/tsc"));
    compiler.current_dir(directory).args([
        "--strict",
        "--skipLibCheck",
        "--module",
        "nodenext",
        "--target",
        "es2022",
    ]);
    let compiled = compiler.arg("borrow.mts").output().expect("tsc runs");
    assert!(compiled.status.success(), "{}", text(&compiled.stdout));
    let mut program = home.command(Path::new("timeout"));
    program.args(["60", "node"]).arg(directory.join("borrow.mjs")).env("CLAVIGER_PROTO", PROTO);
    follows_the_rotation(&home, &api, program);
    fs::remove_file(directory.join("node_modules")).expect("removed");
}
