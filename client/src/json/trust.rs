//! Workspaces and decisions about them.

use super::parts::{instant, location, text};
use crate::text::words;
use claviger::proto::v1::{TrustItem, TrustRecord, Workspace};
use serde_json::{Value, json};

/// A workspace and its requests.
pub(crate) fn workspace(workspace: &Workspace) -> Value {
    json!({
        "root": workspace.root,
        "decision": words::decision(workspace.decision()),
        "decided_at": instant(workspace.decided_at.as_ref()),
        "digest": text(&workspace.digest),
        "items": workspace.items.iter().map(item).collect::<Vec<_>>(),
    })
}

/// A recorded decision.
pub(crate) fn record(record: &TrustRecord) -> Value {
    json!({
        "root": record.root,
        "decision": words::decision(record.decision()),
        "decided_at": instant(record.decided_at.as_ref()),
        "digest": record.digest,
        "items": record.items,
    })
}

fn item(item: &TrustItem) -> Value {
    json!({
        "name": item.name,
        "value": item.value,
        "command": item.command,
        "location": location(item.location.as_ref()),
        "change": words::change(item),
        "previous": text(&item.previous),
    })
}
