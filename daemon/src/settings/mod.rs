//! What the settings files say, layer by layer, and where each value stands.
//!
//! The words are in `file` (one file), `demand` (what a login policy demands), `confirm` (what a person confirms), `harmless` (what a project may set without
//! a decision), `passing` (what commands get besides the list), `subject` (what a workspace asks for, and what was decided about it; `visible` and `scripts` belong to it) and `merged` (all files of a session). Parsing is in `parse`, reading and caching in
//! `store` and `cache`, change events in `watch`, finding the workspace in `workspace`, a session's own variables beside those of
//! the files in `effective`. Nothing here decides about trust; the decision comes in from [`crate::trust`].

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
