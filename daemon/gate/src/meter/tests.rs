use super::Meter;
use crate::used::Used;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{io::Write as _, sync::Arc};

const EVENTS: (&str, &str) = ("content-type", "text/event-stream; charset=utf-8");
const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const PLAIN: &str =
    r#"{"type":"message","model":"claude-a","content":[],"usage":{"input_tokens":3,"output_tokens":4}}"#;
const STREAM: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-b\",\"usage\":\
    {\"input_tokens\":25,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\n\
    data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"usage\\\"\"}}\n\n\
    data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n";

fn meter(headers: &[(&'static str, &'static str)], used: &Arc<Used>) -> Option<Meter> {
    let headers = headers.iter();
    let headers: HeaderMap = headers
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    Meter::of(&headers, used)
}

/// Tokens in and out that `parts` say.
fn counted(headers: &[(&'static str, &'static str)], parts: &[impl AsRef<[u8]>]) -> (u64, u64) {
    let used = Arc::new(Used::default());
    let mut meter = meter(headers, &used);
    parts.iter().for_each(|part| meter.iter_mut().for_each(|meter| meter.see(part.as_ref())));
    drop(meter);
    (used.totals().input_tokens, used.totals().output_tokens)
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("packed");
    encoder.finish().expect("packed")
}

#[test]
fn tokens_are_read_wherever_the_parts_end() {
    let bytes: Vec<_> = (0..STREAM.len()).map(|at| &STREAM[at..=at]).collect();
    assert_eq!(counted(&[EVENTS], &[STREAM]), (125, 15));
    assert_eq!(counted(&[EVENTS], &bytes), (125, 15));
    let long = format!("data: {}\n", "x".repeat(100_000));
    assert_eq!(counted(&[EVENTS], &[&long, STREAM]), (125, 15));
    assert_eq!(counted(&[JSON], &[&PLAIN[..9], &PLAIN[9..]]), (3, 4));
    let much = format!("{{\"content\":\"{}\",{}", "x".repeat(300_000), &PLAIN[1..]);
    assert_eq!(counted(&[JSON], &[&much]), (0, 0));
    assert_eq!(counted(&[("content-type", "text/html")], &[PLAIN]), (0, 0));
    assert_eq!(counted(&[JSON], &["{\"usage\":"]), (0, 0));
    assert_eq!(counted(&[JSON], &["{\"usage\":7}"]), (0, 0));
}

#[test]
fn each_answer_is_counted_for_the_model_that_it_names() {
    let used = Arc::new(Used::default());
    let nameless = "data: {\"usage\":{\"output_tokens\":1}}\n".repeat(3);
    for (kind, text) in [(JSON, PLAIN), (EVENTS, STREAM), (JSON, PLAIN), (EVENTS, &*nameless)] {
        meter(&[kind], &used).expect("it is read").see(text.as_bytes());
    }
    let models = used.totals().models.into_iter();
    let models: Vec<_> =
        models.map(|model| (model.model, model.requests, model.input_tokens, model.output_tokens)).collect();
    let expected = [("claude-a", 2, 6, 8), ("claude-b", 1, 125, 15), ("other", 1, 0, 1)];
    assert_eq!(
        models,
        expected.map(|(name, requests, input, output)| (name.to_owned(), requests, input, output))
    );
}

#[test]
fn gzip_is_counted_as_it_passes_and_other_encodings_are_not() {
    let whole = packed(STREAM.as_bytes());
    let bytes: Vec<_> = whole.chunks(1).collect();
    assert_eq!(counted(&[EVENTS, GZIP], &[&whole]), (125, 15));
    assert_eq!(counted(&[EVENTS, GZIP], &bytes), (125, 15));
    assert_eq!(counted(&[JSON, ("content-encoding", "GZIP")], &[packed(PLAIN.as_bytes())]), (3, 4));
    for other in ["br", "zstd", "gzip, br", "identity"] {
        assert_eq!(counted(&[JSON, ("content-encoding", other)], &[PLAIN]), (0, 0), "{other}");
    }
    assert_eq!(counted(&[JSON, GZIP, GZIP], &[packed(PLAIN.as_bytes())]), (0, 0));
    // What is broken counts as far as it could be read, and what follows does not.
    assert_eq!(counted(&[JSON, GZIP], &[PLAIN]), (0, 0));
    assert_eq!(counted(&[EVENTS, GZIP], &[&whole, PLAIN.as_bytes(), &whole]), (125, 15));

    // An event is counted before the stream ends.
    let used = Arc::new(Used::default());
    let mut meter = meter(&[EVENTS, GZIP], &used).expect("it is read");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(STREAM.as_bytes()).and_then(|()| encoder.flush()).expect("packed");
    meter.see(encoder.get_ref());
    assert_eq!(used.totals().output_tokens, 15);
}

/// A long answer of the usual kind is read to its end.
#[test]
fn a_long_stream_in_gzip_is_counted() {
    let delta = |at| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
             \"delta\":{{\"type\":\"text_delta\",\"text\":\"word {at}\"}}}}\n\n"
        )
    };
    let (start, end) = STREAM.split_once("data: {\"type\":\"message_delta").expect("an end");
    let deltas: String = (0..50_000).map(delta).collect();
    let long = format!("{start}{deltas}data: {{\"type\":\"message_delta{end}");
    let packed = packed(long.as_bytes());
    let parts: Vec<_> = packed.chunks(8 * 1024).collect();
    assert_eq!(counted(&[EVENTS, GZIP], &parts), (125, 15));
}

/// Thousand times its size.
#[test]
fn what_unpacks_to_very_much_is_given_up() {
    let bomb = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b'\n'; 1024 * 1024];
        (0..16).for_each(|_| encoder.write_all(&zeros).expect("packed"));
        encoder.write_all(STREAM.as_bytes()).expect("packed");
        encoder.finish().expect("packed")
    };
    let parts: Vec<_> = bomb.chunks(8 * 1024).collect();
    assert_eq!(counted(&[EVENTS, GZIP], &parts), (0, 0), "it is not read to its end");
}
