//! What a tap on a forwarded socket sees: leases, and nothing that would get another one.

use claviger_tests::{
    CANARY, Daemon, Home,
    far::Far,
    issuer::{Issuer, granted},
    stand_in::Response,
    tap::Tap,
    text, wait,
};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

/// A verb that follows gets this long, as the program `timeout` takes it.
const FOLLOWS: &str = "2";
/// What never leaves the daemon's side.
const KEPT: [&str; 3] = ["sk-canary-refresh-", "sk-canary-client-secret", "sk-canary-device"];
/// Every verb that asks the daemon; those that end something come last.
const VERBS: &[&[&str]] = &[
    &["token"],
    &["get", "--show-secret"],
    &["get", "--json"],
    &["get", "--headers"],
    &["env"],
    &["exec", "--", "true"],
    &["aws"],
    &["gcp"],
    &["azure"],
    &["get", "--watch", "--show-secret"],
    &["explain", "--json"],
    &["doctor"],
    &["status", "--json"],
    &["status", "--watch"],
    &["pending"],
    &["confirm"],
    &["pending", "--cancel", "x"],
    &["refresh"],
    &["refresh", "--rejected", "401"],
    &["accounts", "--json"],
    &["accounts", "move", "file"],
    &["use", "work"],
    &["trust", "show"],
    &["trust", "list"],
    &["trust", "grant"],
    &["share", "mine"],
    &["share", "list"],
    &["gate", "list"],
    &["gate", "close", "x"],
    &["exec", "--gate", "--", "true"],
    &["daemon", "reload", "--log-level", "trace"],
    &["daemon", "reload"],
    &["token", "--settings", "{}"],
    &["login", "work", "--device"],
    &["daemon", "status"],
    &["lock"],
    &["token"],
    &["unlock"],
    &["token"],
    &["daemon", "restart"],
    &["token"],
    &["logout", "work"],
    &["reset", "--yes"],
    &["daemon", "stop"],
];
/// Those that ask no daemon.
const LOCAL: [&str; 3] = ["audit", "hook", "completions"];

fn signed_in() -> (Issuer, Home, Daemon) {
    let issuer = Issuer::start();
    let home = issuer.home("client_secret_file = \"~/secret\"");
    let secret = home.write("home/secret", "sk-canary-client-secret");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).expect("mode");
    let daemon = home.daemon();
    claviger_tests::block_on(issuer.sign_in(&home)).expect("signed in");
    issuer.answers(Response::json(granted("second", 3600)));
    (issuer, home, daemon)
}

/// Runs all verbs, each by a command that `client` makes.
fn use_all(client: impl Fn(&[&str]) -> Command) {
    for verb in VERBS {
        let output = client(verb).output().expect("it runs");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!KEPT.iter().any(|kept| said.contains(kept)), "{verb:?}: {said}");
    }
}

/// It saw what was lent, and nothing more.
fn saw_leases_only(tap: &Tap) {
    assert!(tap.has_seen("sk-canary-access-"), "a lease");
    for kept in KEPT {
        assert!(!tap.has_seen(kept), "{kept}");
    }
}

#[test]
fn every_verb_is_tried() {
    let help = text(&Home::new().run(&["--help"]).stdout);
    let listed = help.split("Examples:").next().expect("verbs").lines().filter(|line| line.starts_with("  "));
    for line in listed {
        let name = line.split_whitespace().next().expect("a name");
        assert!(VERBS.iter().any(|verb| verb[0] == name) || LOCAL.contains(&name), "{name}");
    }
}

#[test]
fn no_refresh_token_passes_a_forwarded_socket() {
    let (issuer, home, _daemon) = signed_in();
    let socket = home.ok(&["share", "box", "--account", "work"]);
    for (name, to) in [("main", home.socket().as_path()), ("share", Path::new(socket.trim_end()))] {
        let tap = Tap::on(&home, name, to);
        let Some(far) = Far::new(&home, tap.socket()) else { return };
        use_all(|verb| far.command(&[&["timeout", FOLLOWS, "/mnt/bin/claviger"], verb].concat()));
        saw_leases_only(&tap);
    }
    // The share's own word that a token was rejected has it refreshed.
    wait::until("the login was refreshed", || issuer.asked() == 2);
    assert!(home.ok(&["token"]).starts_with(CANARY));
}

#[test]
fn no_refresh_token_reaches_a_near_client() {
    let (issuer, home, _daemon) = signed_in();
    let tap = Tap::on(&home, "near", &home.socket());
    let cookie = claviger::cookie::path(tap.socket());
    fs::copy(claviger::cookie::path(&home.socket()), cookie).expect("copied");
    home.ok(&["--socket", tap.socket().to_str().expect("UTF-8"), "unlock"]);
    use_all(|verb| {
        let client = home.claviger(&[]);
        let mut command = Command::new("timeout");
        command.arg(FOLLOWS).arg(client.get_program()).arg("--socket").arg(tap.socket()).args(verb);
        command.env_clear().envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(home.path("work"));
        command
    });
    saw_leases_only(&tap);
    assert!(issuer.asked() > 1, "the login was refreshed");
}
