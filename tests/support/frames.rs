//! HTTP/2 by hand, for what no client library would send.

/// With what every connection begins: the preface, and empty settings.
pub fn greeting() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[])].concat()
}

/// Type of a frame of headers.
pub const HEADERS: u8 = 1;
/// Type of a frame that ends a stream.
pub const RESET: u8 = 3;
/// Type of a frame of settings.
pub const SETTINGS: u8 = 4;
/// Type of a frame with more headers.
pub const CONTINUATION: u8 = 9;
/// Flag: no further headers.
pub const END_HEADERS: u8 = 4;

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
