//! The head of a request as it arrived, and the end of the body after it. A head that two servers could read differently is refused,
//! because request smuggling depends on that (RFC 9112, section 11.2). Pure.

use http::StatusCode;

/// Longest head, in bytes.
pub const MAX_HEAD: usize = 64 * 1024;
/// Most headers. The lease adds some, and hyper accepts 100.
pub const MAX_HEADERS: usize = 80;
/// Longest line with the length of a chunk, and most bytes of trailers.
const MAX_LINE: usize = 4096;

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status of the answer.
    pub status: StatusCode,
    /// The sentence in the answer.
    pub why: &'static str,
}

/// Length of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// That many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

const fn bad(why: &'static str) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, why }
}

/// A head that is too long.
pub(crate) const TOO_LONG: Refusal = Refusal {
    status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    why: "the head of the request is too long",
};
/// A head that takes too long.
pub(crate) const TOO_SLOW: Refusal =
    Refusal { status: StatusCode::REQUEST_TIMEOUT, why: "the head of the request took too long" };

/// Position after the head at the beginning of `bytes`; `None` if it is incomplete.
pub fn end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == b'\n')? + 1;
        // A head that ends with bare line feeds counts as complete, and is then refused.
        match bytes[from..] {
            [b'\n', ..] => return Some(from + 1),
            [b'\r', b'\n', ..] => return Some(from + 2),
            _ => {}
        }
    }
}

/// Checks a whole head, including its empty line.
///
/// # Errors
/// Why the request is not taken.
pub fn check(head: &[u8]) -> Result<Framing, Refusal> {
    const WRONG: Refusal = bad("the head has a line that does not end with CR LF, or a control character");
    let mut lines = Vec::with_capacity(32);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").filter(|line| !line.iter().any(is_control));
        lines.push(line.ok_or(WRONG)?);
    }
    if lines.pop() != Some(b"") {
        return Err(WRONG);
    }
    let (first, fields) = lines.split_first().ok_or(bad("the request has no first line"))?;
    let is_old = first_line(first)?;
    if fields.len() > MAX_HEADERS {
        return Err(Refusal { why: "the request has too many headers", ..TOO_LONG });
    }
    let fields = fields.iter().map(|line| field(line)).collect::<Result<Vec<_>, _>>()?;
    let values = |name: &str| {
        let found = fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    if !values("upgrade").is_empty() {
        return Err(bad(
            "the protocol cannot be changed here: neither WebSocket nor any other upgrade goes through a gate",
        ));
    }
    if values("host").len() > 1 || values("host").is_empty() && !is_old {
        return Err(bad("a request has one Host header"));
    }
    if values("expect").iter().any(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal {
            status: StatusCode::EXPECTATION_FAILED,
            why: "nothing but 100-continue can be expected",
        });
    }
    framing(&values("content-length"), &values("transfer-encoding"), is_old)
}

fn framing(lengths: &[&[u8]], codings: &[&[u8]], is_old: bool) -> Result<Framing, Refusal> {
    match (lengths, codings) {
        ([], []) => Ok(Framing::Length(0)),
        ([length], []) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let number =
                std::str::from_utf8(length).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            number.map(Framing::Length).ok_or(bad("Content-Length is not a number"))
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") && !is_old => Ok(Framing::Chunked),
        ([], _) => Err(bad("the one Transfer-Encoding that is taken is chunked, of HTTP/1.1")),
        (_, []) => Err(bad("the request has more than one Content-Length")),
        _ => Err(bad("the request has both Content-Length and Transfer-Encoding")),
    }
}

/// Whether the request uses HTTP/1.0.
fn first_line(line: &[u8]) -> Result<bool, Refusal> {
    let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return Err(bad("the first line is not one of HTTP/1.1"));
    };
    match (method, version) {
        (b"PRI", _) | (_, b"HTTP/2.0") => {
            return Err(Refusal {
                status: StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                why: "a gate speaks HTTP/1.1",
            });
        }
        (b"CONNECT", _) => {
            return Err(Refusal {
                status: StatusCode::METHOD_NOT_ALLOWED,
                why: "a gate leads to one API and is no proxy for others: CONNECT is refused",
            });
        }
        _ => {}
    }
    if method.is_empty() || !method.iter().all(u8::is_ascii_uppercase) {
        return Err(bad("the method is not one in capital letters"));
    }
    if !target.starts_with(b"/") || !target.iter().all(|byte| matches!(byte, b'!'..=b'~') && *byte != b'#') {
        return Err(bad(
            "the target of a request is a path here: a gate leads to one API and is no proxy for others",
        ));
    }
    if climbs(target) {
        return Err(bad("the path has a segment that leads upwards"));
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(Refusal { status: StatusCode::HTTP_VERSION_NOT_SUPPORTED, why: "a gate speaks HTTP/1.1" }),
    }
}

