//! A stand-in for Anthropic's API whose keys are replaced: it answers in JSON or in events, and 401 to each key but the newest.

use super::{
    CANARY, Home,
    stand_in::{Request, Response, StandIn},
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// What it says to everything.
pub const GREETING: &str = "greetings";

/// The API. It takes the keys of [`Home::counting_helper`] `key`, from one number on.
pub struct Messages {
    pub api: StandIn,
    oldest: Arc<AtomicUsize>,
    rejected: Arc<AtomicUsize>,
}

// === impl Messages ===

impl Messages {
    /// An API that takes every key of the helper until one is revoked.
    pub fn start() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// The same, with a pause before each answer: requests are in progress while keys are replaced.
    pub fn slow(pause: Duration) -> Self {
        let (oldest, rejected) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (from, count) = (oldest.clone(), rejected.clone());
        let api = StandIn::start(move |request| match number(request) {
            Some(number) if number >= from.load(SeqCst) => answer(request).after(pause),
            _ => {
                count.fetch_add(1, SeqCst);
                let error = json!({"type": "authentication_error", "message": "invalid x-api-key"});
                Response::error(401, json!({"type": "error", "error": error}))
            }
        });
        Self { api, oldest, rejected }
    }

    /// A home whose sessions use this API with the keys of the helper.
    pub fn home(&self) -> Home {
        let home = Home::new();
        home.user_settings(&home.counting_helper("key", 0.0), &[("ANTHROPIC_BASE_URL", &self.api.url)]);
        home
    }

    /// Takes no key any more that is older than the `number`th.
    pub fn revoke_before(&self, number: usize) {
        self.oldest.fetch_max(number, SeqCst);
    }

    /// How many requests came with a key that it does not take.
    pub fn rejected(&self) -> usize {
        self.rejected.load(SeqCst)
    }

    /// Messages that were asked for, with whatever key.
    pub fn asked(&self) -> usize {
        self.api.requests().iter().filter(|request| is_message(request)).count()
    }
}

/// Which of the helper's keys a request has.
fn number(request: &Request) -> Option<usize> {
    let bearer = request.header("authorization").strip_prefix("Bearer ");
    let key = bearer.unwrap_or_else(|| request.header("x-api-key"));
    key.strip_prefix(CANARY)?.strip_prefix("key-")?.parse().ok()
}

fn is_message(request: &Request) -> bool {
    request.method == "POST" && request.path.ends_with("/v1/messages")
}

fn answer(request: &Request) -> Response {
    if !is_message(request) {
        return Response::error(
            404,
            json!({"type": "error", "error": {"type": "not_found_error", "message": "no"}}),
        );
    }
    let asked: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let model = asked["model"].as_str().unwrap_or("m");
    match asked["stream"] == true {
        true => Response::new(200, events(model).concat()).header("content-type", "text/event-stream"),
        false => Response::json(json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
            "stop_sequence": null, "content": [{"type": "text", "text": GREETING}],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        })),
    }
}

/// The events of an answer in a stream.
pub fn events(model: &str) -> Vec<String> {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": null,
        "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
    let events = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": GREETING}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ];
    let line = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().expect("text"));
    events.iter().map(line).collect()
}
