//! `claviger gate`, what the audit log says of gates, and many of them.

use crate::gate_curl::{SEND, api, home};
use claviger::{
    client::{Client, request},
    proto::v1::{
        AttendRequest, GateHello, GateOpened, GateTransport, OpenGateRequest, attend_request::Event,
        attend_response::Order,
    },
};
use claviger_tests::{
    CANARY, Home,
    audit::{field, lines},
    block_on,
    gated::servers,
    text, wait,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    process::{Child, Stdio},
};

/// As many as there may be.
const MOST: usize = 128;

fn gates(home: &Home) -> Vec<Value> {
    let list: Value = serde_json::from_str(&home.ok(&["gate", "list", "--json"])).expect("JSON");
    list["gates"].as_array().expect("a list").clone()
}

/// A session with a gate, which sends a message, says so, and waits.
fn session(home: &Home, kind: &str) -> Child {
    let script = format!("(set -- ; {SEND}) > sent; mv sent ready; exec sleep 60");
    let mut session = home.claviger(&["exec", kind, "--", "sh", "-c", &script, "sh"]);
    let session = session.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs");
    wait::until("it has sent", || home.path("work/ready").exists());
    assert!(home.read("work/ready").ends_with("200"), "{}", home.read("work/ready"));
    session
}

#[test]
fn gates_are_listed_closed_and_noted() {
    let api = api(|key| key.starts_with(CANARY));
    let (home, _daemon) = home(&api);
    assert_eq!(home.ok(&["gate", "list"]), "no gate is open\n");
    let mut first = session(&home, "--gate");
    wait::until("the request is counted", || gates(&home)[0]["requests"] == 1);
    let gate = gates(&home).remove(0);
    let name = gate["name"].as_str().expect("a name").to_owned();
    assert_eq!((&gate["pid"], &gate["last_status"]), (&first.id().into(), &200.into()), "{gate}");
    assert_eq!(gate["directory"].as_str(), home.path("work").to_str());
    let table = home.ok(&["gate", "list"]);
    assert!(table.starts_with("NAME ") && table.contains(&format!("pid {}", first.id())), "{table}");

    home.ok(&["gate", "close", &name]);
    let address = gate["address"].as_str().expect("an address");
    wait::until("its socket is gone", || UnixStream::connect(address).is_err());
    let output = home.run(&["gate", "close", &name]);
    assert!(output.status.success() && text(&output.stderr).contains("no gate of that name"));
    let answer: Value = serde_json::from_str(&home.ok(&["gate", "close", &name, "--json"])).expect("JSON");
    assert_eq!(answer, serde_json::json!({"name": name, "closed": false}));
    first.kill().expect("killed");
    first.wait().expect("it ends");

    // Another ends with its process, and so does the program when the last has gone.
    std::fs::remove_file(home.path("work/ready")).expect("removed");
    let mut second = session(&home, "--gate=tcp");
    second.kill().expect("killed");
    second.wait().expect("it ends");
    wait::until("it has ended", || gates(&home).is_empty());
    let noted = || lines(&home, &["--event", "gate"]);
    wait::until("all is noted", || noted().len() == 4);
    let noted = noted();
    for (line, decision) in noted.iter().zip(["opened", "closed"]) {
        assert_eq!((field(line, "decision"), field(line, "about")), (decision, &*name));
    }
    assert_eq!(field(&noted[2], "about"), field(&noted[3], "about"));
    assert_eq!(noted[3]["cwd"].as_str(), home.path("work").to_str(), "{}", noted[3]);
    wait::until("the program ends", || servers(&home).is_empty());
}

