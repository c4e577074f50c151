//! The session of a verb: its options, its directory, its environment, and the tool that called.

pub(crate) mod caller;
pub(crate) mod context;
pub(crate) mod environment;
pub(crate) mod keys;
pub(crate) mod options;
pub(crate) mod tool;
pub(crate) mod user;
