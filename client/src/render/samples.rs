//! Input of the snapshots.

use claviger::{
    Backend, Lease, Material, Remedy, Scheme,
    proto::v1::{CacheEntry, Gate, GateModelUse, GateUse, Location, Problem, Warning},
    wire,
};
use prost_types::Timestamp;
use std::time::{Duration, SystemTime};

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
}

/// An instant `seconds` from now.
pub(crate) fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_000_000 + seconds, nanos: 0 })
}

pub(crate) fn location(file: &str, line: u32, layer: &str) -> Option<Location> {
    Some(Location { layer: wire::layer(layer).into(), file: file.into(), line, column: 0 })
}

/// A problem without a known remedy.
pub(crate) fn problem(reason: &str, message: &str, hint: &str) -> Option<Problem> {
    let reason = claviger::reason::Reason::parse(reason).map_or(0, |reason| reason.to_proto().into());
    Some(Problem { reason, message: message.into(), hint: hint.into(), ..Default::default() })
}

/// A problem with a remedy.
pub(crate) fn helped(reason: &str, message: &str, hint: &str, remedy: Remedy) -> Option<Problem> {
    problem(reason, message, hint).map(|problem| Problem { remedy: Some(wire::remedy(&remedy)), ..problem })
}

pub(crate) fn lease() -> Lease {
    Lease {
        material: Some(Material::Secret("canary".into())),
        scheme: Scheme::ApiKeyAndBearer,
        backend: Backend::Anthropic,
        base_url: "https://gateway.example/v1".into(),
        origin: "https://gateway.example".into(),
        api_timeout: Duration::from_secs(600),
        source: "api-key-helper".into(),
        location: location("/h/.claude/settings.json", 3, "user").as_ref().map(wire::from_location),
        key: "ab12cd34ef".into(),
        generation: 3,
        fetched_at: at(-48).as_ref().and_then(wire::system_time),
        expires_at: at(252).as_ref().and_then(wire::system_time),
        refresh_at: at(180).as_ref().and_then(wire::system_time),
        stale: true,
        warnings: vec![Warning { text: "two clouds are enabled".into(), ..Warning::default() }],
        ..Default::default()
    }
}

pub(crate) fn entry() -> CacheEntry {
    CacheEntry {
        key: "ab12cd34ef567890".into(),
        source: "api-key-helper".into(),
        directory: "/h/app".into(),
        location: location("/h/.claude/settings.json", 3, "user"),
        generation: 3,
        fetched_at: at(-48),
        expires_at: at(252),
        refresh_at: at(180),
        last_used_at: at(-2),
        watchers: 1,
        sessions: 2,
        hits: 12,
        runs: 3,
        ..Default::default()
    }
}

pub(crate) fn gate() -> Gate {
    let model = |model: &str, requests, input_tokens, output_tokens| GateModelUse {
        model: model.into(),
        requests,
        input_tokens,
        output_tokens,
    };
    let used = GateUse {
        requests: 7,
        replayed: 1,
        refused: 1,
        last_status: 200,
        in_progress: 2,
        input_tokens: 9,
        output_tokens: 3,
        models: vec![model("claude-opus", 6, 8, 2), model("claude-small", 1, 1, 1)],
        rotated: 1,
        added_latency: Some(wire::duration(Duration::from_micros(80))),
        last_request_at: None,
    };
    Gate {
        name: "1a2b".into(),
        address: "/run/gate/1a2b.sock".into(),
        pid: 42,
        directory: "/h/app".into(),
        r#use: Some(used),
        ..Gate::default()
    }
}
