//! Open connections: what each of them holds, and which one is closed when there are too many, or they hold too much.
//!
//! No caller is asked for anything: one that opens thousands of connections, or sends halves of messages, loses its own
//! (`choice`), and a session that asks for its credential meanwhile is served.

mod call;
mod choice;
mod list;
mod tide;

pub use call::Call;
pub use list::{Bounds, Connections, Link, Usage};

#[cfg(test)]
mod tests;
