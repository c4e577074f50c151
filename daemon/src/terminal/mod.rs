//! Facts about a session's terminal for its commands: the programs that they name, and the surroundings that are lent.
//!
//! A command's `PATH` is computed from its text. So a virtual environment, or a directory that a tool puts first, does
//! not separate two sessions, and other entries of one session's `PATH` reach no command that is shared.

mod found;
mod look;
mod surroundings;
mod words;

pub use found::{Programs, Terminal};
pub use look::{Chain, Question, look};
