//! What a session's terminal has for its commands: the programs that they name, and the surroundings that they are lent.
//!
//! A command's `PATH` is computed from its text, so that a virtual environment, or a directory that a tool puts first, keeps no
//! two sessions apart, and what one session's `PATH` has besides reaches no command that others share.

mod found;
mod look;
mod surroundings;
mod words;

pub use found::{Programs, Terminal};
pub use look::{Chain, Question, look};
