//! What a person sees in tools behind a gate when something is wrong: claviger's reason and what helps, once, and no storm of requests.

use crate::gate_tools::{claude, gated, hooked};
use claviger_tests::{
    Home,
    stand_in::{Request, Response, StandIn},
    tmux::Tmux,
    tool::venv,
    turn,
    wait::{self, holds_within},
};
use serde_json::{Value, json};
use std::{
    env,
    io::Write as _,
    process::{Child, Stdio},
    time::Duration,
};

/// A session: it waits for a word before its tool starts, and before it ends.
const SESSION: &str = r#"echo > ready; read -r go; "$@" > said 2>&1; echo > done; read -r end"#;
const CURL: &str = r#"exec curl --silent --show-error ${ANTHROPIC_UNIX_SOCKET:+--unix-socket "$ANTHROPIC_UNIX_SOCKET"} \
    --header "x-api-key: ${ANTHROPIC_API_KEY:-$ANTHROPIC_AUTH_TOKEN}" --data '{}' "$ANTHROPIC_BASE_URL/v1/messages""#;
/// Generous: some tools wait between their attempts.
const LONG: Duration = Duration::from_secs(90);
/// How often tools try again what may pass by itself. It is what the libraries do as they come; Claude Code would do it ten times.
const RETRIES: u64 = 2;

/// A tool, the kind of its gate, and how often it tries again.
struct Tool {
    kind: &'static str,
    words: Vec<String>,
    retries: u64,
}

fn tools() -> Option<Vec<Tool>> {
    let script = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let python = venv("anthropic")?.join("bin/python").display().to_string();
    let claude = claude()?.display().to_string();
    let npm = env::var("CLAVIGER_TEST_NPM").expect("Claude Code is there");
    let tool = |kind, words: &[&str], retries| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Tool { kind, words, retries }
    };
    Some(vec![
        tool("--gate", &["sh", "-c", CURL], 0),
        tool("--gate", &[&python, &script("python/ask.py")], RETRIES),
        tool("--gate=tcp", &["node", &script("npm/ask.mjs"), &npm], RETRIES),
        tool("--gate", &["node", &claude, "--model", "m", "-p", "hi"], RETRIES),
    ])
}

fn go(session: &mut Child) {
    writeln!(session.stdin.as_mut().expect("a pipe"), "go").expect("written");
}

/// What `tool` says behind a gate that was opened before `then`. It asks so many times.
fn ask(home: &Home, tool: &Tool, then: impl FnOnce(), times: u64) -> String {
    for name in ["ready", "done"] {
        drop(std::fs::remove_file(home.path("work").join(name)));
    }
    let arguments = ["exec", tool.kind, "--", "sh", "-c", SESSION, "sh"];
    let arguments = arguments.into_iter().chain(tool.words.iter().map(String::as_str));
    let mut session = home.claviger(&arguments.collect::<Vec<_>>());
    session.env("DISABLE_TELEMETRY", "1").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    session.env("CLAUDE_CODE_MAX_RETRIES", RETRIES.to_string());
    let mut session = session.stdin(Stdio::piped()).spawn().expect("claviger runs");
    wait::until("the session runs", || home.path("work/ready").exists());
    then();
    go(&mut session);
    let ends = holds_within(LONG, || home.path("work/done").exists());
    let said = home.read("work/said");
    assert!(ends, "{:?} does not end: {said}", tool.words);
    let mut asked = 0;
    // The use of a gate is told once in a second.
    let told = holds_within(wait::BOUND, || {
        let gates: Value = serde_json::from_str(&home.ok(&["gate", "list", "--json"])).expect("JSON");
        let gate = &gates["gates"][0];
        asked = gate["refused"].as_u64().expect("a number");
        gate["in_progress"] == 0 && asked >= times
    });
    assert!(told && asked == times, "{:?} asked {asked} times: {said}", tool.words);
    go(&mut session);
    drop(session.wait());
    said
}

