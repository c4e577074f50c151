//! `claviger exec --gate` with curl: requests go on with the credential, and the command has none.

use claviger_tests::{
    CANARY, Daemon, Home,
    gated::servers,
    signal,
    stand_in::{self, Request, StandIn},
    text, wait,
};
use serde_json::{Value, json};
use std::{
    net::TcpStream,
    process::{Output, Stdio},
};

/// Sends a message through the gate, whichever it is.
pub(crate) const SEND: &str = r#"exec curl --silent --show-error --max-time 20 --write-out '\n%{http_code}' \
    ${ANTHROPIC_UNIX_SOCKET:+--unix-socket "$ANTHROPIC_UNIX_SOCKET"} \
    --header "x-api-key: ${ANTHROPIC_API_KEY:-$ANTHROPIC_AUTH_TOKEN}" --header 'cookie: a=b' \
    --data '{"model":"m"}' "$@" "$ANTHROPIC_BASE_URL/v1/messages?beta=true""#;

/// The API: it takes keys that `accepts` accepts.
pub(crate) fn api(accepts: fn(&str) -> bool) -> StandIn {
    StandIn::start(move |request| match accepts(request.header("x-api-key")) {
        true => stand_in::Response::json(json!({"id": "msg_1", "got": request.body})),
        false => stand_in::Response::error(
            401,
            json!({"type": "error", "error": {"type": "authentication_error"}}),
        ),
    })
}

pub(crate) fn home(api: &StandIn) -> (Home, Daemon) {
    let home = Home::new();
    let helper = home.counting_helper("key", 0.0);
    home.user_settings(&helper, &[("ANTHROPIC_BASE_URL", &format!("{}/base", api.url))]);
    let daemon = home.daemon();
    (home, daemon)
}

fn run(home: &Home, kind: &str, script: &str, more: &[&str]) -> Output {
    let arguments = [&["exec", kind, "--", "sh", "-c", script, "sh"], more].concat();
    home.run(&arguments)
}

/// What curl printed, and the status.
fn sent(home: &Home, kind: &str, more: &[&str]) -> (u16, String) {
    let output = run(home, kind, SEND, more);
    let said = text(&output.stdout);
    let (body, status) = said.rsplit_once('\n').unwrap_or_default();
    let status = status.parse().unwrap_or_else(|_| panic!("{said}{}", text(&output.stderr)));
    (status, body.to_owned())
}

fn message(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{body}"));
    assert_eq!(body["type"], "error");
    body["error"]["message"].as_str().expect("a message").to_owned()
}

fn is_ours(request: &Request) -> bool {
    request.method == "POST"
        && request.path == "/base/v1/messages"
        && request.query == "beta=true"
        && request.body == r#"{"model":"m"}"#
        && request.headers.values().all(|value| !value.contains("sk-ant-api03-"))
        && request.header("cookie").is_empty()
}

#[test]
fn a_request_goes_on_with_the_credential_that_the_command_never_has() {
    let api = api(|key| key.starts_with(CANARY));
    let (home, _daemon) = home(&api);
    for kind in ["--gate", "--gate=unix", "--gate=tcp"] {
        let before = api.requests().len();
        let (status, body) = sent(&home, kind, &[]);
        assert_eq!(status, 200, "{body}");
        let requests = api.requests();
        assert!(requests.len() == before + 1 && requests.iter().all(is_ours), "{requests:?}");
        let environment = text(&run(&home, kind, "env; cat /proc/self/environ", &[]).stdout);
        assert!(environment.contains("sk-ant-api03-") && !environment.contains(CANARY), "{environment}");
    }
    // Each ended with its command.
    let sockets = || home.files("run/claviger/gate");
    wait::until("the sockets are gone", || sockets().is_empty());
}

#[test]
fn a_rejected_key_is_replaced_and_the_request_sent_once_more() {
    let api = api(|key| key == format!("{CANARY}key-2"));
    let (home, _daemon) = home(&api);
    assert_eq!(sent(&home, "--gate", &[]).0, 200);
    let requests = api.requests();
    assert!(requests.len() == 2 && requests.iter().all(is_ours), "{requests:?}");
    assert_eq!(home.runs("key"), 2);
}

