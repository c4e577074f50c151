//! HTTP/2 by hand, for what no client library would send.

/// With what every connection begins: the preface, and empty settings.
pub fn greeting() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[])].concat()
}

/// Type of a frame of a message.
const DATA: u8 = 0;
/// Type of a frame of headers.
pub const HEADERS: u8 = 1;
/// Type of a frame that ends a stream.
const RESET: u8 = 3;
/// Type of a frame of settings.
pub const SETTINGS: u8 = 4;
/// Type of a frame with more headers.
const CONTINUATION: u8 = 9;
/// Flag: no further headers.
pub const END_HEADERS: u8 = 4;
/// Length of a large message: more than the daemon reads of one.
const LARGE: u32 = 4 << 20;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it fits").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Headers of a call of `method`, such as `/claviger.v1.InspectService/GetStatus`.
pub fn call(stream: u32, method: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86]; // :method POST, :scheme http
    for (name, value) in [
        (&[0x04][..], method),
        (&[0x01], "localhost"),
        (&[0x0f, 0x10], "application/grpc"),
        (&[0x00, 0x02, b't', b'e'], "trailers"),
    ] {
        block.extend_from_slice(name);
        block.push(u8::try_from(value.len()).ok().filter(|length| *length < 0x7f).expect("a short text"));
        block.extend_from_slice(value.as_bytes());
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// What makes a connection a burden, with a name: everything that is sent on it. `method` is a call that takes a message.
pub fn burdens(method: &str) -> Vec<(&'static str, Vec<u8>)> {
    let call_of = |stream| call(stream, method);
    let with = |bytes: &[u8]| [&greeting(), bytes].concat();
    let headers = call_of(1);
    let begun = frame(HEADERS, 0, 1, &headers[9..]);
    let more = frame(CONTINUATION, 0, 1, &[&[0, 1, b'x', 0x7f, 0x81, 0x7e][..], &[b'y'; 16_000]].concat());
    let resets: Vec<u8> = (0..5000)
        .flat_map(|number| [call_of(2 * number + 1), frame(RESET, 0, 2 * number + 1, &[0, 0, 0, 8])])
        .flatten()
        .collect();
    // gRPC's own prefix: not compressed, and so many bytes.
    let prefix = [&[0][..], &LARGE.to_be_bytes(), &[0; 16_000]].concat();
    let message = [frame(DATA, 0, 1, &prefix), frame(DATA, 0, 1, &[0; 16_000]).repeat(3)].concat();
    vec![
        ("silence", Vec::new()),
        ("half a preface", greeting()[..10].to_vec()),
        ("a greeting", greeting()),
        ("half of the headers", with(&headers[..headers.len() / 2])),
        ("no message", with(&headers)),
        ("the first bytes of 4 MiB", with(&[headers.as_slice(), &message].concat())),
        ("headers without an end", with(&[begun, more.repeat(64)].concat())),
        ("calls that are reset", with(&resets)),
    ]
}
