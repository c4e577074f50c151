//! Tokens, as the API's answers say, read in passing: from the `usage` of plain answers, and of `message_start` and `message_delta`
//! (docs.anthropic.com, "Streaming messages"). Nothing is held back for it. What is compressed or very long is not counted.

use crate::used::Used;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use serde_json::Value;
use std::{mem, sync::Arc};

/// Longest plain answer that is read, in bytes.
const MOST: usize = 256 * 1024;
/// Longest line of a stream.
const MOST_OF_LINE: usize = 16 * 1024;

/// Reads one answer.
pub(crate) struct Meter {
    used: Arc<Used>,
    is_stream: bool,
    /// The current line, or all.
    text: Vec<u8>,
    is_too_long: bool,
    /// What is counted already: the figures of a stream are those since its beginning.
    input: u64,
    output: u64,
}

impl Meter {
    /// For an answer with `headers`, if it can be read.
    pub(crate) fn of(headers: &HeaderMap, used: &Arc<Used>) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let is_stream = kind.starts_with("text/event-stream");
        let is_read = is_stream || kind.starts_with("application/json");
        (is_read && !headers.contains_key(CONTENT_ENCODING)).then(|| Self {
            used: used.clone(),
            is_stream,
            text: Vec::new(),
            is_too_long: false,
            input: 0,
            output: 0,
        })
    }

    /// What passes.
    pub(crate) fn see(&mut self, data: &[u8]) {
        if !self.is_stream {
            return self.add(data, MOST);
        }
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.add(part, MOST_OF_LINE);
            if part.ends_with(b"\n") {
                self.count();
            }
        }
    }

    fn add(&mut self, data: &[u8], most: usize) {
        self.is_too_long |= self.text.len() + data.len() > most;
        match self.is_too_long {
            true => self.text = Vec::new(),
            false => self.text.extend_from_slice(data),
        }
    }

    /// The end of a line, or of the answer.
    fn count(&mut self) {
        self.is_too_long = false;
        let text = mem::take(&mut self.text);
        let text = text.strip_prefix(b"data:").unwrap_or(&text);
        if !text.windows(7).any(|window| window == b"\"usage\"") {
            return;
        }
        let Ok(said) = serde_json::from_slice::<Value>(text) else { return };
        let of = |name: &str| {
            let figure = |usage: &Value| usage[name].as_u64();
            figure(&said["usage"]).or_else(|| figure(&said["message"]["usage"])).unwrap_or(0)
        };
        let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
        let input = input.into_iter().map(of).fold(0, u64::saturating_add).max(self.input);
        let output = of("output_tokens").max(self.output);
        self.used.tokens(input - self.input, output - self.output);
        (self.input, self.output) = (input, output);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.count();
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;
    use crate::used::Used;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use std::sync::Arc;

    /// Tokens in and out that `parts` say.
    fn counted(headers: &[(&'static str, &'static str)], parts: &[&str]) -> (u64, u64) {
        let used = Arc::new(Used::default());
        let headers = headers.iter();
        let headers: HeaderMap = headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let mut meter = Meter::of(&headers, &used);
        parts.iter().for_each(|part| meter.iter_mut().for_each(|meter| meter.see(part.as_bytes())));
        drop(meter);
        (used.totals().input_tokens, used.totals().output_tokens)
    }

    #[test]
    fn tokens_are_read_wherever_the_parts_end() {
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
            {\"input_tokens\":25,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\n\
            data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"usage\\\"\"}}\n\n\
            data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n";
        let events = [("content-type", "text/event-stream; charset=utf-8")];
        let bytes: Vec<_> = (0..stream.len()).map(|at| &stream[at..=at]).collect();
        assert_eq!(counted(&events, &[stream]), (125, 15));
        assert_eq!(counted(&events, &bytes), (125, 15));
        let long = format!("data: {}\n", "x".repeat(100_000));
        assert_eq!(counted(&events, &[&long, stream]), (125, 15));
        let plain = r#"{"type":"message","content":[],"usage":{"input_tokens":3,"output_tokens":4}}"#;
        let json = ("content-type", "application/json");
        assert_eq!(counted(&[json], &[&plain[..9], &plain[9..]]), (3, 4));
        let much = format!("{{\"content\":\"{}\",{}", "x".repeat(300_000), &plain[1..]);
        assert_eq!(counted(&[json], &[&much]), (0, 0));
        assert_eq!(counted(&[json, ("content-encoding", "gzip")], &[plain]), (0, 0));
        assert_eq!(counted(&[("content-type", "text/html")], &[plain]), (0, 0));
        assert_eq!(counted(&[json], &["{\"usage\":"]), (0, 0));
    }
}
