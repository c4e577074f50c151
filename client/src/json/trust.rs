//! Workspaces and decisions about them.

use super::parts::{Location, instant, location, text};
use crate::text::words;
use claviger::proto::v1;

form! {
    /// A workspace and its requests.
    fn workspace(workspace: &v1::Workspace) -> Workspace {
        root: String = workspace.root.clone(),
        /// `trusted`, `ignored` or `undecided`.
        decision: String = words::decision(workspace.decision()),
        decided_at: Option<String> = instant(workspace.decided_at.as_ref()),
        /// What a decision is about: `trust grant --digest`.
        digest: Option<String> = text(&workspace.digest),
        items: Vec<Item> = workspace.items.iter().map(item).collect(),
    }

    /// A recorded decision.
    fn record(record: &v1::TrustRecord) -> Record {
        root: String = record.root.clone(),
        decision: String = words::decision(record.decision()),
        decided_at: Option<String> = instant(record.decided_at.as_ref()),
        digest: String = record.digest.clone(),
        items: Vec<String> = record.items.clone(),
    }

    /// A setting that needs a decision.
    fn item(item: &v1::TrustItem) -> Item {
        name: String = item.name.clone(),
        value: String = item.value.clone(),
        /// Whether it is a command that would run.
        command: bool = item.command,
        location: Option<Location> = location(item.location.as_ref()),
        /// Compared with the last decision.
        change: String = words::change(item),
        previous: Option<String> = text(&item.previous),
    }
}
