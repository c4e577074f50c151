//! Which workspaces may have their commands run and their credential settings used.
//!
//! A decision covers exactly what was shown: canonical root, its device and inode, and a digest of every command
//! and `env` entry of the workspace's settings files. One changed byte and nothing is decided any more. No byte of
//! the repository can decide or locate a decision.

pub mod compare;
pub mod store;
pub mod subject;

pub use compare::{Change, compare};
pub use store::{Record, RecordedItem, TrustStore};
pub use subject::{Item, Subject};

/// What has been decided about a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Nothing, or nothing about exactly these items.
    Undecided,
    /// Use what the workspace configures.
    Trusted,
    /// Leave the workspace's files out.
    Ignored,
}
