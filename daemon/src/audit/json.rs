//! Fields of a line in JSON, by hand: every request has a line, and a serializer takes five times as long. Pure.

use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// A field with a text, unless that is empty.
pub(super) fn text(to: &mut Vec<u8>, name: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    begin(to, name);
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    // All of them, without a way out: that is done many bytes at once.
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

/// A value.
pub(super) fn value<T: Serialize + ?Sized>(to: &mut Vec<u8>, value: &T) {
    // Writing to memory cannot fail, nor can a text or a number.
    drop(serde_json::to_writer(to, value));
}

/// A time as lines have it: seconds since 1970.
pub(super) fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::text;

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
