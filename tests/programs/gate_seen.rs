//! What a gate shows of its use: by model, in gzip as well, and whether a key was replaced under a running request.

use crate::gate_curl::{self, SEND};
use claviger_tests::{
    CANARY, Home,
    messages::events,
    skipped,
    stand_in::{Response, StandIn},
    tmux::Tmux,
    wait,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    process::{Child, Stdio},
    sync::mpsc,
};

/// A session behind a gate that ends with this value.
struct Session(Child);

impl Session {
    fn start(home: &Home, script: &str) -> Self {
        let mut command = home.claviger(&["exec", "--gate", "--", "sh", "-c", script, "sh"]);
        Self(command.stdin(Stdio::null()).spawn().expect("claviger runs"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn parsed(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&home.ok(arguments)).expect("JSON")
}

fn gate(home: &Home) -> Value {
    parsed(home, &["gate", "list", "--json"])["gates"][0].clone()
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("packed");
    encoder.finish().expect("packed")
}

/// An answer of each kind, byte for byte.
fn api() -> StandIn {
    StandIn::start(|request| match request.header("x-kind") {
        "stream" => {
            Response::new(200, events("claude-b").concat()).header("content-type", "text/event-stream")
        }
        "gzip" => {
            let body = packed(&events("claude-b").concat());
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n",
                body.len()
            );
            Response::verbatim([head.into_bytes(), body].concat())
        }
        _ => Response::json(json!({
            "type": "message", "model": "claude-\u{1b}[2J", "content": [],
            "usage": {"input_tokens": 30, "output_tokens": 4},
        })),
    })
}

#[test]
fn use_is_shown_by_model_and_gzip_passes_as_it_is() {
    let api = api();
    let (home, _daemon) = gate_curl::home(&api);
    assert!(!home.ok(&["status"]).contains("GATE"));
    assert_eq!(parsed(&home, &["status", "--json"])["gates"], json!([]));
    let send = |kind| format!("(set -- --output {kind} --header 'x-kind: {kind}'; {SEND}) >> sent; ");
    let script = ["plain", "stream", "gzip"].map(send).concat() + "mv sent ready; exec sleep 60";
    let _session = Session::start(&home, &script);
    wait::until("all is sent", || home.path("work/ready").exists());
    assert_eq!(home.read("work/ready"), "\n200\n200\n200");
    let passed = std::fs::read(home.path("work/gzip")).expect("an answer");
    assert_eq!(passed, packed(&events("claude-b").concat()));

    wait::until("all is counted", || gate(&home)["output_tokens"] == 6 && gate(&home)["in_progress"] == 0);
    let shown = gate(&home);
    let of = |model: &str, requests, input_tokens, output_tokens| json!({"model": model, "requests": requests, "input_tokens": input_tokens, "output_tokens": output_tokens});
    assert_eq!(shown["models"], json!([of("claude-b", 2, 2, 2), of("other", 1, 30, 4)]));
    assert_eq!((&shown["input_tokens"], &shown["rotated"]), (&32.into(), &0.into()));
    assert!(shown["added_latency_seconds"].as_f64().is_some_and(|added| added > 0.0), "{shown}");
    let list = home.ok(&["gate", "list"]);
    assert!(list.contains("\n  claude-b  2 requests  2+2\n  other     1 request   30+4\n"), "{list}");
    assert_eq!(parsed(&home, &["status", "--json"])["gates"][0]["models"], shown["models"]);
    let status = home.ok(&["status"]);
    assert!(status.contains("\nGATE ") && status.contains("32+6"), "{status}");
    let name = shown["name"].as_str().expect("a name");
    let figures = home.ok(&["status", "--format", "openmetrics"]);
    assert!(figures.contains(&format!(",gate=\"{name}\",direction=\"out\"}} 6\n")), "{figures}");

    let Some(tmux) = Tmux::start(&home, (80, 24), &["status", "--watch"]) else { return skipped("tmux") };
    tmux.shows(&format!("{name}  work"));
    home.ok(&["gate", "close", name]);
    tmux.shows_that("no gate", |screen| screen.contains(" details ") && !screen.contains("GATE"));
}

#[test]
fn a_key_that_is_replaced_under_a_running_request_is_counted() {
    let (go, may) = mpsc::channel::<()>();
    let may = std::sync::Mutex::new(may);
    let api = StandIn::start(move |request| {
        let is_ours = request.header("x-api-key").starts_with(CANARY);
        may.lock().expect("one at a time").recv().expect("it may answer");
        Response::new(if is_ours { 200 } else { 401 }, "{}")
    });
    let (home, _daemon) = gate_curl::home(&api);
    let session = Session::start(&home, &format!("(set -- ; {SEND}) > sent; mv sent ready; exec sleep 60"));
    wait::until("it is with the API", || gate(&home)["in_progress"] == 1 && gate(&home)["requests"] == 1);
    assert_eq!(gate(&home)["rotated"], 0);
    home.ok(&["refresh"]);
    wait::until("it is noticed", || gate(&home)["rotated"] == 1);
    assert!(home.ok(&["status"]).contains("rotated in use"));
    go.send(()).expect("it waits");
    wait::until("it is answered", || home.path("work/ready").exists());
    assert_eq!(home.read("work/ready"), "{}\n200");
    // Without one there is nothing to count.
    wait::until("it has ended", || gate(&home)["in_progress"] == 0);
    home.ok(&["refresh"]);
    let status = parsed(&home, &["status", "--json"]);
    assert_eq!(
        (&status["entries"][0]["generation"], &status["gates"][0]["replayed"]),
        (&3.into(), &0.into())
    );
    drop(session);
    wait::until("it is gone", || parsed(&home, &["gate", "list", "--json"])["gates"] == json!([]));
}
