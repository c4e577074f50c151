//! Open connections: the resources of each, and which one is closed when there are too many or they use too much.
//!
//! Callers need not cooperate: one that opens thousands of connections, or sends partial messages, loses its own
//! connections (`choice`), and other sessions are still served.

mod call;
mod choice;
mod list;

pub use call::Call;
pub use list::{Bounds, Connections, Link, Usage};

#[cfg(test)]
mod tests;
