//! The tables `[settings]`, `[trust]`, `[account.NAME]` and `[source.NAME]` of claviger's own configuration. No other
//! program has keys in it, so an unknown key is a mistake.

use super::{
    administrator::{self, LOCKED, ONLY_THERE},
    text::{Dialect, Entry, Text, Value},
};
use crate::settings::{Confirm, Content, Layer, Located, harmless, passing};
use claviger::{
    reason::{Problem, Reason},
    source,
};
use std::collections::BTreeMap;
use toml_edit::{Document, Item, TableLike, TomlError, Value as Toml};

/// Every table that the user's file can have. `[daemon]` and `[oauth]` are read elsewhere.
pub const TABLES: [&str; 6] = ["daemon", "settings", "trust", "account", "source", "oauth"];

/// Content of these tables of the user's file.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub fn toml(layer: Layer, path: &str, bytes: &[u8]) -> Result<Content, Problem> {
    let text = Text::new(layer, path, bytes)?;
    let document = document(&text)?;
    if let Some((key, _)) = document.get_key_value(LOCKED) {
        return Err(text.wrong(start(key.span(), 0), ONLY_THERE).hint(administrator::HINT));
    }
    content(&text, &document)
}

/// Content of these tables of the administrator's file, with the keys that it locks.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub fn administrators(layer: Layer, path: &str, bytes: &[u8]) -> Result<Content, Problem> {
    let read = || {
        let text = Text::new(layer, path, bytes)?;
        let document = document(&text)?;
        let content = content(&text, &document)?;
        administrator::check(&text, &document, &content)?;
        Ok(content)
    };
    read().map_err(not_the_users)
}

/// The problem of the administrator's file, which the user cannot correct.
pub fn not_the_users(mut problem: Problem) -> Problem {
    if let Some(location) = &mut problem.location {
        Layer::Managed.name().clone_into(&mut location.layer);
    }
    problem
}

fn document<'a>(text: &Text<'a>) -> Result<Document<&'a str>, Problem> {
    let document = Document::parse(text.text).map_err(|error| syntax(text, &error))?;
    let known = |name: &str| TABLES.contains(&name) || name == LOCKED;
    if let Some((name, _)) = document.iter().find(|(name, _)| !known(name)) {
        let at = start(document.key(name).and_then(|key| key.span()), 0);
        return Err(text
            .wrong(at, "an unknown section")
            .hint(format!("the sections are {}", TABLES.map(|name| format!("[{name}]")).join(", "))));
    }
    Ok(document)
}

fn content(text: &Text<'_>, document: &Document<&str>) -> Result<Content, Problem> {
    let settings = table(text, document, "settings")?;
    let mut content = match settings {
        Some(table) => text.content(entries(text, table), Dialect::TOML)?,
        None => Content::default(),
    };
    if let Some(table) = table(text, document, "trust")? {
        content.harmless = harmless_names(text, entries(text, table))?;
        let is_passed = |entry: &&Located<String>| {
            content.passed.entries().iter().any(|passed| passing::overlap(passed, &entry.value))
        };
        if let Some(entry) = content.harmless.iter().find(is_passed) {
            let message = "a variable is both harmless and in pass_environment: a workspace could choose what your helpers get";
            return Err(Problem::new(Reason::SettingsInvalid, message)
                .at(&entry.at)
                .hint("remove it from one of the two"));
        }
    }
    if let Some(daemon) = table(text, document, "daemon")? {
        let keys = entries(text, daemon).into_iter();
        content.daemon = keys.map(|entry| (entry.key, text.located(entry.key_at, ()).at)).collect();
    }
    if let Some((key, item)) = document.get_key_value(LOCKED) {
        let (key_at, value) = (start(key.span(), 0), value(text, item));
        let value_at = start(item.span(), key_at);
        content.locked = text.texts(LOCKED, Entry { key: LOCKED.into(), key_at, value_at, value })?;
    }
    if let Some(table) = table(text, document, "account")? {
        content.confirmations.accounts = confirmations(text, "account", entries(text, table), |_| true)?;
    }
    if let Some(table) = table(text, document, "source")? {
        let is_source = |name: &str| source::ALL.contains(&name);
        content.confirmations.sources = confirmations(text, "source", entries(text, table), is_source)?;
    }
    Ok(content)
}

fn table<'a>(
    text: &Text<'_>,
    document: &'a Document<&str>,
    name: &str,
) -> Result<Option<&'a dyn TableLike>, Problem> {
    let Some((key, item)) = document.get_key_value(name) else { return Ok(None) };
    item.as_table_like().map(Some).ok_or_else(|| {
        let start = start(item.span(), start(key.span(), 0));
        text.wrong_type(name, Dialect::TOML.table, value(text, item).kind(Dialect::TOML), start)
    })
}

