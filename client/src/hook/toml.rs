//! Edits of `[settings]` in claviger's own configuration that leave every other byte alone. Pure.

use super::{
    json::quoted,
    splice::{Splice, line_end, place},
};
use claviger::reason::{Location, Problem, Reason};
use toml_edit::{Document, Item};

/// The table.
const TABLE: &str = "settings";
/// Its header.
const HEADER: &str = "[settings]";

/// A text in TOML, with the path that errors name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Toml<'a> {
    /// Path of the file.
    pub(crate) path: &'a str,
    /// Its content.
    pub(crate) text: &'a str,
}

impl Toml<'_> {
    /// The command `key` of `[settings]`; `None` if it is not set.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn command(&self, key: &str) -> Result<Option<String>, Problem> {
        Ok(self.find(key)?.map(|(_, _, command)| command))
    }

    /// Whether `key` of `[settings]`, one text or several, has `text`; `None` if it is not set.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn lists(&self, key: &str, text: &str) -> Result<Option<bool>, Problem> {
        let document = self.document()?;
        let table = document.get(TABLE).and_then(Item::as_table_like);
        Ok(table.and_then(|table| table.get(key)).map(|item| match item.as_array() {
            Some(entries) => entries.iter().any(|entry| entry.as_str() == Some(text)),
            None => item.as_str() == Some(text),
        }))
    }

    /// The change that sets `key` of `[settings]` to `command`; `None` if it is set to that already.
    ///
    /// # Errors
    /// `settings-invalid` with line and column, or if the table is written in a way that cannot be added to.
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
        let read = Toml { path: self.path, text: &text }.command(key);
        match read {
            Ok(Some(read)) if read == command => Ok(Some(change)),
            _ => Err(self.wrong(0, &format!("{key} cannot be added to the settings here")).hint(format!(
                "write them as a table of their own that starts with a line {HEADER}; nothing has been changed"
            ))),
        }
    }

    /// The text without the line of `key`, whatever it is set to.
    ///
    /// # Errors
    /// `settings-invalid` with line and column.
    pub(crate) fn without(&self, key: &str) -> Result<String, Problem> {
        let Some((at, end, _)) = self.find(key)? else { return Ok(self.text.to_owned()) };
        let start = self.text[..at].rfind('\n').map_or(0, |found| found + 1);
        let end = self.text[end..].find('\n').map_or(self.text.len(), |found| end + found + 1);
        Ok(format!("{}{}", &self.text[..start], &self.text[end..]))
    }

    /// Where a new line goes, and with what around it: below the header, or at the end with one.
    fn new_line(&self, line: &str) -> (usize, String) {
        let end = line_end(self.text);
        let mut at = 0;
        for text in self.text.split_inclusive('\n') {
            at += text.len();
            let text = text.trim_start_matches('\u{feff}').trim();
            let is_header = text.strip_prefix(HEADER).is_some_and(|rest| {
                let rest = rest.trim_start();
                rest.is_empty() || rest.starts_with('#')
            });
            if is_header {
                let gap = if self.text[..at].ends_with('\n') { "" } else { end };
                return (at, format!("{gap}{line}{end}"));
            }
        }
        let gap = match self.text.trim_start_matches('\u{feff}') {
            "" => String::new(),
            text if text.ends_with('\n') => end.to_owned(),
            _ => format!("{end}{end}"),
        };
        (self.text.len(), format!("{gap}{HEADER}{end}{line}{end}"))
    }

    /// Start and end of a value, and what it says.
    fn find(&self, key: &str) -> Result<Option<(usize, usize, String)>, Problem> {
        let document = self.document()?;
        let skipped = self.skipped();
        let Some(item) = document.get(TABLE).and_then(Item::as_table_like).and_then(|table| table.get(key))
        else {
            return Ok(None);
        };
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

    /// The parser leaves out a byte order mark, and does not count it.
    fn skipped(&self) -> usize {
        self.text.len() - self.text.trim_start_matches('\u{feff}').len()
    }

    fn wrong(&self, offset: usize, what: &str) -> Problem {
        let (line, column) = place(self.text, offset);
        let at = Location { layer: "config".into(), file: self.path.into(), line, column };
        Problem::new(Reason::SettingsInvalid, what).hint("correct the file; nothing has been changed").at(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::Toml;

    fn toml(text: &str) -> Toml<'_> {
        Toml { path: "/c.toml", text }
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
