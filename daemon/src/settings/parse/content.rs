//! What the keys of a settings file say, in either format, with the place of each value.

use crate::settings::{COMMANDS, Content, Demand, Layer, Located, POLICIES, Refresh};
use claviger::{
    hook::{is_hook, is_plain_hook},
    reason::{Location, Problem, Reason},
    session::check_variable,
    variables,
};
use std::{cell::Cell, collections::BTreeMap, path::PathBuf};

/// Longest command, in bytes.
pub(super) const MAX_COMMAND_LEN: usize = 16 * 1024;
/// The key that says where a helper's key may be sent. Only claviger's own configuration has it.
const AUDIENCE: &str = "audience";
/// The key that says when commands run. Only claviger's own configuration has it.
const REFRESH: &str = "refresh";
/// The commands that it can be about: they print credentials, and need no person.
const REFRESHED: [&str; 2] = ["apiKeyHelper", "awsCredentialExport"];
/// The key that holds tables for one configuration directory each. Only claviger's own configuration has it.
const DIRECTORY: &str = "directory";
/// The key that says where else commands find programs. Only claviger's own configuration has it.
const PATH: &str = "path";
/// Most variables in one `env` block.
pub(super) const MAX_VARIABLES: usize = 1024;

/// A file's text and where in it we are.
pub(super) struct Text<'a> {
    layer: Layer,
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
    /// A number or boolean: what it is, and its literal.
    Literal(&'static str, String),
    Table(Vec<Entry>),
    /// Values and where each begins.
    List(Vec<(usize, Value)>),
    /// Anything else: what it is.
    Other(&'static str),
}

/// What the formats call a table.
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

    /// What the known keys say. `entries` has each key once.
    pub(super) fn content(&self, entries: Vec<Entry>, dialect: Dialect) -> Result<Content, Problem> {
        let mut content = Content::default();
        for entry in entries {
            if let Some(key) = COMMANDS.into_iter().find(|key| *key == entry.key) {
                self.command(key, entry, &mut content)?;
            } else if let Some(key) = POLICIES.into_iter().find(|key| *key == entry.key) {
                let demand = demand(key, &entry.value, dialect);
                content.policies.insert(key, self.located(entry.value_at, demand));
            } else if entry.key == "env" {
                content.env = self.variables(entry, dialect)?;
            } else if entry.key == AUDIENCE && self.layer == Layer::Config {
                content.audience = self.texts(AUDIENCE, entry)?;
            } else if entry.key == PATH && self.layer == Layer::Config {
                content.path = self.path(entry)?;
            } else if entry.key == REFRESH && self.layer == Layer::Config {
                content.refresh = self.refresh(entry)?;
            } else if entry.key == DIRECTORY && self.layer == Layer::Config {
                content.directories = self.directories(entry)?;
            }
        }
        Ok(content)
    }

    /// A table for each configuration directory, with the keys of a settings file.
    fn directories(&self, entry: Entry) -> Result<BTreeMap<PathBuf, Content>, Problem> {
        let table = |key: &str, value, at| match value {
            Value::Table(entries) => Ok(entries),
            other => Err(self.wrong_type(key, Dialect::TOML.table, other.kind(Dialect::TOML), at)),
        };
        let directory = |entry: Entry| {
            if !entry.key.starts_with('/') {
                return Err(self
                    .wrong(entry.key_at, "a name in directory is no absolute path")
                    .hint("write [settings.directory.\"/home/me/.claude-work\"]"));
            }
            let entries = table("each entry of directory", entry.value, entry.value_at)?;
            let known = entries.into_iter().filter(|entry| is_known(&entry.key) && entry.key != DIRECTORY);
            Ok((entry.key.into(), self.content(known.collect(), Dialect::TOML)?))
        };
        table(DIRECTORY, entry.value, entry.value_at)?.into_iter().map(directory).collect()
    }

    /// Absolute paths, or such that start with `~/`.
    fn path(&self, entry: Entry) -> Result<Vec<Located<String>>, Problem> {
        let at = entry.value_at;
        let directories = self.texts(PATH, entry)?;
        match directories
            .iter()
            .all(|directory| directory.value.starts_with('/') || directory.value.starts_with("~/"))
        {
            true => Ok(directories),
            false => Err(self
                .wrong(at, "a directory in path is not absolute")
                .hint("write absolute paths, or such that start with ~/")),
        }
    }

    /// One text or several. What they are is looked at where they count.
    fn texts(&self, key: &str, entry: Entry) -> Result<Vec<Located<String>>, Problem> {
        let values = match entry.value {
            Value::List(values) => values,
            value => vec![(entry.value_at, value)],
        };
        let text = |(at, value)| match value {
            Value::Text(text) => Ok(self.located(at, text)),
            other => {
                Err(self.wrong_type(key, "a string or an array of strings", other.kind(Dialect::TOML), at))
            }
        };
        values.into_iter().map(text).collect()
    }

    /// When which command runs. A command that is not known is a mistake: it would run as if nothing were said.
    fn refresh(&self, entry: Entry) -> Result<BTreeMap<&'static str, Refresh>, Problem> {
        const HINT: &str = "write for example refresh = { apiKeyHelper = \"on-demand\" }";
        let Value::Table(entries) = entry.value else {
            let kind = entry.value.kind(Dialect::TOML);
            return Err(self.wrong_type(REFRESH, Dialect::TOML.table, kind, entry.value_at).hint(HINT));
        };
        let one = |entry: Entry| {
            let Some(key) = REFRESHED.into_iter().find(|key| *key == entry.key) else {
                let what = format!("refresh can be about {} only", REFRESHED.join(" and "));
                return Err(self.wrong(entry.key_at, what).hint(HINT));
            };
            let said = Refresh::WORDS
                .iter()
                .find(|(word, _)| matches!(&entry.value, Value::Text(text) if text == word));
            let wrong = || {
                self.wrong(entry.value_at, format!("refresh.{key} must be \"ahead\" or \"on-demand\""))
                    .hint(HINT)
            };
            said.map(|(_, refresh)| (key, *refresh)).ok_or_else(wrong)
        };
        entries.into_iter().map(one).collect()
    }

    fn command(&self, key: &'static str, entry: Entry, content: &mut Content) -> Result<(), Problem> {
        let command = match entry.value {
            Value::Text(command) => command,
            other => return Err(self.wrong_type(key, "a string", other.kind(Dialect::JSON), entry.value_at)),
        };
        if command.trim().is_empty() {
            return Ok(());
        }
        if command.contains('\0') {
            return Err(self
                .wrong(entry.value_at, format!("{key} has a NUL character"))
                .hint("remove the character"));
        }
        if command.len() > MAX_COMMAND_LEN {
            return Err(self
                .wrong(entry.value_at, format!("{key} is longer than {MAX_COMMAND_LEN} bytes"))
                .hint("put the command into a script and name that"));
        }
        let is_hook = if self.layer.is_workspace() { is_plain_hook } else { is_hook };
        let kind = if is_hook(&command) { &mut content.hooks } else { &mut content.commands };
        kind.insert(key, self.located(entry.key_at, command));
        Ok(())
    }

    fn variables(&self, env: Entry, dialect: Dialect) -> Result<BTreeMap<String, Located<String>>, Problem> {
        let entries = match env.value {
            Value::Table(entries) => entries,
            other => return Err(self.wrong_type("env", dialect.table, other.kind(dialect), env.value_at)),
        };
        if entries.len() > MAX_VARIABLES {
            return Err(self
                .wrong(env.value_at, format!("env has more than {MAX_VARIABLES} variables"))
                .hint("keep only what a session needs"));
        }
        let mut found = BTreeMap::new();
        // A project that names one is asked about: the tool hands it on to claviger's client.
        let is_left_out = |name: &str| !self.layer.is_workspace() && variables::is_own(name);
        for entry in entries.into_iter().filter(|entry| !is_left_out(&entry.key)) {
            let at = entry.key_at;
            let (name, value) = self.variable(entry, dialect)?;
            found.insert(name, self.located(at, value));
        }
        Ok(found)
    }

    fn variable(&self, entry: Entry, dialect: Dialect) -> Result<(String, String), Problem> {
        let Entry { key, key_at, value_at, value } = entry;
        if !variables::is_name(&key) {
            return Err(self
                .wrong(key_at, "a name in env is not the name of a variable")
                .hint("names have letters, digits and underscores and start with no digit"));
        }
        let text = match value {
            Value::Text(text) | Value::Literal(_, text) => text,
            other => {
                return Err(self.wrong_type(
                    &format!("env.{key}"),
                    "a string",
                    other.kind(dialect),
                    value_at,
                ));
            }
        };
        if text.contains('\0') {
            return Err(self
                .wrong(value_at, format!("env.{key} has a NUL character"))
                .hint("remove the character"));
        }
        if let Err(problem) = check_variable(&key, text.as_ref()) {
            return Err(self
                .wrong(value_at, format!("env.{}", problem.message))
                .hint("correct it: without it, another credential could be found"));
        }
        Ok((key, text))
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

/// What a policy demands. Nothing here is an error: a policy that nobody can read blocks, and no file becomes invalid by
/// one that has no say in it.
fn demand(key: &str, value: &Value, dialect: Dialect) -> Demand {
    let text = |value: &Value| match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(other.kind(dialect)),
    };
    match value {
        Value::List(values) => Demand::of_list(key, values.iter().map(|(_, value)| text(value)).collect()),
        value => Demand::of_text(key, text(value)),
    }
}

/// Whether a top-level key matters here.
pub(super) fn is_known(key: &str) -> bool {
    ["env", AUDIENCE, PATH, REFRESH, DIRECTORY].contains(&key)
        || COMMANDS.contains(&key)
        || POLICIES.contains(&key)
}
