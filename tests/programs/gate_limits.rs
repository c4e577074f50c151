//! Clients that vanish, and heads that are too much: what they cost is given back.

use claviger_tests::{
    by_hand::{Api, passes},
    gated::{Gated, descriptors, home, resident, servers},
    wait,
};
use std::thread;

#[test]
fn a_thousand_clients_that_vanish_leave_nothing_behind() {
    const AT_ONCE: usize = 100;
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    // One stream goes on through all of it.
    let (mut client, mut upstream) = api.stream(&gate);
    let server = servers(&home)[0];
    let (idle, few) = (resident(server), descriptors(server));
    for round in 0..10 {
        let streams: Vec<_> = (0..AT_ONCE).map(|_| api.stream(&gate)).collect();
        let (clients, upstreams): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
        assert!(descriptors(server) >= few + 2 * AT_ONCE);
        drop(clients);
        upstreams.into_iter().for_each(|mut upstream| assert_eq!(upstream.rest(), ""));
        passes(&mut upstream, &mut client, &round.to_string());
    }
    wait::until("no descriptor is left", || descriptors(server) <= few);
    let after = resident(server);
    assert!(after < idle + 30 * 1024, "{idle} kB became {after} kB");
    wait::until("what has gone through is told", || {
        let gates = home.ok(&["gate", "list", "--json"]);
        let gates: serde_json::Value = serde_json::from_str(&gates).expect("JSON");
        let gate = &gates["gates"][0];
        gate["requests"] == 1001 && gate["in_progress"] == 1
    });
}

#[test]
fn memory_of_a_crowd_that_did_not_read_is_given_back() {
    const CROWD: usize = 50;
    const MUCH: usize = 64 * 1024 * 1024;
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    let server = servers(&home)[0];
    let download = || {
        let mut client = gate.ask("content-length: 0\r\n");
        let (mut upstream, _) = api.asked();
        upstream.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n"));
        client.head();
        (client, upstream)
    };
    drop(download());
    let idle = resident(server);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| download()).collect();
    thread::scope(|scope| {
        for (_, upstream) in &mut crowd {
            scope.spawn(|| assert!(upstream.fill(MUCH) < MUCH / 2));
        }
    });
    // What stays lies behind all of it in memory: the allocator alone would keep it.
    let _stays: Vec<_> = (0..8).map(|_| api.stream(&gate)).collect();
    let full = resident(server);
    assert!(full > idle + 5 * 1024, "{idle} kB became {full} kB");
    drop(crowd);
    if !wait::holds_within(wait::BOUND, || resident(server) < idle + (full - idle) / 4) {
        panic!("idle {idle} kB, full {full} kB, and after that {} kB", resident(server));
    }
}

#[test]
fn a_head_that_is_too_much_is_refused_with_words() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate");
    let idle = resident(servers(&home)[0]);
    for _ in 0..50 {
        for (more, why) in [
            (format!("x: {}\r\n", "a".repeat(100_000)), "the head of the request is too long"),
            ("x: 1\r\n".repeat(10_000), "the request has too many headers"),
        ] {
            let mut client = gate.ask(&more);
            let (status, body) = client.answer();
            assert!(status == 431 && body.contains(why), "{body}");
            assert_eq!(client.rest(), "", "the connection ends");
        }
    }
    assert!(api.is_quiet());
    let after = resident(servers(&home)[0]);
    assert!(after < idle + 20 * 1024, "{idle} kB became {after} kB");
}

#[test]
fn a_client_that_reads_its_last_answer_late_gets_all_of_it() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    for kind in ["--gate=unix", "--gate=tcp"] {
        let gate = Gated::open(&home, kind);
        let few = descriptors(servers(&home)[0]);
        let mut client = gate.ask("connection: close\r\ncontent-length: 1\r\n");
        client.say("x");
        let (mut upstream, _) = api.asked();
        // The kernel takes so much for a client that does not read.
        let body = "x".repeat(100_000);
        upstream.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
        drop(upstream);
        wait::until("the gate has closed both connections", || descriptors(servers(&home)[0]) <= few);
        assert_eq!(client.answer(), (200, body));
        assert_eq!(client.rest(), "");
    }
}

#[test]
fn a_credential_is_followed_as_long_as_there_is_a_gate_for_it() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let streams = || home.status()["watchers"].as_u64().expect("a number");
    let [one, other] = [Gated::open(&home, "--gate"), Gated::open(&home, "--gate")];
    // What the sessions looked on with until their gates were open.
    wait::until("the sessions follow nothing", || streams() == 0);
    for gate in [&one, &other] {
        let mut client = gate.ask("content-length: 0\r\n");
        api.answer(200);
        client.head();
    }
    wait::until("both are followed", || streams() == 2);
    drop(one);
    // The program goes on for the other.
    wait::until("one is not followed any more", || streams() == 1);
    drop(other);
}
