//! Edits of `settings.json` that leave every other byte alone, comments included. Pure.

use super::splice::{Splice, line_end, place};
use claviger::reason::{Location, Problem, Reason};
use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{Object, ObjectProp, Value},
    common::Ranged as _,
    cst::CstRootNode,
    parse_to_ast,
};
use std::collections::BTreeMap;

/// The variables of a tool's sessions.
const ENV: &str = "env";
/// The start of the names of their changes.
pub(crate) const VARIABLE: &str = "env.";
/// Indentation of a new property in an empty object.
const INDENT: &str = "  ";

/// The JSON dialect of settings files; the daemon has its own parser.
const LENIENT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};
/// Some editors put a byte order mark at the start, which no parser accepts.
const MARK: char = '\u{feff}';

/// A text in JSON, with the path that errors name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json<'a> {
    /// Path of the file.
    pub(crate) path: &'a str,
    /// Its content.
    pub(crate) text: &'a str,
}

/// A command that is set, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    /// The command.
    pub(crate) command: String,
    /// Line of its value, from 1.
    pub(crate) line: u32,
}

impl Json<'_> {
    /// The command `key`; `None` if it is not set, or blank.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn command(&self, key: &str) -> Result<Option<Found>, Problem> {
        let json = self.bare().0;
        let found = json.with_object(|object| match last(object, key) {
            None => Ok(None),
            Some(property) => json.string(key, property).map(|(range, text)| Some((range.0, text))),
        })?;
        let found = found.flatten().filter(|(_, command)| !command.trim().is_empty());
        Ok(found.map(|(at, command)| Found { command, line: place(json.text, at).0 }))
    }

    /// The variables that `env` sets to a text, a number or a boolean; of duplicates, the last one.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn environment(&self) -> Result<BTreeMap<String, String>, Problem> {
        let found = self.bare().0.with_object(|object| {
            let Some(Value::Object(variables)) = last(object, ENV).map(|property| &property.value) else {
                return Ok(BTreeMap::new());
            };
            let text = |value: &Value<'_>| match value {
                Value::StringLit(string) => Some(string.value.to_string()),
                Value::NumberLit(number) => Some(number.value.to_owned()),
                Value::BooleanLit(truth) => Some(truth.value.to_string()),
                _ => None,
            };
            let named =
                |property: &ObjectProp<'_>| Some((property.name.as_str().to_owned(), text(&property.value)?));
            Ok(variables.properties.iter().filter_map(named).collect())
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The change that sets `key` to `command`; `None` if it is set to that already.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn set(&self, key: &str, command: &str) -> Result<Option<Splice>, Problem> {
        let (json, skipped) = self.bare();
        let change = json.change(key, command)?;
        Ok(change.map(|change| Splice { at: skipped + change.at, ..change }))
    }

    fn change(&self, key: &str, command: &str) -> Result<Option<Splice>, Problem> {
        let splice = |at: usize, end: usize, inserted: String| {
            Some(Splice { name: key.into(), at, removed: self.text[at..end].into(), inserted })
        };
        let entry = format!("{}: {}", quoted(key), quoted(command));
        let changed = self.with_object(|object| {
            let Some(property) = last(object, key) else {
                let (at, end, inserted) = self.new_property(object, &entry);
                return Ok(splice(at, end, inserted));
            };
            let ((at, end), old) = self.string(key, property)?;
            Ok(splice(at, end, quoted(command)).filter(|_| old != command))
        })?;
        let blank = || {
            let end = line_end(self.text);
            splice(self.text.len(), self.text.len(), format!("{{{end}{INDENT}{entry}{end}}}{end}"))
        };
        Ok(changed.unwrap_or_else(blank))
    }

    /// The change that sets the variable `name` of `env` to `value`; `None` if it is set to that already.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn set_variable(&self, name: &str, value: &str) -> Result<Option<Splice>, Problem> {
        let (json, skipped) = self.bare();
        let change = |(at, end, inserted): (usize, usize, String)| {
            let (name, at) = (format!("{VARIABLE}{name}"), skipped + at);
            Some(Splice { name, at, removed: self.text[at..skipped + end].into(), inserted })
        };
        let entry = format!("{}: {}", quoted(name), quoted(value));
        let changed = json.with_object(|object| {
            let variables = match last(object, ENV).map(|property| &property.value) {
                None => {
                    let entry = format!("{}: {{{entry}}}", quoted(ENV));
                    return Ok(change(json.new_property(object, &entry)));
                }
                Some(Value::Object(variables)) => variables,
                Some(other) => return Err(json.wrong(other.range().start, "env must be an object")),
            };
            let Some(property) = last(variables, name) else {
                return Ok(change(json.new_property(variables, &entry)));
            };
            let ((at, end), old) = json.string(name, property)?;
            Ok(change((at, end, quoted(value))).filter(|_| old != value))
        })?;
        changed.ok_or_else(|| json.wrong(0, "must hold an object"))
    }

    /// The text without the variable `name` of `env`, and if it is `ours`, without an `env` that becomes empty.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn without_variable(&self, name: &str, ours: bool) -> Result<String, Problem> {
        let (json, skipped) = self.bare();
        let root = CstRootNode::parse(json.text, &LENIENT);
        let root = root.map_err(|error| self.wrong(error.range().start, "not valid JSON"))?;
        if let Some(property) = root.object_value().and_then(|object| object.get(ENV)) {
            let variables = property.object_value();
            if let Some(variable) = variables.as_ref().and_then(|variables| variables.get(name)) {
                variable.remove();
            }
            if ours && variables.is_some_and(|variables| variables.properties().is_empty()) {
                property.remove();
            }
        }
        Ok(format!("{}{root}", &self.text[..skipped]))
    }

    /// The text without `key`, whatever it is set to.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn without(&self, key: &str) -> Result<String, Problem> {
        let (json, skipped) = self.bare();
        let root = CstRootNode::parse(json.text, &LENIENT);
        let root = root.map_err(|error| self.wrong(error.range().start, "not valid JSON"))?;
        if let Some(property) = root.object_value().and_then(|object| object.get(key)) {
            property.remove();
        }
        Ok(format!("{}{root}", &self.text[..skipped]))
    }

    /// Without the mark, and its length.
    fn bare(&self) -> (Self, usize) {
        let text = self.text.trim_start_matches(MARK);
        (Self { text, ..*self }, self.text.len() - text.len())
    }

    /// Position and text of a new property: before the first one, so that no other line has to change.
    fn new_property(&self, object: &Object<'_>, entry: &str) -> (usize, usize, String) {
        let (open, close) = (object.range.start + 1, object.range.end - 1);
        let end = line_end(self.text);
        if let Some(first) = object.properties.first() {
            let before = &self.text[open..first.range.start];
            let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).collect::<String>();
            let gap = before.rfind('\n').map_or(" ".into(), |at| end.to_owned() + &indent(&before[at + 1..]));
            return (first.range.start, first.range.start, format!("{entry},{gap}"));
        }
        match self.text[open..close].trim().is_empty() {
            true => (open, close, format!("{end}{INDENT}{entry}{end}")),
            false => (open, open, format!("{end}{INDENT}{entry}")), // there is a comment
        }
    }

    /// Calls `then` with the top-level object; `None` if the text is blank.
    fn with_object<T>(
        &self,
        then: impl FnOnce(&Object<'_>) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        let parsed = parse_to_ast(self.text, &CollectOptions::default(), &LENIENT);
        let parsed = parsed.map_err(|error| self.wrong(error.range().start, "not valid JSON"))?;
        match &parsed.value {
            None if self.text.trim().is_empty() => Ok(None),
            Some(Value::Object(object)) => then(object).map(Some),
            None => Err(self.wrong(0, "nothing but comments")),
            Some(other) => Err(self.wrong(other.range().start, "must hold an object")),
        }
    }

    /// Range and value of a property that must be a text.
    fn string(&self, key: &str, property: &ObjectProp<'_>) -> Result<((usize, usize), String), Problem> {
        match &property.value {
            Value::StringLit(string) => {
                Ok(((string.range.start, string.range.end), string.value.to_string()))
            }
            other => Err(self.wrong(other.range().start, &format!("{key} must be a text"))),
        }
    }

    fn wrong(&self, offset: usize, what: &str) -> Problem {
        let (line, column) = place(self.text, offset);
        let at = Location { layer: "user".into(), file: self.path.into(), line, column };
        Problem::new(Reason::SettingsInvalid, what).hint("correct the file; nothing has been changed").at(&at)
    }
}

