//! Content of the settings files, layer by layer, and the place of each value.
//!
//! The types are in `file` (one file), `demand` (requirements of a login policy), `confirm` (required confirmations),
//! `harmless` (variables that a project may set without a decision), `passing` (additional variables of commands),
//! `subject` (requests of a workspace, and the decision about them; with `visible` and `scripts`) and `merged` (all
//! files of a session). Parsing is in `parse`, reading and caching in `store` and `cache`, change events in `watch`,
//! finding the workspace in `workspace`, and a session's effective variables in `effective`. Decisions about trust are
//! not made here; they come from [`crate::trust`].

mod cache;
pub mod confirm;
pub mod demand;
pub mod effective;
pub mod file;
mod file_cache;
pub mod harmless;
mod load;
mod loaded;
pub mod merged;
pub mod parse;
mod passing;
pub mod roots;
pub mod scripts;
pub mod store;
pub mod subject;
#[cfg(test)]
mod test_home;
pub mod visible;
pub mod watch;
mod watching;
pub mod workspace;

pub use claviger::hook::COMMANDS;
pub use confirm::{Confirm, Confirmations};
pub use demand::{Demand, METHODS, POLICIES};
pub use file::{Content, File, FileState, Layer, Located, Refresh};
pub use merged::{Directories, Lookup, Scope, Settings, Snapshot};
pub use roots::{Own, Roots};
pub use scripts::Script;
pub use subject::{Decision, Item, Subject};
pub use workspace::{Whose, Workspace};

#[cfg(test)]
mod tests;
