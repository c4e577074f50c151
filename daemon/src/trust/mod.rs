//! Workspaces whose commands may run and whose credential settings may be used.
//!
//! A decision covers exactly what was shown: canonical root, its device and inode, and a digest of every command and
//! `env` entry of the workspace's settings files. One changed byte makes the workspace undecided again. No content of
//! the repository can make or find a decision.

pub mod compare;
pub mod gate;
pub mod store;

pub use compare::{Change, compare};
pub use store::{Record, RecordedItem, TrustStore};
