//! Two configuration directories of one person, each with a command of its own: however their sessions take turns, on one
//! connection or as processes, none gets the key of the other.

use claviger::{
    client::Client,
    proto::v1::{GetCredentialRequest, Hook},
    session::SessionContext,
};
use claviger_tests::{CANARY, Home, answers::secret, text, turn};
use std::{path::PathBuf, process::Command, thread};
use tokio::runtime::Runtime;

/// How many keys are fetched, over so many connections.
const FETCHES: usize = 10_000;
const CONNECTIONS: usize = 10;
/// How many of them by processes of their own, from each directory.
const PROCESSES: usize = 50;
const DIRECTORIES: [&str; 2] = ["one", "two"];

/// A person with both, whose keys live for a third of a second.
fn person() -> Home {
    let mut home = Home::new();
    for name in DIRECTORIES {
        let helper = home.counting_helper(name, 0.0);
        let env = [("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "300")];
        home.write(&format!("home/.claude-{name}/settings.json"), &claviger_tests::settings(&helper, &env));
        home.set("CLAUDE_CONFIG_DIR", &directory(&home, name));
        home.ok(&["--no-start", "hook", "install", "claude", "--yes"]);
    }
    home
}

fn directory(home: &Home, name: &str) -> String {
    home.path(format!("home/.claude-{name}")).display().to_string()
}

fn session(home: &Home, name: &str) -> SessionContext {
    let mut session = home.session();
    session.variables.insert("CLAUDE_CONFIG_DIR".into(), directory(home, name));
    session
}

/// Asks for both in turn, every third time as a tool's hook does.
async fn fetch(socket: PathBuf, sessions: [SessionContext; 2], number: usize, count: usize) {
    let mut client = Client::connect(&socket).await.expect("connects");
    for turn in number..number + count {
        let which = turn % 2;
        let hook = (turn % 3 == 0).then(|| Hook { session: format!("tool-{which}-{number}") });
        let message = GetCredentialRequest { hook, ..Default::default() };
        let lease = client.ask(&sessions[which], message).await;
        let lease = lease.unwrap_or_else(|problem| panic!("{}: {problem:?}", DIRECTORIES[which]));
        assert!(secret(&lease).starts_with(&format!("{CANARY}{}-", DIRECTORIES[which])), "mixed");
    }
}

#[test]
fn ten_thousand_keys_of_two_directories_are_never_mixed() {
    let _turn = turn::take();
    let home = person();
    let daemon = home.daemon();
    let runtime = Runtime::new().expect("runtime");
    let share = (FETCHES - PROCESSES * DIRECTORIES.len()) / CONNECTIONS;
    let sessions = DIRECTORIES.map(|name| session(&home, name));
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|number| runtime.spawn(fetch(home.socket(), sessions.clone(), number, share)))
        .collect();
    let token = |name: &str, hook: bool| {
        let mut command: Command = home.claviger(if hook { &["token", "--hook"] } else { &["token"] });
        let output =
            command.env("CLAUDE_CONFIG_DIR", directory(&home, name)).output().expect("claviger runs");
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with(&format!("{CANARY}{name}-")), "mixed");
    };
    thread::scope(|scope| {
        for name in DIRECTORIES {
            scope.spawn(move || (0..PROCESSES).for_each(|number| token(name, number % 2 == 0)));
        }
    });
    for connection in connections {
        runtime.block_on(connection).expect("never mixed");
    }
    let counters = &home.status()["counters"];
    assert!(counters["requests"].as_u64().is_some_and(|requests| requests >= FETCHES as u64), "{counters}");
    // Keys changed meanwhile, in both of them.
    assert!(DIRECTORIES.into_iter().all(|name| home.runs(name) > 3), "{counters}");
    drop(runtime);
    assert!(daemon.terminate().success());
}
