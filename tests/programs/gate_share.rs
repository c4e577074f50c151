//! `claviger share --gate`: what a container, a sandbox without a network or another machine sends goes on with the credential, which
//! stays here.

use crate::gate_curl::{SEND, api, home};
use claviger_tests::{
    CANARY, Home,
    audit::{field, lines},
    far::Far,
    gated::servers,
    signal, skipped,
    sshd::Sshd,
    text, wait,
};
use serde_json::Value;
use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
};

/// Sends a request to a socket; no credential is known there.
const CURL: &str = "curl --silent --show-error --max-time 20 --write-out %{http_code} --output /dev/null http://localhost/v1/models --unix-socket";

fn shares(home: &Home) -> Vec<Value> {
    let list: Value = serde_json::from_str(&home.ok(&["share", "list", "--json"])).expect("JSON");
    list["shares"].as_array().expect("a list").clone()
}

fn gates(home: &Home) -> Vec<Value> {
    let list: Value = serde_json::from_str(&home.ok(&["gate", "list", "--json"])).expect("JSON");
    list["gates"].as_array().expect("a list").clone()
}

fn far_sends(far: &Far, more: &[&str]) -> String {
    let words = CURL.split(' ').chain(["/mnt/s/c.sock"]).chain(more.iter().copied());
    let output = far.command(&words.collect::<Vec<_>>()).output().expect("it runs");
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn a_container_sends_requests_and_gets_no_credential() {
    let api = api(|key| key.starts_with(CANARY));
    let (home, daemon) = home(&api);
    let socket = home.ok(&["share", "box", "--gate"]);
    let socket = Path::new(socket.trim_end());
    assert_eq!(socket, home.path("run/claviger/share/box.sock"));
    let Some(far) = Far::new(&home, socket) else { return };
    assert_eq!(far_sends(&far, &[]), "200");
    // The fixed word of the documentation, and nothing else.
    assert_eq!(far_sends(&far, &["--header", "authorization: Bearer placeholder"]), "200");
    assert_eq!(far_sends(&far, &["--header", "authorization: Bearer sk-ant-oat01-another"]), "401");
    // No verb of the client finds a daemon there.
    for verb in ["token", "get", "status"] {
        let output = far.claviger(&[verb, "--timeout", "5"]);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!output.status.success() && !said.contains(CANARY), "{verb}: {said}");
    }
    assert_eq!(api.requests().len(), 2);
    let share = shares(&home).remove(0);
    assert!(share["gate"] == true && share["socket"].as_str() == socket.to_str(), "{share}");
    assert_eq!(gates(&home)[0]["share"], "box");
    let lent = lines(&home, &["--event", "get"]);
    assert!(lent.iter().any(|line| field(line, "via") == "share box"), "{lent:?}");

    // Its program may be killed, and the daemon replaced.
    let old = servers(&home);
    signal(old[0], "KILL");
    wait::until("another program serves it", || servers(&home).iter().any(|pid| *pid != old[0]));
    wait::until("it answers", || UnixStream::connect(socket).is_ok());
    home.ok(&["daemon", "restart"]);
    wait::until("the gate is known", || gates(&home).len() == 1);
    let Some(far) = Far::new(&home, socket) else { return };
    assert_eq!(far_sends(&far, &[]), "200");

    home.ok(&["share", "stop", "box"]);
    wait::until("its gate is closed", || !socket.exists() && gates(&home).is_empty());
    // The name is free at once, and again.
    for _ in 0..5 {
        home.ok(&["share", "box", "--gate"]);
        assert!(UnixStream::connect(socket).is_ok());
        home.ok(&["share", "stop", "box"]);
    }
    // Closing the gate ends the share, which has no other way in.
    home.ok(&["share", "box", "--gate"]);
    home.ok(&["gate", "close", "box"]);
    wait::until("both have ended", || shares(&home).is_empty() && gates(&home).is_empty());

    // A share ends with the daemon; if that is killed, the next one closes its gate.
    home.ok(&["share", "box", "--gate"]);
    daemon.kill();
    let daemon = home.daemon();
    wait::until("it is closed", || !socket.exists() && gates(&home).is_empty());
    home.ok(&["share", "box", "--gate"]);
    home.ok(&["daemon", "stop"]);
    wait::until("it has ended with the daemon", || !socket.exists());
    wait::until("the program ends", || servers(&home).is_empty());
    drop(daemon);
}

