//! Connections to the daemon: lending, waiting for an answer, following its state, and its successor.

pub(crate) mod explore;
pub(crate) mod follow;
pub(crate) mod gates;
pub(crate) mod lending;
pub(crate) mod prompt;
pub(crate) mod successor;
pub(crate) mod wait;
