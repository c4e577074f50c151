//! Which requests are sent a second time: those that the API rejected for their credential, and no other.

use claviger_tests::{
    CANARY,
    by_hand::{Api, Wire, length},
    gated::{Gated, home, resident, servers},
    stand_in::{Response, StandIn},
    wait,
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

/// What the API does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// An answer with this status; the connection may be used again.
    Answers(u16),
    /// An answer, after which it closes the connection.
    AnswersAndCloses(u16),
    /// It does what it is asked for, and closes without a word.
    Loses,
    /// It closes within the head of its answer.
    Breaks,
    /// It says nothing, until the client has given up.
    Never,
}

/// What came, by the id of the request: whether its key was the newest, and what was done.
type Log = Arc<Mutex<BTreeMap<String, Vec<(bool, Deed)>>>>;

fn deed() -> Deed {
    match fastrand::usize(..12) {
        0 => Deed::Loses,
        1 => Deed::Breaks,
        2 => Deed::Never,
        3 => Deed::Answers(500),
        4 => Deed::Answers(529),
        5 => Deed::AnswersAndCloses(503),
        6 => Deed::AnswersAndCloses(200),
        _ => Deed::Answers(200),
    }
}

/// One connection of the gate.
fn serve(mut wire: Wire, runs: &Path, log: &Log) {
    while let Some(head) = wire.try_head() {
        wire.take(length(&head));
        let newest = fs::read_to_string(runs).expect("the runs of the helper").lines().count();
        let is_newest = head.contains(&format!("x-api-key: {CANARY}key-{newest}\r\n"));
        let id = head.lines().find_map(|line| line.strip_prefix("x-id: ")).expect("an id").to_owned();
        let deed = if is_newest { deed() } else { Deed::Answers(401) };
        log.lock().expect("the log").entry(id).or_default().push((is_newest, deed));
        let went_on = match deed {
            Deed::Answers(status) => {
                wire.try_say(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"))
            }
            Deed::AnswersAndCloses(status) => {
                wire.try_say(format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                ));
                false
            }
            Deed::Breaks => {
                wire.try_say("HTTP/1.1 200 OK\r\ncontent-");
                false
            }
            Deed::Loses => false,
            Deed::Never => {
                wire.rest();
                false
            }
        };
        if !went_on {
            return;
        }
    }
}

/// Sends one request, and returns the status. A client may have less patience than the API needs.
fn ask(wire: &mut Option<Wire>, gate: &Gated, id: &str, log: &Log) -> Option<u16> {
    let client = wire.get_or_insert_with(|| gate.connect());
    client.say(gate.head("POST", &format!("x-id: {id}\r\ncontent-length: 1\r\n")) + "x");
    let never = || {
        log.lock()
            .expect("the log")
            .get(id)
            .is_some_and(|all| all.iter().any(|(_, deed)| *deed == Deed::Never))
    };
    wait::until("it is answered", || client.is_ready() || never());
    if never() {
        *wire = None;
        return None;
    }
    Some(client.answer().0)
}

#[test]
fn the_api_gets_each_request_once_and_once_more_only_after_it_rejected_the_key() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    let log = Log::default();
    let (runs, seen) = (home.path("key.runs"), log.clone());
    // It ends with the test program.
    thread::spawn(move || {
        loop {
            let (wire, runs, seen) = (api.accept(), runs.clone(), seen.clone());
            thread::spawn(move || serve(wire, &runs, &seen));
        }
    });
    thread::scope(|scope| {
        let log = &log;
        for round in 0..20 * claviger_tests::soak() {
            let rotation = scope.spawn(|| home.ok(&["refresh"]));
            let clients: Vec<_> = (0..6)
                .map(|client| {
                    let gate = &gate;
                    scope.spawn(move || {
                        let mut wire = None;
                        for number in 0..4 {
                            asks(&mut wire, gate, &format!("{round}-{client}-{number}"), log);
                        }
                    })
                })
                .collect();
            clients.into_iter().for_each(|client| client.join().expect("a client"));
            rotation.join().expect("rotated");
            // From here on the gate has the newest key: a request is sent again once, not once for each of two rotations.
            asks(&mut None, &gate, &format!("{round}"), log);
        }
    });
    let log = log.lock().expect("the log");
    let twice = log.values().filter(|seen| seen.len() > 1).count();
    assert!(log.len() == 500 * claviger_tests::soak() && twice > 0, "{twice} of {}", log.len());
}

/// Sends one request, and checks what came of it.
fn asks(wire: &mut Option<Wire>, gate: &Gated, id: &str, log: &Log) {
    let status = ask(wire, gate, id, log);
    let seen = log.lock().expect("the log")[id].clone();
    check(status, &seen);
}

#[track_caller]
fn check(status: Option<u16>, seen: &[(bool, Deed)]) {
    let expected = match seen.last().expect("it came").1 {
        Deed::Answers(status) | Deed::AnswersAndCloses(status) => Some(status),
        Deed::Loses | Deed::Breaks => Some(502),
        Deed::Never => None,
    };
    assert_eq!(status, expected, "{seen:?}");
    let fine = matches!(seen, [(true, _)] | [(false, Deed::Answers(401)), (true, _)]);
    assert!(fine, "{seen:?}");
}

