//! A diagnosis.

use super::{
    facts::{Daemon, Facts},
    finding::Finding,
};
use crate::{
    json::{own_location, remedy, text},
    text::words,
};
use serde_json::{Value, json};

/// Findings, omitted checks, and the winning credential.
pub(crate) fn doctor(facts: &Facts, found: &[Finding]) -> Value {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let grpcurl = match &facts.daemon {
        Daemon::Running(running) => text(&running.grpcurl),
        _ => Value::Null,
    };
    json!({
        "winner": explained.map_or(Value::Null, |explained| text(&explained.winner)),
        "backend": explained.map(|explained| words::backend(explained.backend())),
        "origin": explained.map_or(Value::Null, |explained| text(&explained.origin)),
        "findings": found.iter().map(finding).collect::<Vec<_>>(),
        "unchecked": facts.unchecked.iter().map(|one| json!({"what": one.what, "why": one.why})).collect::<Vec<_>>(),
        "grpcurl": grpcurl,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.word(),
        "id": finding.id,
        "what": finding.what,
        "location": finding.place.as_ref().map(own_location),
        "cause": text(&finding.cause),
        "fix": finding.fix(),
        "remedy": finding.remedy.as_ref().map(remedy),
    })
}
