//! The two ways out: data to stdout, talk to stderr.

use crate::escape;
use std::io::{self, IsTerminal as _, Write as _};

/// Writes data to stdout at once and in full.
///
/// # Errors
/// Whatever stdout says; a closed pipe becomes [`crate::failure::Failure::OutputClosed`].
pub(crate) fn data(text: &str) -> io::Result<()> {
    // Data ends with a line feed, so std's line buffering makes one write of it.
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes data that has a JSON form.
///
/// # Errors
/// As [`data`].
pub(crate) fn json(value: &serde_json::Value) -> io::Result<()> {
    data(&(escape::json(&format!("{value:#}")) + "\n"))
}

/// Tells a person something. Where nobody listens it is lost, and nothing else breaks.
pub(crate) fn talk(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

/// Whether a person sits at the terminal: can read a question on stderr and answer it on stdin.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Colours, if the place they go to shows them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// For text on stdout.
    pub(crate) fn stdout() -> Self {
        Self { colour: io::stdout().is_terminal() && wanted() }
    }

    /// For text on stderr.
    pub(crate) fn stderr() -> Self {
        Self { colour: io::stderr().is_terminal() && wanted() }
    }

    /// For what matters.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For what matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// For what is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// For what is as it should be.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// For what deserves a look.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// <https://no-color.org>: any value but the empty one counts.
fn wanted() -> bool {
    let is = |name: &str, test: fn(&std::ffi::OsStr) -> bool| {
        std::env::var_os(name).is_some_and(|value| test(&value))
    };
    !is("NO_COLOR", |value| !value.is_empty()) && !is("TERM", |value| value == "dumb")
}
