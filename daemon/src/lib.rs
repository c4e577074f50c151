//! The daemon.

pub mod host;
pub mod settings;
pub mod trust;