/// An API that takes each key for two requests, and no key again that it has rejected.
#[test]
fn keys_that_are_revoked_again_and_again_after_they_worked_are_replaced_unseen() {
    const ROTATIONS: usize = 3;
    let state = Mutex::new((1, 0));
    let api = StandIn::start(move |request| {
        let (number, uses) = &mut *state.lock().expect("the state");
        if *uses == 2 {
            (*number, *uses) = (*number + 1, 0);
        }
        if request.header("x-api-key") != format!("{CANARY}key-{number}") {
            return Response::error(401, json!({"type": "error", "error": {"type": "authentication_error"}}));
        }
        *uses += 1;
        Response::json(json!({"id": "msg_1"}))
    });
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    let mut client = gate.connect();
    for number in 0..2 * ROTATIONS + 2 {
        client.say(gate.head("POST", "content-length: 1\r\n") + "x");
        let (status, body) = client.answer();
        assert_eq!(status, 200, "request {number}: {body}");
    }
    assert_eq!((home.runs("key"), api.requests().len()), (1 + ROTATIONS, 2 + 3 * ROTATIONS));
}

/// A helper that knows no other key is run a few times, and not for each request.
#[test]
fn a_key_that_is_always_rejected_runs_its_helper_a_few_times() {
    let api = StandIn::start(|_| {
        Response::error(401, json!({"type": "error", "error": {"type": "authentication_error"}}))
    });
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    let mut client = gate.connect();
    for _ in 0..20 {
        client.say(gate.head("POST", "content-length: 1\r\n") + "x");
        let (status, body) = client.answer();
        assert!(status == 401 && body.contains("authentication_error"), "{status} {body}");
    }
    assert_eq!((home.runs("key"), api.requests().len()), (2, 21));
}

/// A key that is not over yet, and whose helper fails after the API has rejected it: what helps is said, and each request is sent once.
#[test]
fn a_helper_that_fails_after_a_rejection_is_named_and_runs_once() {
    const REQUESTS: usize = 3;
    let api = StandIn::start(|_| {
        Response::error(401, json!({"type": "error", "error": {"type": "authentication_error"}}))
    });
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    home.script("key.sh", &format!("echo run >> '{}'; exit 3", home.path("key.runs").display()));
    let mut client = gate.connect();
    for _ in 0..REQUESTS {
        client.say(gate.head("POST", "content-length: 1\r\n") + "x");
        let (status, body) = client.answer();
        assert!(
            status != 401 && body.contains("apiKeyHelper failed: it ended with exit code 3"),
            "{status} {body}"
        );
    }
    assert_eq!((home.runs("key"), api.requests().len()), (2, REQUESTS));
}

/// A client that sends a body of `size` bytes, and the API that has read it.
fn upload(gate: &Gated, api: &Api, size: usize) -> (Wire, Wire) {
    let mut client = gate.ask(&format!("content-length: {size}\r\n"));
    let (mut upstream, _) = api.asked();
    thread::scope(|scope| {
        scope.spawn(|| client.say(vec![b'x'; size]));
        upstream.take(size);
    });
    (client, upstream)
}

const REJECTED: &str = "HTTP/1.1 401 X\r\nconnection: close\r\ncontent-length: 3\r\n\r\nown";

#[test]
fn the_401_of_a_body_that_is_too_large_to_keep_is_passed_on() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    let (mut client, mut upstream) = upload(&gate, &api, 33 * 1024 * 1024);
    upstream.say(REJECTED);
    assert_eq!(client.answer(), (401, "own".to_owned()));
    wait::until("the key is replaced all the same", || home.runs("key") == 2);
}

#[test]
fn bodies_of_all_sessions_together_are_kept_within_bounds() {
    const SIZE: usize = 30 * 1024 * 1024;
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gates: Vec<_> = (0..3).map(|_| Gated::open(&home, "--gate")).collect();
    let idle = resident(servers(&home)[0]);
    let mut running: Vec<_> = (0..6).map(|number| upload(&gates[number % 3], &api, SIZE)).collect();
    let full = resident(servers(&home)[0]);
    assert!(full - idle < 170 * 1024, "{idle} kB became {full} kB");
    // Four fit, and are sent again.
    running.iter_mut().for_each(|(_, upstream)| upstream.say(REJECTED));
    let mut again = 0;
    for (mut client, _upstream) in running {
        wait::until("it is answered", || {
            if let Some(mut upstream) = api.try_accept() {
                upstream.head();
                upstream.take(SIZE);
                upstream.say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                again += 1;
            }
            client.is_ready()
        });
        assert!(matches!(client.answer().0, 200 | 401));
    }
    assert_eq!(again, 4);
    let server = servers(&home)[0];
    if !wait::holds_within(wait::BOUND, || resident(server) < idle + 20 * 1024) {
        panic!("idle {idle} kB, full {full} kB, and after that {} kB", resident(server));
    }
    // A body that comes by the byte takes no more than one that comes in large parts.
    const BYTES: usize = 200_000;
    let mut client = gates[0].ask("transfer-encoding: chunked\r\n");
    let (mut upstream, _) = api.asked();
    let part = "1\r\nx\r\n".repeat(BYTES);
    thread::scope(|scope| {
        scope.spawn(|| client.say(&part));
        upstream.take(part.len());
    });
    let full = resident(server);
    assert!(full < idle + 30 * 1024, "{idle} kB became {full} kB for {BYTES} bytes");
}
