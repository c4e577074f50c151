//! The text of a settings file, its values in either format, and their places.

use crate::settings::{Layer, Located};
use claviger::reason::{Location, Problem, Reason};
use std::cell::Cell;

/// A file's text and the current position.
pub(super) struct Text<'a> {
    pub(super) layer: Layer,
    path: &'a str,
    pub(super) text: &'a str,
    cursor: Cell<Cursor>,
}

/// A place in the text. Kept between look-ups, because entries come in the order of the text.
#[derive(Clone, Copy)]
struct Cursor {
    offset: usize,
    line: u32,
    column: u32,
}

/// An entry in either format.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: usize,
    pub(super) value_at: usize,
    pub(super) value: Value,
}

/// A value in either format.
pub(super) enum Value {
    Text(String),
    /// A number or boolean: its kind and its literal.
    Literal(&'static str, String),
    Table(Vec<Entry>),
    /// Values and the start of each.
    List(Vec<(usize, Value)>),
    /// Any other value: its kind.
    Other(&'static str),
}

/// The formats' name for a table.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    pub(super) table: &'static str,
}

// === impl Text ===

impl<'a> Text<'a> {
    pub(super) fn new(layer: Layer, path: &'a str, bytes: &'a [u8]) -> Result<Self, Problem> {
        let start = Cell::new(Cursor { offset: 0, line: 1, column: 1 });
        let empty = Self { layer, path, text: "", cursor: start.clone() };
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(empty
                .wrong(0, "starts with a byte order mark")
                .hint("save the file as UTF-8 without BOM"));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, ..empty }),
            Err(error) => {
                let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
                let before = Self { text: valid, cursor: start, ..empty };
                Err(before.wrong(valid.len(), "not UTF-8").hint("save the file as UTF-8"))
            }
        }
    }

    fn at(&self, offset: usize) -> Location {
        let mut cursor = self.cursor.get();
        if cursor.offset > offset {
            cursor = Cursor { offset: 0, line: 1, column: 1 };
        }
        for character in self.text.get(cursor.offset..offset).unwrap_or_default().chars() {
            if character == '\n' {
                cursor.line += 1;
                cursor.column = 1;
            } else {
                cursor.column += 1;
            }
        }
        cursor.offset = offset;
        self.cursor.set(cursor);
        let Cursor { line, column, .. } = cursor;
        Location { layer: self.layer.name().to_owned(), file: self.path.to_owned(), line, column }
    }

    pub(super) fn wrong(&self, offset: usize, message: impl Into<String>) -> Problem {
        Problem::new(Reason::SettingsInvalid, message).at(&self.at(offset))
    }

    pub(super) fn located<T>(&self, offset: usize, value: T) -> Located<T> {
        Located { value, layer: self.layer, at: self.at(offset) }
    }

    pub(super) fn wrong_type(&self, key: &str, expected: &str, found: &str, offset: usize) -> Problem {
        self.wrong(offset, format!("{key} must be {expected}, not {found}"))
            .hint(format!("correct {key} or remove it"))
    }
}

// === impl Value ===

impl Value {
    pub(super) fn kind(&self, dialect: Dialect) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Table(_) => dialect.table,
            Self::List(_) => "an array",
            Self::Literal(kind, _) | Self::Other(kind) => kind,
        }
    }
}

// === impl Dialect ===

impl Dialect {
    pub(super) const JSON: Self = Self { table: "an object" };
    pub(super) const TOML: Self = Self { table: "a table" };
}
