//! Which workspaces may have their commands run and their credential settings used.
//!
//! A decision covers exactly what was shown: canonical root, its device and inode, and a digest of every command
//! and `env` entry of the workspace's settings files. One changed byte and nothing is decided any more. No byte of
//! the repository can decide or locate a decision.

pub mod compare;
pub mod gate;
pub mod store;

pub use compare::{Change, compare};
pub use store::{Record, RecordedItem, TrustStore};
