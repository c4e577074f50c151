//! What clients and servers may not say, byte by byte: a request is either refused with words, or the API sees one that can be read in one
//! way only.

use claviger_tests::{
    CANARY, Daemon, Home,
    by_hand::{Api, Wire},
    gated::{Gated, resident, servers},
    text,
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn home(url: &str) -> (Home, Daemon) {
    let home = Home::new();
    let helper = home.counting_helper("key", 0.0);
    home.user_settings(&helper, &[("ANTHROPIC_BASE_URL", &format!("{url}/base"))]);
    let daemon = home.daemon();
    (home, daemon)
}

/// Status and message of an answer of the gate's own.
#[track_caller]
fn refusal(client: &mut Wire) -> (u16, String) {
    let head = client.head();
    let body = body(client, &head);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{head}{body}"));
    assert_eq!(body["type"], "error", "{head}{body}");
    let message = body["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("claviger: "), "{head}{body}");
    (status, message.to_owned())
}

/// A request in the words of the table: `HOST` is where the gate is, `KEY` its placeholder.
fn filled(gate: &Gated, request: &str) -> String {
    let host = if gate.address.starts_with('/') { "localhost" } else { &gate.address };
    request.replace("HOST", host).replace("KEY", &gate.placeholder)
}

/// What is refused: the bytes, the status, and a part of the message.
#[rustfmt::skip]
const REFUSED: &[(&str, u16, &str)] = &[
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "both Content-Length"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", 400, "both Content-Length"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx", 400, "more than one Content-Length"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 1\r\nContent-Length: 9\r\n\r\nx", 400, "more than one Content-Length"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 1, 1\r\n\r\nx", 400, "not a number"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: +1\r\n\r\nx", 400, "not a number"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 0x1\r\n\r\nx", 400, "not a number"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length:\r\n\r\nx", 400, "not a number"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length : 1\r\n\r\nx", 400, "character that HTTP forbids"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "is chunked"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, "is chunked"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "is chunked"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n", 400, "is chunked"),
    ("POST / HTTP/1.0\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "of HTTP/1.1"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400, "control character"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nx-a: 1\r\n 2\r\n\r\n", 400, "goes on in the next line"),
    ("GET / HTTP/1.1\r\n x: y\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "goes on in the next line"),
    ("GET / HTTP/1.1\nhost: HOST\nx-api-key: KEY\n\n", 400, "CR LF"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\nx-a: 1\r\n\r\n", 400, "CR LF"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\rx-a: 1\r\n\r\n", 400, "control character"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nx-a: 1\0\r\n\r\n", 400, "control character"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nx-a: \x1b[2J\r\n\r\n", 400, "control character"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nx-a: \x7f\r\n\r\n", 400, "control character"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nno colon\r\n\r\n", 400, "no colon"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n: empty\r\n\r\n", 400, "character that HTTP forbids"),
    ("GET http://evil.example/ HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "path"),
    ("GET http://HOST/ HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "path"),
    ("GET evil.example:443 HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "path"),
    ("OPTIONS * HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "path"),
    ("GET /a#b HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "path"),
    ("GET /a b HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "first line"),
    ("GET /v1/../admin HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "leads upwards"),
    ("GET /v1/%2e%2E/admin HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "leads upwards"),
    ("GET /v1%2f..%2fadmin HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "leads upwards"),
    ("GET /v1\\..\\admin HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "leads upwards"),
    ("GET / HTTP/1.1\r\nx-api-key: KEY\r\n\r\n", 400, "one Host"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "one Host"),
    ("GET / HTTP/1.1\r\nhost: api.anthropic.com\r\nx-api-key: KEY\r\n\r\n", 421, "another host"),
    ("GET / HTTP/1.1\r\nhost: HOST@evil.example\r\nx-api-key: KEY\r\n\r\n", 421, "another host"),
    ("GET / HTTP/1.1\r\nhost: HOST.evil.example\r\nx-api-key: KEY\r\n\r\n", 421, "another host"),
    ("GET / HTTP/1.1\r\nhost: \r\nx-api-key: KEY\r\n\r\n", 421, "another host"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n", 400, "WebSocket"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n", 400, "upgrade"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"),
    ("GET / HTTP/3.0\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 505, "HTTP/1.1"),
    ("CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n", 405, "CONNECT"),
    ("get / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "method"),
    ("G\x0bT / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", 400, "control character"),
    ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\n\n", 400, "CR LF"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nexpect: 200-maybe\r\ncontent-length: 0\r\n\r\n", 417, "100-continue"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: sk-ant-api03-another\r\ncontent-length: 0\r\n\r\n", 401, "credential of its own"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nx-api-key: sk-ant-api03-another\r\ncontent-length: 0\r\n\r\n", 401, "credential of its own"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer sk-ant-oat01-another\r\ncontent-length: 0\r\n\r\n", 401, "credential of its own"),
    ("POST / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nauthorization: Basic dTpw\r\ncontent-length: 0\r\n\r\n", 401, "credential of its own"),
    ("GET / HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nx-claviger-refused: 1\r\n\r\n", 400, "one of the gate's own"),
];

#[test]
fn what_can_be_read_in_two_ways_is_refused_with_words_and_reaches_no_server() {
    let api = Api::start();
    let (home, _daemon) = home(&api.url);
    for kind in ["--gate=unix", "--gate=tcp"] {
        let gate = Gated::open(&home, kind);
        for (request, status, part) in REFUSED {
            let mut client = gate.connect();
            client.say(filled(&gate, request));
            // What follows must not be taken for a request, if it is not known where the first one ends.
            client.try_say(filled(&gate, "GET /smuggled HTTP/1.1\r\nhost: evil\r\nx-api-key: KEY\r\n\r\n"));
            let (found, message) = refusal(&mut client);
            assert_eq!(found, *status, "{request:?}: {message}");
            assert!(message.contains(part), "{request:?}: {message}");
            let is_clear = [401, 421].contains(status);
            match is_clear {
                true => assert_eq!(refusal(&mut client).0, 421, "{request:?}"),
                false => assert_eq!(client.rest(), "", "{request:?}"),
            }
        }
        assert!(api.is_quiet(), "nothing of it went on");
    }
}

/// What goes on: the bytes, and the first line, framing and body that the API sees.
#[rustfmt::skip]
const PASSED: &[(&str, &str, &str, &str)] = &[
    ("GET //evil.example/x HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", "GET /base//evil.example/x HTTP/1.1", "", ""),
    ("GET /a%2Fb%2f%00?q=../../x&u=http://e/ HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", "GET /base/a%2Fb%2f%00?q=../../x&u=http://e/ HTTP/1.1", "", ""),
    ("GET /a..b/... HTTP/1.1\r\nhost: HOST\r\nauthorization: Bearer KEY\r\n\r\n", "GET /base/a..b/... HTTP/1.1", "", ""),
    ("POST /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ntransfer-encoding: chunked\r\n\r\n2;x=\"y\"\r\nab\r\n1\r\nc\r\n0\r\nx-trailer: 1\r\n\r\n", "POST /base/m HTTP/1.1", "transfer-encoding: chunked", "abc"),
    ("POST /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nTransfer-Encoding: CHUNKED\r\n\r\n03\r\nabc\r\n000\r\n\r\n", "POST /base/m HTTP/1.1", "transfer-encoding: chunked", "abc"),
    ("POST /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 003\r\n\r\nabc", "POST /base/m HTTP/1.1", "content-length: 3", "abc"),
    ("POST /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\nconnection: content-length, x-api-key, host\r\ncontent-length: 3\r\n\r\nabc", "POST /base/m HTTP/1.1", "content-length: 3", "abc"),
    ("POST /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 0\r\n\r\n", "POST /base/m HTTP/1.1", "content-length: 0", ""),
    ("DELETE /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 3\r\n\r\nabc", "DELETE /base/m HTTP/1.1", "content-length: 3", "abc"),
    ("GET /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\ncontent-length: 3\r\n\r\nabc", "GET /base/m HTTP/1.1", "content-length: 3", "abc"),
    ("GET /m HTTP/1.0\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", "GET /base/m HTTP/1.1", "", ""),
    ("\r\n\r\nGET /m HTTP/1.1\r\nhost: HOST\r\nx-api-key: KEY\r\n\r\n", "GET /base/m HTTP/1.1", "", ""),
];
/// What a client may say beside that, of which the API must see nothing.
const DROPPED: &str = "cookie: session=sk-canary-cookie\r\nproxy-authorization: Basic c2stY2FuYXJ5\r\nproxy-connection: keep-alive\r\n\
     keep-alive: timeout=5\r\nte: trailers\r\ntrailer: x-trailer\r\nx-own: 1\r\nconnection: x-own, keep-alive\r\n";

/// The body of a request or an answer in HTTP/1.1, as its head says.
fn body(wire: &mut Wire, head: &str) -> String {
    if head.contains("\r\ntransfer-encoding: chunked\r\n") {
        let mut body = String::new();
        loop {
            let size = wire.until("\r\n");
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap_or_else(|_| panic!("{size:?}"));
            let chunk = text(&wire.take(size));
            assert_eq!(wire.take(2), b"\r\n");
            if size == 0 {
                return body;
            }
            body.push_str(&chunk);
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    text(&wire.take(length.map_or(0, |length| length.parse().expect("a number"))))
}

#[test]
fn what_goes_on_is_one_request_that_can_be_read_in_one_way() {
    let api = Api::start();
    let (home, _daemon) = home(&api.url);
    for kind in ["--gate=unix", "--gate=tcp"] {
        let gate = Gated::open(&home, kind);
        for (request, line, framing, expected) in PASSED {
            let mut client = gate.connect();
            let (first, rest) = request.split_once("HOST\r\n").expect("a host");
            client.say(filled(&gate, &format!("{first}HOST\r\n{DROPPED}{rest}")));
            let (mut upstream, head) = api.asked();
            let line = line.to_ascii_lowercase();
            assert!(head.starts_with(&format!("{line}\r\n")), "{request:?}: {head}");
            let lines: Vec<_> = head.lines().skip(1).filter(|line| !line.is_empty()).collect();
            let framed =
                |line: &&&str| line.starts_with("content-length") || line.starts_with("transfer-encoding");
            let framed: Vec<_> = lines.iter().filter(framed).copied().collect();
            assert_eq!(framed, framing.split_terminator('\n').collect::<Vec<_>>(), "{request:?}: {head}");
            let hosts: Vec<_> = lines.iter().filter(|line| line.starts_with("host:")).collect();
            assert_eq!(hosts, [&format!("host: {}", &api.url[7..])], "{head}");
            let keys = lines.iter().filter(|line| line.starts_with("x-api-key: "));
            assert!(keys.clone().count() == 1 && keys.clone().all(|key| key.contains(CANARY)), "{head}");
            for name in ["cookie", "proxy-", "keep-alive", "te:", "trailer", "x-own", "connection", "upgrade"]
            {
                assert!(lines.iter().all(|line| !line.starts_with(name)), "{name} in {head}");
            }
            assert!(!head.contains(&gate.placeholder.to_ascii_lowercase()), "{head}");
            assert_eq!(body(&mut upstream, &head), *expected, "{request:?}");
            upstream.say(OK);
            assert!(client.head().starts_with("http/1."), "{request:?}");
            assert_eq!(client.take(2), b"ok");
            // Nothing follows, neither there nor here.
            drop(client);
            upstream.finish();
            assert_eq!(upstream.rest(), "", "{request:?}");
        }
    }
}

#[test]
fn a_body_that_breaks_its_own_form_is_never_taken_for_a_whole_one() {
    let api = Api::start();
    let (home, _daemon) = home(&api.url);
    let gate = Gated::open(&home, "--gate");
    for sent in [
        "2\r\nabX\r\n0\r\n\r\n",
        "2\nab\r\n0\r\n\r\n",
        "2 \r\nab\r\n0\r\n\r\n",
        "-1\r\nab\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nab\r\n0\r\n\r\n",
        "2;a\nb\r\nab\r\n0\r\n\r\n",
        "2\r\nab\r\n0\r\nx: y\n\r\n",
    ] {
        let mut client = gate.ask("transfer-encoding: chunked\r\n");
        client.say(format!("{sent}GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        let (status, message) = refusal(&mut client);
        assert!(status == 400 && message.contains("not whole"), "{sent:?}: {status} {message}");
        assert_eq!(client.rest(), "", "{sent:?}");
        let seen = api.accept().rest();
        assert!(!seen.contains("smuggled") && !seen.ends_with("0\r\n\r\n"), "{sent:?}: {seen}");
    }
    // One that ends early.
    let mut client = gate.ask("content-length: 5\r\n");
    client.say("ab");
    let (mut upstream, _) = api.asked();
    assert_eq!(upstream.take(2), b"ab");
    client.finish();
    assert_eq!(upstream.rest(), "");
    assert!(api.is_quiet());
}

/// What an API may say that is not as it should be: its bytes, which the gate answers itself with 502 and these words.
#[rustfmt::skip]
const GARBAGE: &[(&str, &str)] = &[
    ("garbage\r\n\r\n", "is no HTTP"),
    ("SSH-2.0-OpenSSH_9.2\r\n", "is no HTTP"),
    ("\x15\x03\x01\0\x02\x02\x46", "is no HTTP"),
    ("HTTP/1.1 99999 OK\r\n\r\n", "is no HTTP"),
    ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "is no HTTP"),
    ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", "is no HTTP"),
    ("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", "is no HTTP"),
    ("HTTP/1.1 200 OK\r\nx y: a\r\n\r\n", "is no HTTP"),
    ("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", "changed the protocol"),
    ("", "broke off the connection"),
    ("HTTP/1.1 200 OK\r\nx: y", "broke off the connection"),
];

#[test]
fn what_is_no_answer_becomes_an_error_with_words_and_the_request_is_not_sent_again() {
    let api = Api::start();
    let (home, _daemon) = home(&api.url);
    let gate = Gated::open(&home, "--gate");
    for (answer, part) in GARBAGE {
        let mut client = gate.ask("content-length: 0\r\n");
        let (mut upstream, _) = api.asked();
        upstream.say(answer);
        upstream.finish();
        let (status, message) = refusal(&mut client);
        assert!(status == 502 && message.contains(part), "{answer:?}: {status} {message}");
        assert!(message.contains(&api.url[7..]) || part.contains("protocol"), "{answer:?}: {message}");
        assert!(api.is_quiet(), "{answer:?}");
    }
}

#[test]
fn a_head_without_end_is_not_read_to_its_end() {
    let api = Api::start();
    let (home, _daemon) = home(&api.url);
    let gate = Gated::open(&home, "--gate");
    let [server] = servers(&home)[..] else { panic!("one process serves") };
    let one = format!("x-a: {}\r\n", "a".repeat(1000)).repeat(64);
    for head in [one, "x: y\r\n".repeat(10_000), "a".repeat(64 * 1024)] {
        let mut client = gate.ask("content-length: 0\r\n");
        let (mut upstream, _) = api.asked();
        upstream.say("HTTP/1.1 200 OK\r\n");
        // 100 MB, if the gate took them.
        let mut said = 0;
        while said < 100 << 20 && upstream.try_say(&head) {
            said += head.len();
        }
        assert!(said < 10 << 20, "{said} bytes were taken");
        let (status, message) = refusal(&mut client);
        assert!(status == 502 && message.contains("64 KiB"), "{message}");
    }
    assert!(resident(server) < 40_000, "{} kB", resident(server));
}

#[test]
fn answers_pass_without_what_is_of_one_connection_and_redirects_are_not_followed() {
    let api = Api::start();
    let (home, _daemon) = home(&api.url);
    let gate = Gated::open(&home, "--gate");
    let answer = "HTTP/1.1 307 Elsewhere\r\nlocation: https://evil.example/v1/messages\r\nset-cookie: a=b; Path=/\r\n\
        connection: x-own, keep-alive\r\nkeep-alive: timeout=5\r\nx-own: 1\r\nproxy-authenticate: Basic\r\ntrailer: x-t\r\n\
        upgrade: h2c\r\nrequest-id: req_1\r\ncontent-length: 2\r\n\r\nno";
    let mut client = gate.ask("content-length: 0\r\n");
    let (mut upstream, _) = api.asked();
    upstream.say(answer);
    let head = client.head();
    assert!(
        head.starts_with("http/1.1 307") && head.contains("location: https://evil.example/v1/messages"),
        "{head}"
    );
    assert!(head.contains("set-cookie: a=b; path=/\r\n") && head.contains("request-id: req_1"), "{head}");
    for name in ["connection:", "keep-alive:", "x-own", "proxy-authenticate", "trailer", "upgrade"] {
        assert!(!head.contains(&format!("\r\n{name}")), "{name}: {head}");
    }
    assert_eq!(client.take(2), b"no");
    assert!(api.is_quiet(), "it was not followed");
    // The cookie is the client's affair; the gate has no jar.
    client.say(gate.head("GET", ""));
    assert!(!upstream.head().contains("cookie"));
}

/// Answers whose length can be understood in two ways or is not kept: what the client sees of the body, and whether it is whole.
#[test]
fn answers_that_lie_about_their_length_reach_the_client_as_one_or_as_broken() {
    let api = Api::start();
    let (home, _daemon) = home(&api.url);
    let gate = Gated::open(&home, "--gate");
    for (framing, sent, is_whole) in [
        ("content-length: 3\r\ntransfer-encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n", true),
        ("transfer-encoding: chunked\r\ncontent-length: 900\r\n", "2\r\nab\r\n0\r\n\r\n", true),
        ("content-length: 2\r\n", "abHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", true),
        ("", "ab", true),
        ("content-length: 5\r\n", "ab", false),
        ("transfer-encoding: chunked\r\n", "2\r\nab\r\n", false),
        ("transfer-encoding: chunked\r\n", "2\r\nabX\r\n0\r\n\r\n", false),
    ] {
        let mut client = gate.ask("content-length: 0\r\n");
        let (mut upstream, _) = api.asked();
        upstream.say(format!("HTTP/1.1 200 OK\r\n{framing}\r\n{sent}"));
        upstream.finish();
        let head = client.head();
        let framed = head
            .lines()
            .filter(|line| line.starts_with("content-length") || line.starts_with("transfer-encoding"));
        assert_eq!(framed.count(), 1, "{framing:?}: {head}");
        if is_whole {
            assert_eq!(body(&mut client, &head), "ab", "{framing:?}: {head}");
            // The next answer is that to the next request.
            client.say(gate.head("GET", ""));
            let (mut upstream, _) = api.asked();
            upstream.say(OK);
            assert!(client.head().contains("\r\ncontent-length: 2\r\n"));
            assert_eq!(client.take(2), b"ok");
        } else {
            let rest = client.rest();
            assert!(!rest.contains("0\r\n\r\n") && !rest.ends_with("abX"), "{framing:?}: {rest}");
        }
        assert!(api.is_quiet());
    }
}
