//! One conversation in HTTP/1.1.

use super::{Request, Response};
use std::{
    io::{Read, Write},
    thread,
};

/// One request and its answer; then the connection is closed.
pub(super) fn converse(mut stream: impl Read + Write, answer: impl Fn(&Request) -> Response) {
    let Some(request) = read(&mut stream) else { return };
    let response = answer(&request);
    thread::sleep(response.delay);
    if response.hangs_up {
        return;
    }
    if response.never {
        // Until the client gives up.
        drop(stream.read(&mut [0]));
        return;
    }
    if let Some(bytes) = &response.verbatim {
        drop(stream.write_all(bytes).and_then(|()| stream.flush()));
        return;
    }
    let connection = if response.lingers { "keep-alive" } else { "close" };
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: {connection}\r\n", response.status);
    head.push_str(&format!("content-length: {}\r\n", response.body.len()));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // The client may have given up.
    if response.drip.is_zero() {
        head.push_str(&format!("\r\n{}", response.body));
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.flush()));
        if response.lingers {
            drop(stream.read(&mut [0]));
        }
        return;
    }
    drop(stream.write_all(format!("{head}\r\n").as_bytes()));
    for byte in response.body.as_bytes() {
        if stream.write_all(&[*byte]).and_then(|()| stream.flush()).is_err() {
            return;
        }
        thread::sleep(response.drip);
    }
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = parsed.parse(&bytes).ok()? {
            let mut request = request(&parsed);
            let length = request.header("content-length").parse().unwrap_or(0);
            while bytes.len() < head + length {
                match stream.read(&mut chunk) {
                    Ok(count @ 1..) => bytes.extend_from_slice(&chunk[..count]),
                    _ => return None,
                }
            }
            request.body = String::from_utf8_lossy(&bytes[head..head + length]).into_owned();
            return Some(request);
        }
        match stream.read(&mut chunk) {
            Ok(count @ 1..) => bytes.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
}

fn request(parsed: &httparse::Request<'_, '_>) -> Request {
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |header: &httparse::Header<'_>| {
        (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
    };
    Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parsed.headers.iter().map(header).collect(),
        body: String::new(),
    }
}
