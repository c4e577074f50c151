//! Fields of a line in JSON, written directly: every request has a line, and a serializer takes five times as long.
//! Pure.

use prost_types::Timestamp;
use serde::Serialize;
use std::{io::Write as _, time::Duration};

/// A field with a text, unless that is empty.
pub(super) fn text(to: &mut Vec<u8>, name: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    begin(to, name);
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    // Checks all bytes without an early exit, so that the compiler can vectorise the loop.
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        to.push(b'"');
        to.extend_from_slice(text.as_bytes());
        to.push(b'"');
    } else {
        value(to, text);
    }
}

/// A field with a number, if there is one.
pub(super) fn number(to: &mut Vec<u8>, name: &str, number: Option<impl Serialize>) {
    if let Some(number) = number {
        begin(to, name);
        value(to, &number);
    }
}

fn begin(to: &mut Vec<u8>, name: &str) {
    to.extend_from_slice(b",\"");
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"\":");
}

fn value<T: Serialize + ?Sized>(to: &mut Vec<u8>, value: &T) {
    // Writing to a String cannot fail.
    drop(serde_json::to_writer(to, value));
}

/// A field with a time, without a comma before it: RFC 3339 with three digits after the point, so that texts sort as times do.
pub(super) fn time(to: &mut Vec<u8>, name: &str, since_1970: Duration) {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    let at = Timestamp { seconds, nanos: 0 }.to_string();
    let (at, millis) = (at.trim_end_matches('Z'), since_1970.subsec_millis());
    // Writing to memory cannot fail.
    drop(write!(to, "\"{name}\":\"{at}.{millis:03}Z\""));
}

#[cfg(test)]
mod tests {
    use super::{text, time};
    use std::time::Duration;

    #[test]
    fn times_have_three_digits_after_the_point() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_900_455_488, "2026-11-28T21:14:15.488Z"),
            (4_102_444_799_009, "2099-12-31T23:59:59.009Z"),
        ] {
            let mut field = Vec::new();
            time(&mut field, "time", Duration::from_millis(millis));
            assert_eq!(String::from_utf8_lossy(&field), format!("\"time\":\"{expected}\""));
        }
    }

    #[test]
    fn texts_cannot_break_out() {
        for written in ["a\"b", "a\\b", "a\nb", "\u{7f}", "é"] {
            let mut line = b"{\"first\":1".to_vec();
            text(&mut line, "decision", written);
            line.push(b'}');
            let value: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
            assert_eq!(value["decision"], written);
        }
    }
}
