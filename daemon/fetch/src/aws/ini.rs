//! AWS's files as `aws` parses them: with the rules of Python's `RawConfigParser`. Pure.
//!
//! A file is read in one pass, and the result borrows from its text: a file may have thousands of profiles, of which
//! one is needed.

use std::{borrow::Cow, collections::HashSet, fmt, ops::Range};

/// The section whose settings apply to all others.
const DEFAULT: &str = "DEFAULT";

/// Name and text of a setting.
type Setting<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The sections of a file.
#[derive(Debug, Default)]
pub(super) struct Sections<'a> {
    settings: Vec<Setting<'a>>,
    sections: Vec<Section<'a>>,
    /// Settings of all sections that do not set them themselves.
    defaults: Vec<Setting<'a>>,
}

#[derive(Debug)]
struct Section<'a> {
    name: &'a str,
    settings: Range<usize>,
}

/// Why a file is unusable as a whole, as with AWS's own tools.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// From 1.
    pub(super) line: usize,
    fault: Fault,
}

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Mark,
    NoSection,
    NoSetting,
    NoName,
    SectionAgain,
    SettingAgain,
    NoSubsetting,
}

/// The setting being read: lines with deeper indentation continue it.
struct Open<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    /// Empty lines that are part of the value if another line follows.
    empty: usize,
    line: usize,
}

struct Reader<'a> {
    read: Sections<'a>,
    sections: HashSet<&'a str>,
    /// Settings of this section, and of the section for all.
    names: [HashSet<Cow<'a, str>>; 2],
    place: Position,
    open: Option<Open<'a>>,
    /// Settings for all sections with invalid nested lines, and the numbers of these lines.
    broken: Vec<(Cow<'a, str>, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Nowhere,
    Section,
    Defaults,
}

/// Reads a file.
///
/// # Errors
/// The first place that AWS's own tools reject.
pub(super) fn read(text: &str) -> Result<Sections<'_>, Broken> {
    let mut reader = Reader {
        read: Sections::default(),
        sections: HashSet::new(),
        names: Default::default(),
        place: Position::Nowhere,
        open: None,
        broken: Vec::new(),
    };
    let (mut rest, mut line, mut indent) = (text, 0, 0);
    while !rest.is_empty() {
        let whole;
        (whole, rest) = first_line(rest);
        line += 1;
        let value = strip(whole);
        if value.starts_with(['#', ';']) {
            continue;
        }
        if value.is_empty() {
            reader.open.iter_mut().for_each(|open| open.empty += 1);
            continue;
        }
        let deep = whole.chars().take_while(|char| is_space(*char)).count();
        match &mut reader.open {
            Some(open) if deep > indent => open.go_on(value),
            _ => {
                indent = deep;
                reader.close()?;
                reader.line(value, line)?;
            }
        }
    }
    reader.close()?;
    reader.end()
}

/// The settings nested below a setting without a value on its own line; `None` if a line is not a setting.
pub(super) fn nested(value: &str) -> Option<Vec<(&str, &str)>> {
    let lines = value.split(is_line_end).map(strip).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once('=').map(|(name, value)| (strip(name), strip(value)))).collect()
}

/// A line without its end, and the rest.
fn first_line(text: &str) -> (&str, &str) {
    match text.bytes().position(|byte| byte == b'\n' || byte == b'\r') {
        None => (text, ""),
        Some(end) => {
            let rest = &text[end..];
            (&text[..end], rest.strip_prefix("\r\n").unwrap_or(&rest[1..]))
        }
    }
}

/// Python's white space: that of Unicode, and four separators of ASCII.
fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