/// Whether a segment of the path is `.` or `..`, plain or encoded: it could lead out of the base path.
fn climbs(target: &[u8]) -> bool {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let text = String::from_utf8_lossy(&lower).replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    text.split(['/', '\\', ';']).any(|segment| matches!(segment, "." | ".."))
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return Err(bad("a header goes on in the next line, which is no longer allowed"));
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or(bad("a header has no colon"))?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    match !name.is_empty() && name.iter().all(is_name) {
        true => Ok((name, value.trim_ascii())),
        false => Err(bad("the name of a header has a character that HTTP forbids")),
    }
}

fn is_control(byte: &u8) -> bool {
    *byte != b'\t' && (*byte < b' ' || *byte == 0x7f)
}

/// Position in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// That many bytes follow, and then the next head.
    Rest(u64),
    /// In the line with the length of the next chunk; that many of its bytes were read.
    Size(usize, u64),
    /// After the carriage return of that line.
    SizeEnd(u64),
    /// In an extension of that line, which is ignored.
    Extension(usize, u64),
    /// That many bytes of a chunk follow.
    Chunk(u64),
    /// The line end after a chunk; whether its first half was read.
    ChunkEnd(bool),
    /// In the trailers: bytes so far, and bytes of the current line.
    Trailers(usize, usize),
    /// After the carriage return of a trailer.
    TrailerEnd(usize),
    /// After the carriage return of the empty line that ends the body.
    Last,
    /// The body cannot be read any further.
    Broken,
}

impl From<Framing> for Body {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Rest(length),
            Framing::Chunked => Self::Size(0, 0),
        }
    }
}

impl Body {
    /// Follows the body through `bytes`. Returns how many belong to it, and whether it is complete.
    pub fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        loop {
            if let Self::Rest(0) = self {
                return (at, true);
            }
            if at == bytes.len() || *self == Self::Broken {
                return (at, false);
            }
            match self {
                Self::Rest(left) | Self::Chunk(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += taken;
                    *left -= taken as u64;
                    if *self == Self::Chunk(0) {
                        *self = Self::ChunkEnd(false);
                    }
                }
                _ => {
                    *self = self.step(bytes[at]);
                    at += usize::from(*self != Self::Broken);
                }
            }
        }
    }

    /// Follows it through one byte outside of a chunk.
    fn step(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Size(0, _), b'\r' | b';') => Self::Broken,
            (Self::Size(_, size), b'\r') | (Self::Extension(_, size), b'\r') => Self::SizeEnd(size),
            (Self::Size(digits, size), b';') => Self::Extension(digits, size),
            (Self::Size(digits, size), _) => match (byte as char).to_digit(16) {
                Some(digit) if digits < 15 => Self::Size(digits + 1, size * 16 + u64::from(digit)),
                _ => Self::Broken,
            },
            (Self::Extension(length, size), _) if length < MAX_LINE && !is_control(&byte) => {
                Self::Extension(length + 1, size)
            }
            (Self::SizeEnd(0), b'\n') => Self::Trailers(0, 0),
            (Self::SizeEnd(size), b'\n') => Self::Chunk(size),
            (Self::ChunkEnd(false), b'\r') => Self::ChunkEnd(true),
            (Self::ChunkEnd(true), b'\n') => Self::Size(0, 0),
            (Self::Trailers(_, 0), b'\r') => Self::Last,
            (Self::Trailers(all, _), b'\r') => Self::TrailerEnd(all),
            (Self::TrailerEnd(all), b'\n') => Self::Trailers(all, 0),
            (Self::Trailers(all, line), _) if all < MAX_LINE && !is_control(&byte) => {
                Self::Trailers(all + 1, line + 1)
            }
            (Self::Last, b'\n') => Self::Rest(0),
            _ => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests;
