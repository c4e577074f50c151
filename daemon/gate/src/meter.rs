//! Tokens and models, as the API's answers say, read in passing: from the `usage` of plain answers, and of `message_start` and
//! `message_delta` (docs.anthropic.com, "Streaming messages"). Nothing is held back or changed for it. What is very long, or compressed in
//! another way than gzip, is not counted.

mod gzip;
#[cfg(test)]
mod tests;

use crate::used::{Model, Used};
use gzip::Gzip;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use memchr::memmem;
use serde_json::Value;
use std::{mem, sync::Arc};

/// Longest plain answer that is read, in bytes.
const MOST: usize = 256 * 1024;
/// Longest line of a stream.
const MOST_OF_LINE: usize = 16 * 1024;

/// Reads one answer.
pub(crate) enum Meter {
    Plain(Reader),
    Gzip(Box<Gzip>),
}

/// Reads the text of one answer.
pub(crate) struct Reader {
    used: Arc<Used>,
    is_stream: bool,
    /// The current line, or all.
    text: Vec<u8>,
    is_too_long: bool,
    /// Where it is counted, once it has said how much it uses.
    model: Option<Model>,
    /// What is counted already: the figures of a stream are those since its beginning.
    input: u64,
    output: u64,
}

// === impl Meter ===

impl Meter {
    /// For an answer with `headers`, if it can be read.
    pub(crate) fn of(headers: &HeaderMap, used: &Arc<Used>) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let is_stream = kind.starts_with("text/event-stream");
        if !is_stream && !kind.starts_with("application/json") {
            return None;
        }
        let reader = Reader {
            used: used.clone(),
            is_stream,
            text: Vec::new(),
            is_too_long: false,
            model: None,
            input: 0,
            output: 0,
        };
        let mut encodings = headers.get_all(CONTENT_ENCODING).into_iter();
        match (encodings.next(), encodings.next()) {
            (None, _) => Some(Self::Plain(reader)),
            (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"gzip") => {
                Some(Self::Gzip(Box::new(Gzip::new(reader))))
            }
            _ => None,
        }
    }

    /// What passes.
    pub(crate) fn see(&mut self, data: &[u8]) {
        match self {
            Self::Plain(reader) => reader.see(data),
            Self::Gzip(gzip) => gzip.see(data),
        }
    }
}

// === impl Reader ===

impl Reader {
    fn see(&mut self, data: &[u8]) {
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
        if memmem::find(text, b"\"usage\"").is_none() {
            return;
        }
        let Ok(said) = serde_json::from_slice::<Value>(text) else { return };
        let (message, usage) = match &said["usage"] {
            Value::Null => (&said["message"], &said["message"]["usage"]),
            usage => (&said, usage),
        };
        if !usage.is_object() {
            return;
        }
        let used = &self.used;
        let model = self.model.get_or_insert_with(|| used.answer_of(message["model"].as_str()));
        let of = |name: &str| usage[name].as_u64().unwrap_or(0);
        let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
        let input = input.into_iter().map(of).fold(0, u64::saturating_add).max(self.input);
        let output = of("output_tokens").max(self.output);
        used.tokens(model, input - self.input, output - self.output);
        (self.input, self.output) = (input, output);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.count();
    }
}