/// Python's line ends within a text.
fn is_line_end(char: char) -> bool {
    matches!(char, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Names ignore case.
fn lower(name: &str) -> Cow<'_, str> {
    match name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_lowercase()),
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// A continuation line without text.
    fn line(&mut self, text: &'a str, line: usize) -> Result<(), Broken> {
        let broken = |fault| Err(Broken { line, fault });
        if let Some(name) = header(text) {
            return self.section(name, line);
        }
        if self.place == Position::Nowhere {
            return broken(if text.starts_with('\u{feff}') { Fault::Mark } else { Fault::NoSection });
        }
        let Some((name, value)) = text.split_once(['=', ':']) else { return broken(Fault::NoSetting) };
        let name = lower(name.trim_end_matches(is_space));
        if name.is_empty() {
            return broken(Fault::NoName);
        }
        let names = &mut self.names[usize::from(self.place == Position::Defaults)];
        if !names.insert(name.clone()) {
            return broken(Fault::SettingAgain);
        }
        self.open = Some(Open { name, value: strip(value).into(), empty: 0, line });
        Ok(())
    }

    fn section(&mut self, name: &'a str, line: usize) -> Result<(), Broken> {
        if name == DEFAULT {
            self.place = Position::Defaults;
            return Ok(());
        }
        if !self.sections.insert(name) {
            return Err(Broken { line, fault: Fault::SectionAgain });
        }
        self.place = Position::Section;
        self.names[0].clear();
        let end = self.read.settings.len();
        self.read.sections.push(Section { name, settings: end..end });
        Ok(())
    }

    /// A setting for all sections counts if a section does not set it itself.
    fn end(self) -> Result<Sections<'a>, Broken> {
        let read = self.read;
        let counts = |name: &str| {
            (0..read.sections.len()).any(|at| read.own(at).iter().all(|(known, _)| known != name))
        };
        match self.broken.iter().find(|(name, _)| counts(name)) {
            Some((_, line)) => Err(Broken { line: *line, fault: Fault::NoSubsetting }),
            None => Ok(read),
        }
    }

    /// The setting that was being read is complete.
    fn close(&mut self) -> Result<(), Broken> {
        let Some(Open { name, value, line, .. }) = self.open.take() else { return Ok(()) };
        let is_broken = value.starts_with('\n') && nested(&value).is_none();
        match (self.place, self.read.sections.last_mut()) {
            (Position::Section, _) if is_broken => return Err(Broken { line, fault: Fault::NoSubsetting }),
            (Position::Section, Some(section)) => {
                self.read.settings.push((name, value));
                section.settings.end = self.read.settings.len();
            }
            _ => {
                self.broken.extend(is_broken.then(|| (name.clone(), line)));
                self.read.defaults.push((name, value));
            }
        }
        Ok(())
    }
}

/// The name in `[…]`. Text after the last bracket is ignored.
fn header(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('[')?;
    rest.rfind(']').filter(|end| *end > 0).map(|end| &rest[..end])
}

// === impl Open ===

impl<'a> Open<'a> {
    fn go_on(&mut self, line: &'a str) {
        let value = self.value.to_mut();
        value.extend(std::iter::repeat_n('\n', std::mem::take(&mut self.empty) + 1));
        value.push_str(line);
    }
}

// === impl Sections ===

impl<'a> Sections<'a> {
    /// The names of the sections, in the order of the file; the number of one is its place here.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.sections.iter().map(|section| section.name)
    }

    /// The text of a setting in the section with this number. It begins with a line end if there are nested settings.
    pub(super) fn get(&self, section: usize, name: &str) -> Option<&str> {
        self.settings(section).find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Name and text of all settings of a section; its own come first.
    pub(super) fn settings(&self, section: usize) -> impl Iterator<Item = (&str, &str)> {
        self.own(section).iter().chain(&self.defaults).map(|(name, value)| (&**name, &**value))
    }

    fn own(&self, section: usize) -> &[Setting<'a>] {
        self.sections
            .get(section)
            .and_then(|section| self.settings.get(section.settings.clone()))
            .unwrap_or_default()
    }
}

// === impl Broken ===

/// Continues "line N …". No content of the file is repeated.
impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.fault {
            Fault::Mark => {
                "begins with a byte order mark, which AWS tools reject: save the file as UTF-8 without it"
            }
            Fault::NoSection => "is before the first [section]",
            Fault::NoSetting => "is neither a [section] nor a setting: it has no `=`",
            Fault::NoName => "is a setting without a name",
            Fault::SectionAgain => "begins a section for the second time",
            Fault::SettingAgain => "sets the same name again in its section",
            Fault::NoSubsetting => "is followed by indented lines that are not settings",
        })
    }
}

#[cfg(test)]
#[path = "ini/tests.rs"]
mod tests;
