//! Output: results to stdout, messages to stderr.

use crate::text::{escape, wrap};
use clap::ValueEnum;
use claviger::Secret;
use serde::Serialize;
use std::{
    borrow::Cow,
    env,
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd,
    sync::OnceLock,
};

/// Value of `--color`. Set once, before any output.
static COLOUR: OnceLock<Colour> = OnceLock::new();
/// Columns of a terminal that does not report its width.
const USUAL_WIDTH: u16 = 80;

/// Values of `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless $NO_COLOR is set
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// Characters of bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Glyphs {
    /// For terminals that show nothing else.
    #[default]
    Ascii,
    /// Line-drawing characters.
    Lines,
}

/// Destination of a table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// Colours.
    pub(crate) style: Style,
    /// Columns of the terminal; `None` if it is not one.
    pub(crate) width: Option<usize>,
    /// Characters of a bar.
    pub(crate) glyphs: Glyphs,
}

/// Sets `--color` for the whole process.
pub(crate) fn choose(colour: Colour) {
    // A second call would be a bug, and changes nothing.
    let _ = COLOUR.set(colour);
}

/// Destination of tables on stdout.
pub(crate) fn layout() -> Layout {
    Layout { style: Style::stdout(), width: width(&io::stdout()), glyphs: glyphs() }
}

/// Characters of bars: lines if the locale supports them.
pub(crate) fn glyphs() -> Glyphs {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(env::var_os).find(|value| !value.is_empty());
    let locale = set.map(|value| value.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if locale.contains("utf-8") || locale.contains("utf8") { Glyphs::Lines } else { Glyphs::Ascii }
}

/// Columns of the terminal that `stream` is; `None` if it is not one.
pub(crate) fn width(stream: &(impl io::IsTerminal + AsFd)) -> Option<usize> {
    let size = || match terminal_size::terminal_size_of(stream) {
        Some((terminal_size::Width(width @ 1..), _)) => width,
        _ => USUAL_WIDTH,
    };
    stream.is_terminal().then(size).map(usize::from)
}

/// `text` in lines that fit `stream`, if that is a terminal.
pub(crate) fn wrapped<'a>(text: &'a str, stream: &(impl io::IsTerminal + AsFd)) -> Cow<'a, str> {
    width(stream).map_or(Cow::Borrowed(text), |width| Cow::Owned(wrap::text(text, width)))
}

/// Writes results to stdout at once and in full.
///
/// # Errors
/// The error of stdout; a closed pipe becomes [`crate::failure::Failure::OutputClosed`].
pub(crate) fn data(text: &str) -> io::Result<()> {
    // Results end with a line feed, so std's line buffering makes one write of it.
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes prose or a table to stdout, in lines that fit a terminal.
///
/// # Errors
/// As [`data`].
pub(crate) fn show(text: &str) -> io::Result<()> {
    data(&wrapped(text, &io::stdout()))
}

/// Writes a secret and a line feed.
///
/// # Errors
/// As [`data`].
pub(crate) fn secret_line(secret: &Secret) -> io::Result<()> {
    let mut line = secret.clone();
    line.expose_mut().push('\n');
    data(line.expose())
}

/// Writes results that have a JSON form.
///
/// # Errors
/// As [`data`].
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    data(&(escape::json(&format!("{:#}", serde_json::to_value(value)?)) + "\n"))
}

/// One line of JSON, without its line feed.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    // What verbs print has text for every key, and numbers that JSON has.
    escape::json(&serde_json::to_value(value).unwrap_or_default().to_string())
}

/// Prints a message to a person, in lines that fit a terminal. If stderr is closed it is lost without further effect.
pub(crate) fn talk(text: &str) {
    talk_as_is(&wrapped(text, &io::stderr()));
}

/// As [`talk`], for text that has lines of its own: JSON, differences of files.
pub(crate) fn talk_as_is(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

/// Whether a person at the terminal can read a question on stderr and answer it on stdin.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Colours, if the destination shows them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// For text on stdout.
    pub(crate) fn stdout() -> Self {
        Self { colour: wanted(io::stdout().is_terminal()) }
    }

    /// For text on stderr.
    pub(crate) fn stderr() -> Self {
        Self { colour: wanted(io::stderr().is_terminal()) }
    }

    /// For tests: colours everywhere.
    #[cfg(test)]
    pub(crate) fn coloured() -> Self {
        Self { colour: true }
    }

    /// Whether there are colours.
    pub(crate) fn has_colour(self) -> bool {
        self.colour
    }

    /// For important text.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For less important text.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// For errors.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// For a good state.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// For warnings.
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

/// Whether colours are wanted, apart from the terminal. <https://no-color.org>: any value but the empty one counts.
fn wanted(terminal: bool) -> bool {
    let is =
        |name: &str, test: fn(&std::ffi::OsStr) -> bool| env::var_os(name).is_some_and(|value| test(&value));
    match COLOUR.get().copied().unwrap_or(Colour::Auto) {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            terminal && !is("NO_COLOR", |value| !value.is_empty()) && !is("TERM", |value| value == "dumb")
        }
    }
}
