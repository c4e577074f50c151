//! Parses the bytes of a settings file into the values that claviger uses. Pure; no message repeats the content of a
//! file.

mod administrator;
mod content;
mod json;
mod own;
mod text;
mod toml;

pub use administrator::{DAEMON_KEYS, HINT as ADMINISTRATORS_HINT, ONLY_THERE};
pub use claviger::hook::is_hook;
pub use json::json;
pub use toml::{TABLES, administrators, not_the_users, toml};

#[cfg(test)]
mod tests;