#[track_caller]
fn says_once(said: &str, parts: &[&str]) {
    for part in parts {
        assert_eq!(said.matches(part).count(), 1, "{part}: {said}");
    }
    assert!(!said.contains("claviger: claviger") && !said.contains("authenticate"), "{said}");
}

fn answers(_: &Request) -> Response {
    Response::error(
        401,
        json!({"type": "error", "error": {"type": "authentication_error", "message": "revoked"}}),
    )
}

#[test]
fn a_locked_daemon_is_named_with_the_way_out() {
    let Some(tools) = tools() else { return };
    let _turn = turn::take();
    for tool in &tools {
        let api = StandIn::start(answers);
        let home = hooked(&api.url);
        let _daemon = home.daemon();
        let lock = || drop(home.ok(&["lock"]));
        let said = ask(&home, tool, lock, 1);
        says_once(&said, &["claviger is locked: nothing is lent", "run `claviger unlock`"]);
        assert!(api.requests().is_empty());
    }
}

#[test]
fn a_helper_that_fails_is_named_with_the_way_out() {
    let Some(tools) = tools() else { return };
    let _turn = turn::take();
    for tool in &tools {
        let api = StandIn::start(answers);
        let home = hooked(&api.url);
        let _daemon = home.daemon();
        let fail = || {
            home.script("key.sh", "echo run >> \"$0.failed\"; exit 3");
            // That drops the key that there is.
            home.ok(&["lock"]);
            home.ok(&["unlock"]);
        };
        let said = ask(&home, tool, fail, 1);
        says_once(&said, &["apiKeyHelper failed: it ended with exit code 3", "run `claviger --cwd"]);
        assert!(api.requests().is_empty());
        assert_eq!(home.read("key.sh.failed").lines().count(), 1, "{said}");
    }
}

#[test]
fn an_api_that_cannot_be_reached_is_named() {
    let Some(tools) = tools() else { return };
    let _turn = turn::take();
    for tool in &tools {
        // A port that was free a moment ago could be another test's by then.
        let home = hooked("http://127.0.0.1:1");
        let _daemon = home.daemon();
        let said = ask(&home, tool, || {}, 1 + tool.retries);
        let reason = "claviger: 127.0.0.1:1 cannot be reached: Connection refused";
        says_once(&said, &[reason, "check the network, and proxies (HTTPS_PROXY, NO_PROXY)"]);
    }
}

#[test]
fn a_lost_connection_is_no_second_request() {
    let Some(tools) = tools() else { return };
    let _turn = turn::take();
    for tool in &tools {
        let api = StandIn::start(|_| Response::lost());
        let home = hooked(&api.url);
        let _daemon = home.daemon();
        let said = ask(&home, tool, || {}, 1);
        let host = api.url.trim_start_matches("http://");
        let reason = format!("claviger: {host} broke off the connection before it answered");
        says_once(&said, &[&reason, "is not sent again, for it may have been carried out"]);
        assert_eq!(api.requests().len(), 1);
    }
}

#[test]
fn a_window_shows_that_the_daemon_is_locked() {
    let Some(claude) = claude() else { return };
    let api = StandIn::start(answers);
    let home = hooked(&api.url);
    let known = json!({
        "hasCompletedOnboarding": true, "theme": "dark",
        "projects": {home.path("work").to_string_lossy(): {"hasTrustDialogAccepted": true}},
    });
    home.write("home/.claude.json", &known.to_string());
    let _daemon = home.daemon();
    let Some(tmux) = Tmux::of(&home, (160, 40), &gated(&home, "--gate", &claude, &[])) else {
        return claviger_tests::skipped("tmux");
    };
    tmux.shows("? for shortcuts");
    home.ok(&["lock"]);
    tmux.press(&["hi"]);
    wait::until("it is answered", || {
        tmux.press(&["Enter"]);
        tmux.screen().contains("claviger unlock")
    });
    assert!(!tmux.screen().contains("/login"), "{}", tmux.screen());
}
