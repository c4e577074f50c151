//! Clients that vanish, and heads that are too much: what they cost is given back.

use claviger_tests::{
    by_hand::{Api, passes},
    gated::{Gated, descriptors, home, resident, servers},
    wait,
};

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