/// The share's own socket is for the gate: a process that gets at it without the cookie is lent nothing.
#[test]
fn the_lending_socket_behind_a_gate_wants_the_cookie() {
    let api = api(|_| true);
    let (home, _daemon) = home(&api);
    home.ok(&["share", "box", "--gate"]);
    let own = home.path("run/claviger/share-box.sock");
    assert!(own.exists());
    let Some(far) = Far::new(&home, &own) else { return };
    let said = far.fails(5, &["token"]);
    assert!(said.contains("lends to its own gate only"), "{said}");
}

#[test]
fn a_session_that_holds_the_secret_or_another_api_has_no_gate_to_share() {
    let api = api(|_| true);
    let (home, _daemon) = home(&api);
    assert!(home.fails(5, &["share", "box", "--gate", "--backend", "bedrock"]).contains("gate"));
    assert!(shares(&home).is_empty() && gates(&home).is_empty());
    assert!(!home.path("run/claviger/share-box.sock").exists());
}

/// The recipe of docs/containers.md, with curl in the place of the tool.
#[test]
fn bubblewrap_without_a_network_sends_requests() {
    if !Path::new("/usr/bin/bwrap").exists() {
        return skipped("the Debian package bubblewrap");
    }
    let api = api(|key| key.starts_with(CANARY));
    let (home, _daemon) = home(&api);
    let root = home.path("").display().to_string();
    let script = format!(
        r#"exec bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs {root} --tmpfs /mnt \
            --bind "$ANTHROPIC_UNIX_SOCKET" /mnt/api.sock --setenv ANTHROPIC_UNIX_SOCKET /mnt/api.sock \
            --unshare-all sh -c '! curl --silent {url} && env >&2 && {SEND_INSIDE}'"#,
        url = api.url,
        SEND_INSIDE = SEND.replace('\'', "\"").replace("\\n", "\n"),
    );
    let output = home.run(&["share", "sandbox", "--gate", "--", "sh", "-c", &script]);
    let (said, seen) = (text(&output.stdout), text(&output.stderr));
    assert!(said.ends_with("200"), "{said}{seen}");
    assert!(seen.contains("ANTHROPIC_BASE_URL=http://localhost") && !seen.contains(CANARY), "{seen}");
    wait::until("the share has ended", || shares(&home).is_empty() && gates(&home).is_empty());
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn nothing_secret_passes_a_real_ssh() {
    let api = api(|key| key.starts_with(CANARY));
    let (home, _daemon) = home(&api);
    let Some(sshd) = Sshd::start(&home) else { return };
    let socket = home.ok(&["share", "far", "--gate"]);
    let from = home.path("far.sock").display().to_string();
    let to = home.path("tap.sock").display().to_string();
    let tap = thread::spawn({
        let listener = UnixListener::bind(&to).expect("a socket");
        move || (0..2).map(|_| tapped(&listener, socket.trim_end())).collect::<String>()
    });
    for _ in 0..2 {
        let (code, stdout, stderr) = sshd.forwarded(&from, &to, &format!("env -i {CURL} {from}"));
        assert_eq!((code, stdout.as_str()), (Some(0), "200"), "{stderr}");
    }
    let seen = tap.join().expect("it saw all");
    assert_eq!((seen.matches("GET /v1/models").count(), seen.matches("200 OK").count()), (2, 2), "{seen}");
    assert!(!seen.contains(CANARY), "{seen}");
    assert_eq!(api.requests().len(), 2);
}

/// Passes on a connection to `to`, both ways; what was sent.
fn tapped(listener: &UnixListener, to: &str) -> String {
    let near = listener.accept().expect("a connection").0;
    let far = UnixStream::connect(to).expect("it is served");
    let pass = |from: &UnixStream, mut to: &UnixStream| {
        let (mut from, mut seen, mut part) = (from, Vec::new(), [0; 4096]);
        while let Some(length) = from.read(&mut part).ok().filter(|length| *length > 0) {
            seen.extend_from_slice(&part[..length]);
            to.write_all(&part[..length]).expect("passed on");
        }
        // One side has ended: so has the other.
        drop(to.shutdown(Shutdown::Both));
        seen
    };
    let both = thread::scope(|scope| {
        let back = scope.spawn(|| pass(&far, &near));
        let sent = pass(&near, &far);
        [sent, back.join().expect("no panic")]
    });
    text(&both.concat())
}
