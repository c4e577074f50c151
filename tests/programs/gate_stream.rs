//! What passes through a gate passes at once, in both directions, and each side sees when the other is gone. No test here measures time:
//! each side goes on only when it has seen what the other did.

use claviger_tests::{
    by_hand::{Api, STREAM, chunk, passes},
    gated::{Gated, descriptors, home, servers},
};

const KINDS: [&str; 2] = ["--gate=unix", "--gate=tcp"];
const ONE: &str = "content-length: 1\r\n";

#[test]
fn each_chunk_is_passed_on_at_once_and_as_it_was() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    for kind in KINDS {
        let gate = Gated::open(&home, kind);
        let (mut client, mut upstream) = api.stream(&gate);
        for number in 0..200 {
            passes(&mut upstream, &mut client, &format!("event: ping\ndata: {number}\n\n"));
        }
        // Also those that come together.
        let together: String = ["a", "bc", "def"].map(chunk).concat();
        upstream.say(format!("{together}0\r\n\r\n"));
        assert_eq!(client.until("0\r\n\r\n"), format!("{together}0\r\n\r\n"));
        // A body that has a length passes by the byte, too.
        client.say(gate.head("POST", "content-length: 3\r\n"));
        // It comes on the same connection, for that was idle.
        upstream.head();
        for byte in ["1", "2", "3"] {
            client.say(byte);
            assert_eq!(upstream.take(1), byte.as_bytes());
        }
        upstream.say("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n");
        client.head();
        for byte in ["1", "2", "3"] {
            upstream.say(byte);
            assert_eq!(client.take(1), byte.as_bytes());
        }
    }
}

#[test]
fn a_side_that_does_not_read_stops_the_other() {
    const MUCH: usize = 64 * 1024 * 1024;
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    for kind in KINDS {
        let gate = Gated::open(&home, kind);
        let mut client = gate.ask(&format!("content-length: {MUCH}\r\n"));
        let (mut upstream, _) = api.asked();
        let sent = client.fill(MUCH);
        assert!(sent < MUCH / 2, "{sent} bytes went nowhere");
        upstream.take(sent);
        let rest = vec![b'x'; MUCH - sent];
        let reader = std::thread::spawn(move || {
            upstream.take(MUCH - sent);
            upstream
        });
        client.say(rest);
        let mut upstream = reader.join().expect("all came");
        upstream.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n"));
        client.head();
        let sent = upstream.fill(MUCH);
        assert!(sent < MUCH / 2, "{sent} bytes went nowhere");
        let reader = std::thread::spawn(move || client.take(MUCH).len());
        upstream.say(vec![b'x'; MUCH - sent]);
        assert_eq!(reader.join().expect("all came"), MUCH);
    }
}

#[test]
fn the_api_sees_that_the_client_has_gone() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    for kind in KINDS {
        let gate = Gated::open(&home, kind);
        // Before the answer, within it, and with another request, or more than is read ahead, behind the first.
        for (answered, behind) in
            [(false, 0), (true, 0), (false, 1), (true, 1), (false, 4_000_000), (true, 4_000_000)]
        {
            let mut client = gate.ask(ONE);
            client.say("x");
            let (mut upstream, _) = api.asked();
            upstream.take(1);
            if answered {
                upstream.say(STREAM);
                client.head();
            }
            if behind > 0 {
                client.try_say(gate.head("POST", &format!("content-length: {behind}\r\n")));
                client.fill(behind);
            }
            drop(client);
            assert_eq!(upstream.rest(), "", "{kind} {answered} {behind}");
        }
        // Half of a request.
        let mut client = gate.ask("content-length: 9\r\n");
        client.say("half");
        let (mut upstream, _) = api.asked();
        upstream.take(4);
        drop(client);
        assert_eq!(upstream.rest(), "");
    }
    let server = servers(&home)[0];
    let before = descriptors(server);
    assert!(before < 40, "{before} descriptors are left");
}

