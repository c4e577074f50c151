//! What clients send to a gate: heads and bodies of requests.

use crate::check_message;
use clavigerd_gate::{
    fuzz::{LENT, sent_on},
    head::{Body, Framing, MAX_HEAD, MAX_HEADERS, check, end},
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How many bytes of a body arrive at once, in one byte; then a request.
pub fn gates(input: &[u8]) {
    let Some((part, bytes)) = input.split_first() else { return };
    let Some(length) = end(bytes).filter(|length| *length <= MAX_HEAD) else { return };
    let (head, rest) = bytes.split_at(length);
    assert!((0..length).all(|shorter| end(&head[..shorter]).is_none()), "a head ends where it does first");
    let framing = match check(head) {
        Ok(framing) => framing,
        Err(refusal) => {
            assert!(refusal.status.is_client_error() || refusal.status.as_u16() == 505);
            return check_message(refusal.why);
        }
    };
    let headers = as_hyper_reads(head);
    let named = |name: &str| headers.get_all(name).iter().collect::<Vec<_>>();
    match framing {
        Framing::Length(length) => {
            assert!(named("transfer-encoding").is_empty());
            let said: Vec<u64> = named("content-length").iter().map(|value| number(value)).collect();
            assert!(said == [length] || said.is_empty() && length == 0);
        }
        Framing::Chunked => {
            assert!(named("content-length").is_empty());
            let [coding] = named("transfer-encoding")[..] else { panic!("one coding") };
            assert!(coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
        }
    }
    if let Some(sent) = sent_on(headers.clone()) {
        is_clean(&headers, &sent);
    }
    let whole = ends(framing, rest, rest.len().max(1));
    assert_eq!(whole, ends(framing, rest, usize::from(*part).max(1)), "it depends on how it arrives");
    if let (Framing::Chunked, Some(whole)) = (framing, whole) {
        assert!(rest[..whole].ends_with(b"\r\n\r\n"));
        as_httparse_reads(&rest[..whole]);
    }
}

/// The headers, which are those of a request that another parser accepts.
fn as_hyper_reads(head: &[u8]) -> HeaderMap {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(head).expect("hyper would take it");
    assert_eq!(parsed, httparse::Status::Complete(head.len()));
    let path = request.path.expect("a path");
    let (way, _) = path.split_once('?').unwrap_or((path, ""));
    assert!(way.starts_with('/') && !way.contains("/../") && !way.ends_with("/.."), "{path}");
    assert!(head.starts_with(format!("{} {path} HTTP/1.", request.method.expect("a method")).as_bytes()));
    let one = |header: &httparse::Header<'_>| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).expect("a name");
        (name, HeaderValue::from_bytes(header.value).expect("a value"))
    };
    request.headers.iter().map(one).collect()
}

fn number(value: &HeaderValue) -> u64 {
    value.to_str().expect("digits").parse().expect("a number")
}

/// What goes on has the credential that is lent and no other, and nothing that is of the connection.
fn is_clean(headers: &HeaderMap, sent: &HeaderMap) {
    assert_eq!(sent.get_all("x-api-key").iter().collect::<Vec<_>>(), [LENT]);
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "content-length",
        "upgrade",
        "host",
        "expect",
    ] {
        assert!(!sent.contains_key(name), "{name}");
    }
    for (name, value) in sent.iter().filter(|(name, _)| *name != "x-api-key") {
        assert!(headers.get_all(name).iter().any(|own| own == value), "{name} is no header of the client");
    }
}

/// Where a body ends of which so many bytes arrive at once.
fn ends(framing: Framing, bytes: &[u8], part: usize) -> Option<usize> {
    let (mut body, mut at) = (Body::from(framing), 0);
    // A body without bytes is complete before one comes.
    if let (0, true) = body.take(&[]) {
        return Some(0);
    }
    for part in bytes.chunks(part) {
        let (taken, is_complete) = body.take(part);
        at += taken;
        if is_complete {
            return Some(at);
        }
        if body == Body::Broken {
            return None;
        }
        assert_eq!(taken, part.len());
    }
    None
}

/// Goes over chunks with another parser, up to the trailers.
fn as_httparse_reads(mut body: &[u8]) {
    loop {
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(body) else {
            panic!("hyper would not take it")
        };
        let size = usize::try_from(size).expect("it is here");
        if size == 0 {
            return;
        }
        assert_eq!(&body[line + size..][..2], b"\r\n");
        body = &body[line + size + 2..];
    }
}
