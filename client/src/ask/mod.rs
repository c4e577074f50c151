//! Questions to the person at the terminal.

pub(crate) mod hidden;
pub(crate) mod person;