#[test]
fn another_credential_than_the_placeholder_is_refused_with_words() {
    let api = api(|_| true);
    let (home, _daemon) = home(&api);
    for kind in ["--gate=unix", "--gate=tcp"] {
        let (status, body) = sent(&home, kind, &["--header", "authorization: Bearer sk-ant-oat01-another"]);
        assert!(status == 401 && message(&body).contains("credential of its own"), "{body}");
    }
    let output = run(&home, "--gate=tcp", &format!("unset ANTHROPIC_API_KEY; {SEND}"), &[]);
    let said = text(&output.stdout);
    assert!(said.ends_with("401") && said.contains("placeholder is missing"), "{said}");
    assert!(api.requests().is_empty());
}

#[test]
fn a_lost_connection_is_an_error_and_no_second_request() {
    let api = StandIn::start(|_| stand_in::Response::lost());
    let (home, _daemon) = home(&api);
    let (status, body) = sent(&home, "--gate", &[]);
    assert!(status == 502 && message(&body).contains("not sent again"), "{body}");
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn a_locked_daemon_says_so_in_the_shape_of_the_api() {
    let api = api(|_| true);
    let (home, _daemon) = home(&api);
    let locked = format!("'{}' lock >&2 && {SEND}", claviger_tests::binary("claviger").display());
    let output = run(&home, "--gate", &locked, &[]);
    let said = text(&output.stdout);
    let (body, status) = said.rsplit_once('\n').expect("a status");
    assert!(status == "424" && message(body).contains("claviger unlock"), "{said}");
    assert!(api.requests().is_empty());
}

/// What is open lives through the end of the daemon, and of the program that serves it.
#[test]
fn a_gate_outlives_the_daemon_and_is_served_again_by_the_next_program() {
    let api = api(|key| key.starts_with(CANARY));
    let (home, daemon) = home(&api);
    let mut daemon = Some(daemon);
    let script = format!(
        "echo \"$ANTHROPIC_BASE_URL\" > new; mv new ready; until [ -e go ]; do sleep 0.02; done; {SEND}"
    );
    for kill_gate in [false, true] {
        for name in ["work/ready", "work/go"] {
            drop(std::fs::remove_file(home.path(name)));
        }
        let mut session = home.claviger(&["exec", "--gate=tcp", "--", "sh", "-c", &script, "sh"]);
        let session = session.stdout(Stdio::piped()).spawn().expect("claviger runs");
        wait::until("the command runs", || home.path("work/ready").exists());
        match kill_gate {
            true => {
                let old = servers(&home);
                assert_eq!(old.len(), 1);
                signal(old[0], "KILL");
                wait::until("another program serves it", || servers(&home).iter().any(|pid| *pid != old[0]));
            }
            false => {
                daemon.take().into_iter().for_each(Daemon::kill);
                daemon = Some(home.daemon());
            }
        }
        let url = home.read("work/ready");
        let address = url.trim().strip_prefix("http://").expect("a URL").to_owned();
        wait::until("the port is served", || TcpStream::connect(&address).is_ok());
        home.write("work/go", "");
        let output = session.wait_with_output().expect("it ends");
        assert!(text(&output.stdout).ends_with("200"), "{kill_gate}: {}", text(&output.stdout));
    }
    assert!(api.requests().iter().all(is_ours));
}

#[test]
fn what_could_be_read_in_two_ways_is_answered_and_never_sent_on() {
    let api = api(|_| true);
    let (home, _daemon) = home(&api);
    let script = r#"python3 - "$ANTHROPIC_UNIX_SOCKET" <<'END'
import socket, sys
P = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n"
for raw in [
    P + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    P + b"content-length: 0\r\ncontent-length: 0\r\n\r\n",
    P + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\nhost: localhost\n\n",
    b"GET http://evil/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: evil\r\n\r\n",
    b"GET /v1/%2e%2e/admin HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 100000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"x: 1\r\n" * 10000 + b"\r\n",
]:
    s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1]); s.sendall(raw)
    print(s.recv(65536).split(b"\r\n")[0].split()[1].decode(), end=" ")
END"#;
    let output = run(&home, "--gate", script, &[]);
    let answered = text(&output.stdout);
    assert_eq!(
        answered.trim(),
        "400 400 400 400 400 405 421 400 400 505 431 431",
        "{}",
        text(&output.stderr)
    );
    assert!(api.requests().is_empty());
}

#[test]
fn a_key_of_the_session_itself_is_refused_before_anything_runs() {
    let api = api(|_| true);
    let (mut home, _daemon) = home(&api);
    home.set("ANTHROPIC_API_KEY", &format!("{CANARY}own"));
    let output = run(&home, "--gate", "echo ran", &[]);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(text(&output.stderr).contains("would hold the secret itself"), "{}", text(&output.stderr));
}