#[test]
fn the_client_sees_that_the_api_has_gone() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    for kind in KINDS {
        let gate = Gated::open(&home, kind);
        let (mut client, mut upstream) = api.stream(&gate);
        passes(&mut upstream, &mut client, "data");
        drop(upstream);
        assert_eq!(client.rest(), "", "no last chunk");
        let mut client = gate.ask(ONE);
        client.say("x");
        let (mut upstream, _) = api.asked();
        upstream.say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        client.head();
        client.take(4);
        drop(upstream);
        assert_eq!(client.rest(), "");
    }
}

/// What the API answers while the body still comes is seen, by clients that read only when they have sent all as well.
#[test]
fn an_early_answer_is_seen_and_what_the_client_still_sends_is_drained() {
    const MUCH: usize = 16 * 1024 * 1024;
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    for kind in KINDS {
        let gate = Gated::open(&home, kind);
        for (hangs_up, said) in [(false, ""), (false, "no"), (true, "no")] {
            let mut client = gate.ask(&format!("content-length: {MUCH}\r\n"));
            let (mut upstream, _) = api.asked();
            client.say(vec![b'x'; 100_000]);
            upstream.say(format!("HTTP/1.1 413 X\r\ncontent-length: {}\r\n\r\n{said}", said.len()));
            let upstream = match hangs_up {
                // With bytes that it has not read: that is an abortion.
                true => None,
                false => Some(upstream),
            };
            let mut rest = || client.say(vec![b'x'; MUCH - 100_000]);
            match upstream {
                None => rest(),
                // The rest is not for the API, which learns that no more comes.
                Some(mut upstream) => {
                    upstream.rest();
                    rest();
                }
            }
            assert!(client.head().starts_with("http/1.1 413"), "{kind} {hangs_up}");
            assert_eq!(client.take(said.len()), said.as_bytes());
            // And the connection takes another request. That of the API is not kept: the test closes it without a word.
            client.say(gate.head("GET", ""));
            let (mut upstream, _) = api.asked();
            upstream.say("HTTP/1.1 204 X\r\nconnection: close\r\n\r\n");
            assert!(client.head().starts_with("http/1.1 204"));
        }
    }
}

#[test]
fn messages_end_where_http_says() {
    let api = Api::start();
    let home = home(&api.url);
    let _daemon = home.daemon();
    let gate = Gated::open(&home, "--gate=unix");
    // The client waits for the permission to send, and the API for nothing.
    let mut client = gate.ask("expect: 100-continue\r\ncontent-length: 2\r\n");
    assert!(client.head().starts_with("http/1.1 100"));
    let (mut upstream, head) = api.asked();
    assert!(!head.contains("expect") && head.contains("content-length: 2"), "{head}");
    client.say("ab");
    assert_eq!(upstream.take(2), b"ab");
    // Interim answers are the API's own business.
    upstream.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n");
    upstream.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n");
    upstream.say("1\r\na\r\n0\r\nx-sum: 1\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("http/1.1 200") && !head.contains("x-sum"), "{head}");
    assert_eq!(client.until("0\r\n\r\n"), "1\r\na\r\n0\r\n\r\n");
    // A chunked body, with trailers.
    client.say(gate.head("POST", "transfer-encoding: chunked\r\n"));
    client.say("3;x=y\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n");
    let head = upstream.head();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
    assert_eq!(upstream.until("0\r\n\r\n"), "3\r\nabc\r\n0\r\n\r\n");
    // None of these has a body, whatever its head says.
    for (method, status, length) in [("HEAD", 200, 7), ("GET", 204, 0), ("GET", 304, 7)] {
        let length = if length > 0 { format!("content-length: {length}\r\n") } else { String::new() };
        upstream.say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        client.head();
        client.say(gate.head(method, ""));
        let head = upstream.head();
        assert!(head.starts_with(&method.to_lowercase()) && !head.contains("transfer-encoding"), "{head}");
        upstream.say(format!("HTTP/1.1 {status} X\r\n{length}\r\n"));
        let head = client.head();
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
        // The length of what is not sent may be left out of a 304 (RFC 9110, section 8.6).
        assert!(status == 304 || head.contains(&length), "{head}");
        client.say(gate.head("GET", ""));
        upstream.head();
    }
    upstream.say("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("http/1.1 502"), "{head}");
    client.until("the API changed the protocol");
    assert_eq!(upstream.rest(), "");
}