fn syntax(text: &Text<'_>, error: &TomlError) -> Problem {
    let offset = start(error.span(), 0);
    let offset = (0..=offset).rev().find(|offset| text.text.is_char_boundary(*offset)).unwrap_or(0);
    text.wrong(offset, "not valid TOML").hint("correct the file; until then its new content is not used")
}

fn start(span: Option<std::ops::Range<usize>>, otherwise: usize) -> usize {
    span.map_or(otherwise, |span| span.start)
}

fn entries(text: &Text<'_>, table: &dyn TableLike) -> Vec<Entry> {
    let entry = |(name, item): (&str, &Item)| {
        let key_at = start(table.key(name).and_then(|key| key.span()), 0);
        Entry { key: name.to_owned(), key_at, value_at: start(item.span(), key_at), value: value(text, item) }
    };
    table.iter().map(entry).collect()
}

fn value(text: &Text<'_>, item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return Value::Table(entries(text, table));
    }
    match item {
        Item::Value(Toml::String(string)) => Value::Text(string.value().clone()),
        Item::Value(Toml::Integer(number)) => Value::Literal("a number", number.value().to_string()),
        Item::Value(Toml::Float(_)) => Value::Literal("a number", literal(text, item)),
        Item::Value(Toml::Boolean(boolean)) => Value::Literal("a boolean", boolean.value().to_string()),
        Item::Value(Toml::Datetime(_)) => Value::Other("a date"),
        Item::Value(Toml::Array(array)) => Value::List(array.iter().map(|one| listed(text, one)).collect()),
        _ => Value::List(Vec::new()),
    }
}

fn listed(text: &Text<'_>, element: &Toml) -> (usize, Value) {
    (start(element.span(), 0), value(text, &Item::Value(element.clone())))
}

fn literal(text: &Text<'_>, item: &Item) -> String {
    item.span().and_then(|span| text.text.get(span)).unwrap_or_default().replace('_', "")
}

/// The values of `confirm` by the name of their table, `[KIND.NAME]`; `is_known` tells valid names. Nothing else is
/// permitted there, because a mistake must not lend without a question.
fn confirmations(
    text: &Text<'_>,
    kind: &str,
    tables: Vec<Entry>,
    is_known: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Confirm>, Problem> {
    let hint = "it can hold confirm = \"never\", \"new-session\" or \"always\"";
    let mut confirmations = BTreeMap::new();
    for Entry { key: name, key_at, value_at, value } in tables {
        if !is_known(&name) {
            let known = source::ALL.join(", ");
            return Err(text
                .wrong(key_at, format!("[{kind}] has an unknown name"))
                .hint(format!("the names are {known}")));
        }
        let Value::Table(entries) = value else {
            let what = format!("an entry of [{kind}]");
            return Err(text.wrong_type(&what, "a table", value.kind(Dialect::TOML), value_at).hint(hint));
        };
        for Entry { key, key_at, value_at, value } in entries {
            if key != "confirm" {
                let message = format!("[{kind}.NAME] has an unknown key");
                return Err(text.wrong(key_at, message).hint(hint));
            }
            let word = match &value {
                Value::Text(word) => Confirm::parse(word),
                _ => None,
            };
            let wrong = || text.wrong(value_at, "confirm has an unknown value").hint(hint);
            confirmations.insert(name.clone(), word.ok_or_else(wrong)?);
        }
    }
    Ok(confirmations)
}

/// The names under `harmless` of `[trust]`. Nothing else is permitted there: a mistake would ask about every project,
/// or about none.
fn harmless_names(text: &Text<'_>, entries: Vec<Entry>) -> Result<Vec<Located<String>>, Problem> {
    let mut names = Vec::new();
    for entry in entries {
        if entry.key != "harmless" {
            return Err(text
                .wrong(entry.key_at, "[trust] has an unknown key")
                .hint("it can hold harmless = [\"MYAPP_*\"]"));
        }
        let Value::List(values) = entry.value else {
            let kind = entry.value.kind(Dialect::TOML);
            return Err(text.wrong_type("harmless", "an array of strings", kind, entry.value_at));
        };
        for (number, (at, value)) in (1..).zip(values) {
            names.push(text.located(at, harmless_name(text, number, at, value)?));
        }
    }
    Ok(names)
}

fn harmless_name(text: &Text<'_>, number: u32, at: usize, value: Value) -> Result<String, Problem> {
    let what = format!("entry {number} of harmless");
    let Value::Text(name) = value else {
        return Err(text.wrong_type(&what, "a string", value.kind(Dialect::TOML), at));
    };
    match harmless::check(&name) {
        Ok(()) => Ok(name),
        Err(why) => Err(text
            .wrong(at, format!("{what} {why}"))
            .hint("docs/trust.md lists variables that a workspace may never set without a decision")),
    }
}
