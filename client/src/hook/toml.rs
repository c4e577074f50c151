//! Edits of `[settings]` in claviger's own configuration, or of its part for one configuration directory, that leave
//! every other byte alone. Pure.

use super::{
    json::quoted,
    splice::{Splice, line_end, place},
};
use claviger::reason::{Location, Problem, Reason};
use std::collections::BTreeMap;
use toml_edit::{Document, Item, TableLike};

/// The table.
const TABLE: &str = "settings";
/// The key in it with a table for each configuration directory.
const DIRECTORY: &str = "directory";

/// A text in TOML, with the path that errors name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Toml<'a> {
    /// Path of the file.
    pub(crate) path: &'a str,
    /// Its content.
    pub(crate) text: &'a str,
    /// The configuration directory whose table to use; without it, the table for all of them.
    pub(crate) directory: Option<&'a str>,
}

impl Toml<'_> {
    /// The command `key` of `[settings]`; `None` if it is not set.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn command(&self, key: &str) -> Result<Option<String>, Problem> {
        Ok(self.find(key)?.map(|(_, _, command)| command))
    }

    /// Whether `key` of `[settings]`, one text or a list, contains `text`; `None` if it is not set.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn lists(&self, key: &str, text: &str) -> Result<Option<bool>, Problem> {
        let document = self.document()?;
        Ok(self.table(&document).and_then(|table| item(table, key)).map(|item| match item.as_array() {
            Some(entries) => entries.iter().any(|entry| entry.as_str() == Some(text)),
            None => item.as_str() == Some(text),
        }))
    }

    /// The change that sets `key` of `[settings]` to `command`; `None` if it is set to that already.
    ///
    /// # Errors
    /// `settings-invalid` with line and column, or if the notation of the table does not permit additions.
    pub(crate) fn set(&self, key: &str, command: &str) -> Result<Option<Splice>, Problem> {
        let splice = |at: usize, end: usize, inserted: String| Splice {
            name: key.into(),
            at,
            removed: self.text[at..end].into(),
            inserted,
        };
        let change = match self.find(key)? {
            Some((_, _, old)) if old == command => return Ok(None),
            Some((at, end, _)) => splice(at, end, quoted(command)),
            None => {
                let (at, inserted) = self.new_line(&format!("{key} = {}", quoted(command)));
                splice(at, at, inserted)
            }
        };
        let text = change.apply(self.text);
        let read = Toml { text: &text, ..*self }.command(key);
        match read {
            Ok(Some(read)) if read == command => Ok(Some(change)),
            _ => Err(self.wrong(0, &format!("{key} cannot be added to the settings here")).hint(format!(
                "write them as a separate table that starts with a line {}; nothing has been changed",
                self.header()
            ))),
        }
    }

    /// The text without the line of `key`, whatever its value, and without the table of a directory that becomes empty.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn without(&self, key: &str) -> Result<String, Problem> {
        let Some((at, end, _)) = self.find(key)? else { return Ok(self.text.to_owned()) };
        let start = self.text[..at].rfind('\n').map_or(0, |found| found + 1);
        let end = self.text[end..].find('\n').map_or(self.text.len(), |found| end + found + 1);
        let text = format!("{}{}", &self.text[..start], &self.text[end..]);
        let shorter = Toml { text: &text, ..*self };
        let document = shorter.document()?;
        let is_empty = shorter.table(&document).is_some_and(TableLike::is_empty);
        let Some(end) = shorter.header_end().filter(|_| is_empty && self.directory.is_some()) else {
            return Ok(text);
        };
        let start = text[..end].trim_end().rfind('\n').map_or(0, |found| found + 1);
        let before = &text[..start];
        let blank =
            before.strip_suffix("\r\n").or(before.strip_suffix('\n')).filter(|left| left.ends_with('\n'));
        Ok(format!("{}{}", blank.unwrap_or(before), &text[end..]))
    }

    /// Whether the table equals that of `other`.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        let values = |toml: &Self| {
            let document = toml.document().ok()?;
            let literal = |item: &Item| toml.text[toml.skipped()..].get(item.span()?);
            let text = |item: &Item| item.as_str().or(literal(item)).map(str::to_owned);
            let entries = toml.table(&document)?.iter();
            Some(entries.map(|(key, item)| (key.to_owned(), text(item))).collect::<BTreeMap<_, _>>())
        };
        values(self).is_some_and(|own| values(other) == Some(own))
    }

    /// The header line of the table.
    pub(crate) fn header(&self) -> String {
        match self.directory {
            None => format!("[{TABLE}]"),
            Some(directory) => format!("[{TABLE}.{DIRECTORY}.{}]", quoted(directory)),
        }
    }

    /// Position of a new line, and the text around it: below the header, or at the end with a new header.
    fn new_line(&self, line: &str) -> (usize, String) {
        let end = line_end(self.text);
        if let Some(at) = self.header_end() {
            let gap = if self.text[..at].ends_with('\n') { "" } else { end };
            return (at, format!("{gap}{line}{end}"));
        }
        let gap = match self.text.trim_start_matches('\u{feff}') {
            "" => String::new(),
            text if text.ends_with('\n') => end.to_owned(),
            _ => format!("{end}{end}"),
        };
        (self.text.len(), format!("{gap}{}{end}{line}{end}", self.header()))
    }

    /// The end of the header line, if there is one.
    fn header_end(&self) -> Option<usize> {
        let header = self.header();
        let mut at = 0;
        self.text.split_inclusive('\n').find_map(|text| {
            at += text.len();
            let text = text.trim_start_matches('\u{feff}').trim();
            let rest = text.strip_prefix(&header)?.trim_start();
            (rest.is_empty() || rest.starts_with('#')).then_some(at)
        })
    }

    fn table<'b>(&self, document: &'b Document<&str>) -> Option<&'b dyn TableLike> {
        let table = document.get(TABLE).and_then(Item::as_table_like)?;
        let Some(directory) = self.directory else { return Some(table) };
        let tables = table.get(DIRECTORY).and_then(Item::as_table_like)?;
        tables.get(directory).and_then(Item::as_table_like)
    }

    /// Start, end and content of a value.
    fn find(&self, key: &str) -> Result<Option<(usize, usize, String)>, Problem> {
        let document = self.document()?;
        let skipped = self.skipped();
        let Some(item) = self.table(&document).and_then(|table| item(table, key)) else { return Ok(None) };
        let span = item.span().unwrap_or_default();
        match item.as_str() {
            Some(command) => Ok(Some((skipped + span.start, skipped + span.end, command.to_owned()))),
            None => Err(self.wrong(skipped + span.start, &format!("{key} must be a text"))),
        }
    }

    fn document(&self) -> Result<Document<&str>, Problem> {
        let skipped = self.skipped();
        Document::parse(&self.text[skipped..]).map_err(|error| {
            self.wrong(skipped + error.span().map_or(0, |span| span.start), "not valid TOML")
        })
    }

    /// The parser removes a byte order mark, and does not count it.
    fn skipped(&self) -> usize {
        self.text.len() - self.text.trim_start_matches('\u{feff}').len()
    }

    fn wrong(&self, offset: usize, what: &str) -> Problem {
        let (line, column) = place(self.text, offset);
        let at = Location { layer: "config".into(), file: self.path.into(), line, column };
        Problem::new(Reason::SettingsInvalid, what).hint("correct the file; nothing has been changed").at(&at)
    }
}

