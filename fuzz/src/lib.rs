//! Fuzz targets: what comes from files, callers, helpers, other programs and servers, fed with anything.
//!
//! Each target is a function that panics where a promise is broken. `tests/seeds.rs` feeds it the seeds on any compiler,
//! `targets/` lets libFuzzer do so. Seeds hold `canary` where a secret would be.

#![forbid(unsafe_code)]

#[path = "../../client/src/text/escape.rs"]
#[allow(dead_code, missing_docs, reason = "a module of the client, which is not a library")]
mod escape;
mod gates;
mod helpers;
mod messages;
#[path = "../../client/src/text/quote.rs"]
mod quote;
mod requests;
mod servers;
mod settings;
mod words;

pub use gates::gates;
pub use helpers::helpers;
pub use messages::messages;
pub use requests::requests;
pub use servers::servers;
pub use settings::settings;
pub use words::words;

use claviger::reason::Problem;

/// A target.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("settings", settings),
    ("requests", requests),
    ("helpers", helpers),
    ("messages", messages),
    ("words", words),
    ("servers", servers),
    ("gates", gates),
];

/// What stands for a secret in the seeds.
const CANARY: &str = "canary";

/// Splits what is fed at its first line feed: a line that chooses, and what it is about.
fn choice(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}

/// The words of a problem are for one line of a terminal, and repeat no secret.
fn check_problem(problem: &Problem) {
    let text = format!("{} {}", problem.message, problem.hint.as_deref().unwrap_or_default());
    check_message(&text);
}

fn check_message(text: &str) {
    assert!(!text.contains(CANARY), "a message repeats what it is about: {text:?}");
    assert!(!text.chars().any(char::is_control), "a message moves the cursor: {text:?}");
}
