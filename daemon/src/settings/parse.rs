//! Turning the bytes of a settings file into what claviger uses of it. Pure; no message repeats what a file says.

mod content;
mod json;
mod own;
mod text;
mod toml;

pub use claviger::hook::is_hook;
pub use json::json;
pub use toml::toml;

#[cfg(test)]
mod tests;