#[test]
fn as_many_as_there_may_be_are_followed_at_once() {
    let api = api(|key| key.starts_with(CANARY));
    let (home, _daemon) = home(&api);
    block_on(async {
        let client = Client::connect(&home.socket()).await.expect("it listens");
        let session = client.describe(&home.session()).expect("a session");
        let open = async |client: &Client| {
            let message = OpenGateRequest {
                session: Some(session.clone()),
                transport: GateTransport::Unix.into(),
                ..OpenGateRequest::default()
            };
            client.gates().open_gate(request(message)).await
        };
        let mut addresses = BTreeSet::new();
        for _ in 0..MOST {
            let opened = open(&client).await.expect("a gate").into_inner();
            addresses.insert(opened.gate.expect("a gate").address);
        }
        assert_eq!(addresses.len(), MOST);
        let refused = open(&client).await.expect_err("too many");
        assert!(refused.message().contains("128 gates"), "{refused:?}");
        // Each asks, and follows: so do all of them twice.
        for _ in 0..2 {
            for address in &addresses {
                assert_eq!(send(address), "200");
            }
        }
    });
    assert_eq!(api.requests().len(), 2 * MOST);
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn a_setting_that_leads_claude_code_past_the_gate_is_named() {
    let api = api(|_| true);
    let (mut home, _daemon) = home(&api);
    let claude = home.script("bin/claude", "echo ran");
    let run = |home: &Home, options: &[&str]| {
        let output =
            home.run(&[options, &["exec", "--gate", "--", claude.to_str().expect("UTF-8")]].concat());
        assert_eq!(text(&output.stdout), "ran\n", "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let said = run(&home, &[]);
    let settings = home.path("home/.claude/settings.json").display().to_string();
    assert!(said.contains(&format!("{settings}:")) && said.contains("sets ANTHROPIC_BASE_URL"), "{said}");
    assert_eq!(run(&home, &["--quiet"]), "");
    // Nor is there anything to say of the shell's, nor to other programs.
    assert_eq!(text(&home.run(&["exec", "--gate", "--", "true"]).stderr), "");
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let config = format!("[settings]\naudience = [\"{}\"]\n", api.url);
    home.write("home/.config/claviger/config.toml", &config);
    home.ok(&["daemon", "reload"]);
    home.set("ANTHROPIC_BASE_URL", &api.url);
    assert_eq!(run(&home, &[]), "");
}

/// What the program that serves gates says adds up over days.
#[test]
fn what_is_said_about_gates_is_not_counted_as_one_request() {
    /// More than the largest request has.
    const SAID: usize = 12 * 1024 * 1024;
    let api = api(|_| true);
    let (home, _daemon) = home(&api);
    block_on(async {
        let client = Client::connect(&home.socket()).await.expect("it listens");
        let (says, said) = tokio::sync::mpsc::channel(1);
        let say = async |event| says.send(AttendRequest { event: Some(event) }).await.expect("it listens");
        let hello = GateHello { release: claviger::RELEASE.to_owned(), ..GateHello::default() };
        let attend = client.gates();
        let attended = tokio::spawn(async move {
            let mut attend = attend;
            attend.attend(request(tokio_stream::wrappers::ReceiverStream::new(said))).await
        });
        say(Event::Hello(hello)).await;
        let mut orders = attended.await.expect("no panic").expect("attended").into_inner();
        let name = "x".repeat(64 * 1024);
        for _ in 0..SAID / name.len() {
            say(Event::Closed(name.clone())).await;
        }
        let session = client.describe(&home.session()).expect("a session");
        let open = OpenGateRequest {
            session: Some(session),
            transport: GateTransport::Unix.into(),
            ..OpenGateRequest::default()
        };
        let mut gates = client.gates();
        let opened = tokio::spawn(async move { gates.open_gate(request(open)).await });
        let order = orders.message().await.expect("it goes on").and_then(|order| order.order);
        let Some(Order::Open(order)) = order else { panic!("{order:?}") };
        say(Event::Opened(GateOpened { name: order.name.clone(), address: "there".into() })).await;
        let opened = opened.await.expect("no panic").expect("open").into_inner();
        assert_eq!(opened.gate.expect("a gate").name, order.name);
    });
}

/// The status of a request without a credential.
fn send(address: &str) -> String {
    let mut stream = UnixStream::connect(address).expect("it is served");
    stream.set_read_timeout(Some(wait::BOUND)).expect("set");
    stream
        .write_all(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    text(&answer).split(' ').nth(1).unwrap_or_default().to_owned()
}