/// The value of a key, which may be dotted.
fn item<'a>(table: &'a dyn TableLike, key: &str) -> Option<&'a Item> {
    match key.split_once('.') {
        None => table.get(key),
        Some((outer, inner)) => item(table.get(outer)?.as_table_like()?, inner),
    }
}

#[cfg(test)]
mod tests {
    use super::Toml;

    fn toml(text: &str) -> Toml<'_> {
        Toml { path: "/c.toml", text, directory: None }
    }

    fn set(text: &str) -> String {
        let change = toml(text).set("k", "v '\"\\\u{7f}").expect("valid").expect("a change");
        let changed = change.apply(text);
        assert_eq!(change.revert(&changed).as_deref(), Some(text), "exactly undone");
        assert_eq!(toml(&changed).set("k", "v '\"\\\u{7f}"), Ok(None), "done once");
        changed
    }

    #[test]
    fn one_line_is_added_and_nothing_else_moves() {
        let line = r#"k = "v '\"\\\u007f""#;
        for (text, expected) in [
            ("", "[settings]\nLINE\n"),
            ("[daemon]\nlog = \"x\" # y", "[daemon]\nlog = \"x\" # y\n\n[settings]\nLINE\n"),
            ("[daemon]\r\n", "[daemon]\r\n\r\n[settings]\r\nLINE\r\n"),
            ("[settings] # c\na = 1\n[x]\n", "[settings] # c\nLINE\na = 1\n[x]\n"),
            ("\u{feff}[settings]", "\u{feff}[settings]\nLINE\n"),
            ("[settings.env]\nA = \"1\"\n", "[settings.env]\nA = \"1\"\n\n[settings]\nLINE\n"),
            ("\u{feff}[settings]\nk = 'x' # c\n", "\u{feff}[settings]\nk = VALUE # c\n"),
            ("settings.k = ''\n", "settings.k = VALUE\n"),
        ] {
            let expected = expected.replace("LINE", line).replace("VALUE", &line[4..]);
            assert_eq!(set(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_directory_has_a_table_of_its_own() {
        fn toml(text: &str) -> Toml<'_> {
            Toml { path: "/c.toml", text, directory: Some("/home/\"me\"") }
        }
        let header = r#"[settings.directory."/home/\"me\""]"#;
        let both = format!("[settings]\nk = \"v\"\n\n{header}\nk = \"v\"\n");
        let set = toml("[settings]\nk = \"v\"\n").set("k", "v").expect("valid").expect("a change");
        assert_eq!(set.apply("[settings]\nk = \"v\"\n"), both);
        assert_eq!(toml(&both).set("k", "v"), Ok(None));
        assert_eq!(toml(&both).without("k").expect("valid"), "[settings]\nk = \"v\"\n");
        let more = both.replace("\n\n", "\n\n[x]\n") + "# mine\nl = 1\n";
        assert_eq!(
            toml(&more).without("k").expect("valid"),
            more.replace("]\nk = \"v\"\n# mine", "]\n# mine")
        );
        assert!(toml(&both).says_the_same_as(&toml(&both.replace("\"v\"", "'v'"))));
        assert!(!toml(&both).says_the_same_as(&toml(&both.replace("\"v\"", "'w'"))));
        assert!(!toml("").says_the_same_as(&toml("")), "nothing is not part of it");
    }

    #[test]
    fn what_cannot_be_edited_is_left_alone() {
        for (text, place) in [
            ("[settings\n", "/c.toml:1"),
            ("[settings]\nk = 1\n", "/c.toml:2:5"),
            ("settings = {a = 1}\n", "/c.toml:1"),
            ("x = '''\n[settings]\n'''\n", "/c.toml:1"),
        ] {
            let problem = toml(text).set("k", "v").expect_err(text);
            let shown = problem.location.expect("a place").to_string();
            assert!(shown.starts_with(place), "{text}: {shown}");
        }
    }

    #[test]
    fn one_text_or_several_have_a_text() {
        for (text, expected) in [
            ("", None),
            ("[settings]\nk = 'v'\n", Some(true)),
            ("[settings]\nk = 'w'\n", Some(false)),
            ("\u{feff}[settings]\nk = ['w', 'v']\n", Some(true)),
            ("[settings]\nk = [1]\n", Some(false)),
        ] {
            assert_eq!(toml(text).lists("k", "v"), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_line_can_go() {
        assert_eq!(
            toml("[settings]\nk = \"v\" # c\na = 1\n").without("k").expect("valid"),
            "[settings]\na = 1\n"
        );
    }
}
