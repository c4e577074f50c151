//! Strict JSON, as `JSON.parse` accepts it, with positions.

use super::{
    content::is_known,
    text::{Dialect, Entry, Text, Value},
};
use crate::settings::{Content, Layer};
use claviger::reason::Problem;
use jsonc_parser::{
    CollectOptions, ParseOptions, ParseStringErrorKind,
    ast::{self, Object, ObjectProp},
    common::Ranged,
    errors::{ParseError, ParseErrorKind},
    parse_to_ast,
};
use std::collections::HashMap;

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Content of a settings file in JSON.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub fn json(layer: Layer, path: &str, bytes: &[u8]) -> Result<Content, Problem> {
    // Many editors truncate a file before they write it, and `touch` creates an empty one: it sets nothing yet.
    if bytes.is_empty() {
        return Ok(Content::default());
    }
    let text = Text::new(layer, path, bytes)?;
    let tree = parse_to_ast(text.text, &CollectOptions::default(), &STRICT)
        .map_err(|error| syntax(&text, &error))?
        .value
        .ok_or_else(|| text.wrong(0, "blank").hint("write {} or remove the file"))?;
    strict(&text)?;
    match &tree {
        ast::Value::Object(object) => text.content(entries(&text, object, is_known), Dialect::JSON),
        other => Err(text
            .wrong(
                other.range().start,
                format!("must hold an object, not {}", value(&text, other).kind(Dialect::JSON)),
            )
            .hint("put the settings between { and }")),
    }
}

// The parser with positions accepts a few things that JSON forbids (control characters in strings, unusual blanks); so
// the parser without them decides.
fn strict(text: &Text<'_>) -> Result<(), Problem> {
    let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text.text) else { return Ok(()) };
    let line_start =
        text.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let offset = line_start + error.column().saturating_sub(1);
    let offset = (0..=offset).rev().find(|offset| text.text.is_char_boundary(*offset)).unwrap_or(0);
    Err(text
        .wrong(offset, "not valid JSON")
        .hint("look for a control character or an invalid number near that place"))
}

fn syntax(text: &Text<'_>, error: &ParseError) -> Problem {
    let message = match error.kind() {
        ParseErrorKind::String(ParseStringErrorKind::InvalidUnicodeEscapeSequence(_)) => {
            "invalid unicode escape sequence".to_owned()
        }
        ParseErrorKind::NestingDepthExceeded => "nested too deeply".to_owned(),
        kind => lower_first(&kind.to_string()),
    };
    let hint = match error.kind() {
        ParseErrorKind::CommentsNotAllowed => "remove the comment: settings files are strict JSON",
        ParseErrorKind::TrailingCommasNotAllowed => "remove the comma after the last entry",
        ParseErrorKind::SingleQuotedStringsNotAllowed => "use double quotes",
        _ => "correct the file; until then its new content is not used",
    };
    text.wrong(error.range().start, format!("not valid JSON: {message}")).hint(hint)
}

fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

// Each key once, with its last value, in the order of the text.
fn entries(text: &Text<'_>, object: &Object<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
    let mut last: HashMap<&str, &ObjectProp<'_>> = HashMap::new();
    for property in &object.properties {
        if wanted(property.name.as_str()) {
            last.insert(property.name.as_str(), property);
        }
    }
    let mut properties: Vec<_> = last.into_values().collect();
    properties.sort_by_key(|property| property.range.start);
    let entry = |property: &ObjectProp<'_>| Entry {
        key: property.name.as_str().to_owned(),
        key_at: property.range.start,
        value_at: property.value.range().start,
        value: value(text, &property.value),
    };
    properties.into_iter().map(entry).collect()
}

fn value(text: &Text<'_>, tree: &ast::Value<'_>) -> Value {
    match tree {
        ast::Value::StringLit(string) => Value::Text(string.value.to_string()),
        ast::Value::NumberLit(number) => Value::Literal("a number", number.value.to_owned()),
        ast::Value::BooleanLit(boolean) => Value::Literal("a boolean", boolean.value.to_string()),
        ast::Value::Object(object) => Value::Table(entries(text, object, |_| true)),
        ast::Value::Array(array) => {
            let element = |element: &ast::Value<'_>| (element.range().start, value(text, element));
            Value::List(array.elements.iter().map(element).collect())
        }
        ast::Value::NullKeyword(_) => Value::Other("null"),
    }
}
