//! Heads that are accepted or refused, and the ends of bodies.

use super::{Body, Framing, MAX_HEADERS, check, end};

fn refused(head: &str) -> Option<(u16, &'static str)> {
    check(head.as_bytes()).err().map(|refusal| (refusal.status.as_u16(), refusal.why))
}

#[test]
fn what_is_plain_is_taken() {
    for (head, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::Length(0)),
        (
            "POST /v1/messages?beta=true HTTP/1.1\r\nhost: a\r\nContent-Length: 12\r\n\r\n",
            Framing::Length(12),
        ),
        ("POST /a%2Fb//c HTTP/1.1\r\nhost:a\r\ntransfer-encoding:\tChunked \r\n\r\n", Framing::Chunked),
        ("GET / HTTP/1.0\r\n\r\n", Framing::Length(0)),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
            Framing::Length(0),
        ),
        ("GET /a..b/.../c.?x=../y HTTP/1.1\r\nHost: a\r\nConnection: x-api-key\r\n\r\n", Framing::Length(0)),
    ] {
        assert_eq!(check(head.as_bytes()), Ok(expected), "{head:?}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (head, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\r\nX: 1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET http://evil/ HTTP/1.1\r\nHost: evil\r\n\r\n", 400),
        ("GET evil:443 HTTP/1.1\r\nHost: evil\r\n\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /v1/../admin HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /v1/%2e%2E/admin HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /v1%2f..%5cadmin HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /.;x/admin HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
        ("CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n", 405),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", 417),
        ("PRI * HTTP/2.0\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ] {
        assert_eq!(refused(head).map(|(status, _)| status), Some(status), "{head:?}");
    }
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(MAX_HEADERS));
    assert_eq!(refused(&many).map(|(status, _)| status), Some(431));
}

#[test]
fn a_head_ends_with_an_empty_line() {
    assert_eq!(end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest"), Some(27));
    assert_eq!(end(b"GET / HTTP/1.1\n\nrest"), Some(16));
    assert_eq!(end(b"GET / HTTP/1.1\n\r\nrest"), Some(17));
    assert_eq!(end(b"GET / HTTP/1.1\r\nHost: a\r\n"), None);
}

/// However the bytes arrive, the body ends at the same place.
#[test]
fn bodies_end_where_they_say() {
    for (framing, bytes, expected) in [
        (Framing::Length(3), "abcGET", Some(3)),
        (Framing::Length(0), "GET", Some(0)),
        (Framing::Length(9), "abc", None),
        (Framing::Chunked, "3\r\nabc\r\n0\r\n\r\nGET", Some(13)),
        (Framing::Chunked, "3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET", Some(40)),
        (Framing::Chunked, "3\r\nabc\r\n", None),
    ] {
        for size in 1..=bytes.len() {
            let (mut body, mut at, mut complete) = (Body::from(framing), 0, false);
            for part in bytes.as_bytes().chunks(size) {
                let (taken, done) = body.take(part);
                at += taken;
                complete = done;
                if done {
                    break;
                }
                assert_eq!(taken, part.len(), "{bytes:?}");
            }
            assert_eq!(complete.then_some(at), expected, "{bytes:?} by {size}");
        }
    }
}

#[test]
fn chunks_that_could_be_read_in_two_ways_break_the_body() {
    for bytes in [
        "3\nabc\r\n",
        "x\r\n",
        "\r\n",
        ";\r\n",
        "3\r\nabcd\r\n",
        "3 \r\nabc\r\n",
        "ffffffffffffffff\r\n",
        "0\r\n\n",
    ] {
        let mut body = Body::from(Framing::Chunked);
        let (_, complete) = body.take(bytes.as_bytes());
        assert!(!complete && body == Body::Broken, "{bytes:?}: {body:?}");
    }
}
