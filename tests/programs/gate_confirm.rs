//! A person who confirms loans is asked once for a gate, and again for another.

#![cfg(not(target_os = "macos"))]
use crate::gate_curl::{SEND, api};
use claviger_tests::{
    CANARY, Home,
    audit::{field, lines},
    desktop::Desktop,
    gated::{Ended, servers},
    signal,
    stand_in::StandIn,
    text, wait,
};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::{
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Stdio},
};

fn home(api: &StandIn, confirm: &str) -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[("ANTHROPIC_BASE_URL", &api.url)]);
    let config = format!("[source.api-key-helper]\nconfirm = \"{confirm}\"\n");
    home.write("home/.config/claviger/config.toml", &config);
    home
}

/// A session that sends three messages, each on a connection of its own.
fn session(home: &Home) -> Child {
    let script = format!("for n in 1 2 3; do (set --; {SEND}) || exit; done");
    let mut session = home.claviger(&["exec", "--gate", "--", "sh", "-c", &script, "sh"]);
    session.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    session.spawn().expect("claviger runs")
}

fn answered(session: Child) {
    let output = session.wait_with_output().expect("it ends");
    let said = text(&output.stdout);
    assert_eq!(said.matches("\n200").count(), 3, "{said}{}", text(&output.stderr));
}

/// A program that asks through a gate whose socket is its right.
fn curl(socket: &Path) -> Child {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "60", "--write-out", "\n%{http_code}", "--unix-socket"]);
    curl.arg(socket).arg("http://localhost/v1/models").stdout(Stdio::piped()).spawn().expect("curl runs")
}

#[track_caller]
fn gets(status: &str, curl: Child) {
    let said = text(&curl.wait_with_output().expect("it ends").stdout);
    assert!(said.ends_with(status), "{said}");
}

/// The first of three requests leads to a question, and nothing before it.
#[track_caller]
fn asks_once(home: &Home, desktop: &Desktop, socket: &Path) {
    assert_eq!(desktop.shown(), 0);
    let first = curl(socket);
    desktop.clicks();
    for curl in [first, curl(socket), curl(socket)] {
        gets("200", curl);
    }
    assert_eq!((desktop.shown(), allowed(home)), (0, 1));
}

/// The process that listens at `socket`.
fn served_by(socket: &str) -> Option<u32> {
    let stream = UnixStream::connect(socket).ok()?;
    getsockopt(&stream, PeerCredentials).ok()?.pid().try_into().ok()
}

fn allowed(home: &Home) -> usize {
    lines(home, &["--event", "confirm"]).iter().filter(|line| field(line, "decision") == "allowed").count()
}

#[test]
fn one_question_is_enough_for_all_that_goes_through_a_gate() {
    let api = api(|key| key.starts_with(CANARY));
    // With the second, two gates of one session are one question as well.
    for (confirm, questions) in [("always", 2), ("new-session", 1)] {
        let mut home = home(&api, confirm);
        let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
        let _daemon = home.daemon();
        for number in 1..=2 {
            let session = session(&home);
            if number <= questions {
                desktop.clicks();
            }
            answered(session);
            wait::until("it is noted", || allowed(&home) == number.min(questions));
        }
        assert_eq!((desktop.shown(), allowed(&home)), (0, questions));
    }
}

#[test]
fn one_question_is_enough_for_the_gate_of_a_share() {
    let api = api(|key| key.starts_with(CANARY));
    let mut home = home(&api, "never");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let socket = home.ok(&["share", "box", "--gate", "--confirm"]);
    asks_once(&home, &desktop, Path::new(socket.trim_end()));
}

/// Its settings were installed, and nothing was asked then.
#[test]
fn one_question_is_enough_for_a_standing_gate_and_a_lock_is_one_for_it_too() {
    let api = api(|key| key.starts_with(CANARY));
    let mut home = home(&api, "always");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let _ended = Ended::with(&home);
    home.ok(&["hook", "install", "claude", "--gate", "--yes"]);
    let socket = home.path("run/claviger/gate/claude.sock");
    asks_once(&home, &desktop, &socket);
    home.ok(&["lock"]);
    gets("424", curl(&socket));
    home.ok(&["unlock"]);
    gets("200", curl(&socket));
    assert_eq!((desktop.shown(), allowed(&home)), (0, 1));
}

/// What a person has allowed when a gate was opened counts for the program that the daemon started, not for one that says that it is it.
#[test]
fn another_program_that_serves_the_gate_is_asked_about() {
    let api = api(|key| key.starts_with(CANARY));
    let mut home = home(&api, "always");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let script = format!(
        "echo \"$ANTHROPIC_UNIX_SOCKET\" > new; mv new ready; until [ -e go ]; do sleep 0.02; done; {SEND}"
    );
    let mut session = home.claviger(&["exec", "--gate", "--", "sh", "-c", &script, "sh"]);
    let session = session.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("claviger runs");
    desktop.clicks();
    wait::until("the command runs", || home.path("work/ready").exists());
    let socket = home.read("work/ready").trim().to_owned();
    // One that another process has started, with no proof.
    let first = servers(&home);
    let mut other = home.command(Path::new(&claviger_tests::binary("clavigerd-gate")));
    let started = other.arg(home.socket()).stdin(Stdio::null()).status().expect("it runs");
    assert!(started.success());
    let mut all = Vec::new();
    wait::until("both run", || {
        all = servers(&home);
        all.len() == 2
    });
    let other = all.into_iter().find(|pid| !first.contains(pid)).expect("another");
    // The daemon starts one of its own again, unless the other one is known to it by then.
    wait::until("the other serves it", || {
        servers(&home).into_iter().filter(|pid| *pid != other).for_each(|pid| signal(pid, "KILL"));
        served_by(&socket) == Some(other)
    });
    home.write("work/go", "");
    desktop.clicks();
    let output = session.wait_with_output().expect("it ends");
    assert!(text(&output.stdout).ends_with("200"), "{}", text(&output.stdout));
    wait::until("it is noted", || allowed(&home) == 2);
}