/// Of duplicates, the last one counts.
fn last<'a, 'b>(object: &'a Object<'b>, key: &str) -> Option<&'a ObjectProp<'b>> {
    object.properties.iter().rfind(|property| property.name.as_str() == key)
}

/// A text as a JSON string; TOML accepts it, too.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::Json;

    fn json(text: &str) -> Json<'_> {
        Json { path: "/s.json", text }
    }

    fn set(text: &str) -> String {
        let change = json(text).set("k", "v \"w\"").expect("valid").expect("a change");
        let changed = change.apply(text);
        assert_eq!(change.revert(&changed).as_deref(), Some(text), "exactly undone");
        assert_eq!(json(&changed).set("k", "v \"w\""), Ok(None), "done once");
        assert_eq!(json(&changed).command("k").expect("valid").expect("set").command, "v \"w\"");
        changed
    }

    #[test]
    fn a_value_takes_the_place_of_another_and_of_nothing_else() {
        assert_eq!(set(r#"{"a":1, "k" : "old\n" ,"b":{}}"#), r#"{"a":1, "k" : "v \"w\"" ,"b":{}}"#);
        assert_eq!(
            set("{ // c\r\n\t\"k\": \"\", /* d */\r\n}"),
            "{ // c\r\n\t\"k\": \"v \\\"w\\\"\", /* d */\r\n}"
        );
        assert_eq!(set(r#"{"k":"1","k":"2"}"#), r#"{"k":"1","k":"v \"w\""}"#);
    }

    #[test]
    fn a_new_value_comes_first_and_looks_like_its_neighbours() {
        let entry = r#""k": "v \"w\"""#;
        for (text, expected) in [
            ("", "{\n  ENTRY\n}\n"),
            ("{}", "{\n  ENTRY\n}"),
            ("{ }\r\n", "{\r\n  ENTRY\r\n}\r\n"),
            ("{\"a\":1}", "{ENTRY, \"a\":1}"),
            ("{ \"a\":1 }", "{ ENTRY, \"a\":1 }"),
            ("\u{feff}{\r\n\t\"a\": 1\r\n}\r\n", "\u{feff}{\r\n\tENTRY,\r\n\t\"a\": 1\r\n}\r\n"),
            ("{ // c\n    // d\n    \"a\": 1,\n}", "{ // c\n    // d\n    ENTRY,\n    \"a\": 1,\n}"),
            ("{\n  // c\n}", "{\n  ENTRY\n  // c\n}"),
        ] {
            assert_eq!(set(text), expected.replace("ENTRY", entry), "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        for (text, place) in [
            ("{\n  \"k\": }", "/s.json:2:8"),
            ("{\"k\": 1}", "/s.json:1:7"),
            ("[1]", "/s.json:1:1"),
            ("{\"é\": 1 \"k\"}", "/s.json:1:8"),
        ] {
            let problem = json(text).set("k", "v").expect_err(text);
            assert_eq!(problem.location.expect("a place").to_string(), place, "{text}");
        }
    }

    #[test]
    fn variables_are_read_as_a_tool_reads_them() {
        let read = |text| json(text).environment().expect("valid").into_iter().collect::<Vec<_>>();
        let one = |value: &str| vec![("A".to_owned(), value.to_owned())];
        assert_eq!(read(r#"{"env": {"A": "0", "A": "1", "B": null}}"#), one("1"));
        assert_eq!(read(r#"{"env": {"A": 1}}"#), one("1"));
        assert_eq!(read(r#"{"env": {"A": true}}"#), one("true"));
        for nothing in ["", "{}", r#"{"env": 1}"#, r#"{"A": "1"}"#] {
            assert_eq!(read(nothing), [], "{nothing}");
        }
    }

    #[test]
    fn a_property_can_go_with_its_comma() {
        assert_eq!(
            json("{\n  \"a\": 1,\n  \"k\": \"v\"\n}").without("k").expect("valid"),
            "{\n  \"a\": 1\n}"
        );
        assert_eq!(json("{\"k\": \"v\", \"a\": 1}").without("x").expect("valid"), "{\"k\": \"v\", \"a\": 1}");
    }
}
