//! The person at the terminal, and a line from them. Questions go to stderr: stdout is for results.

use crate::output;
use nix::sys::termios::{FlushArg, tcflush};
use std::io;

/// Whether an AI agent runs this process, according to the variables that agents set.
pub(crate) fn is_agent() -> bool {
    ["CLAUDECODE", "AI_AGENT"]
        .into_iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Asks a yes-or-no question, no by default.
pub(crate) fn confirm(question: &str) -> bool {
    matches!(answer_to(&format!("{question} [y/N]: ")).as_str(), "y" | "yes")
}

/// Asks whether a credential may be lent. Only an explicit yes counts.
pub(crate) fn allows(question: &str) -> bool {
    matches!(answer_to(question).as_str(), "a" | "allow" | "y" | "yes")
}

/// A line from the terminal. Input typed before the question is not an answer to it.
pub(crate) fn answer_to(question: &str) -> String {
    let _ = tcflush(io::stdin(), FlushArg::TCIFLUSH);
    output::talk(question);
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(1..) => line.trim().to_ascii_lowercase(),
        _ => {
            output::talk("\n"); // end of input or a broken terminal
            String::new()
        }
    }
}
