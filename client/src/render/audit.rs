//! Lines of the audit log as rows of a table that grows.

use super::table::Columns;
use crate::{audit_log, output::Style, text::escape};
use jiff::tz::TimeZone;
use serde_json::Value;

const HEAD: [&str; 12] = [
    "TIME",
    "EVENT",
    "DECISION",
    "SOURCE",
    "ACCOUNT",
    "GENERATION",
    "MODE",
    "PID",
    "PROGRAM",
    "RULE",
    "ABOUT",
    "DIRECTORY",
];

/// The rows so far.
pub(crate) struct Table {
    style: Style,
    zone: TimeZone,
    columns: Columns<12>,
    has_head: bool,
    keeps_columns: bool,
}

impl Table {
    /// No rows yet.
    pub(crate) fn new(style: Style) -> Self {
        let (columns, zone) = (Columns::default(), TimeZone::system());
        Self { style, zone, columns, has_head: false, keeps_columns: false }
    }

    /// Shows every column from the start, because later rows may need it.
    pub(crate) fn keep_columns(&mut self) {
        self.keeps_columns = true;
    }

    /// Further rows, with a head if they are the first.
    pub(crate) fn render<'a>(&mut self, lines: impl Iterator<Item = &'a Value>) -> String {
        let rows: Vec<_> = lines.map(|line| row(line, &self.zone)).collect();
        if rows.is_empty() && !self.keeps_columns {
            return String::new();
        }
        let mut text = String::new();
        self.columns.widen(&rows);
        if !self.has_head {
            let mut column = 0..HEAD.len();
            let head = HEAD.map(|title| {
                let is_used = column.next().is_some_and(|column| self.columns.is_used(column));
                if is_used || self.keeps_columns { title.to_owned() } else { String::new() }
            });
            self.columns.widen(std::slice::from_ref(&head));
            text = self.style.bold(&self.columns.line(&head)) + "\n";
            self.has_head = true;
        }
        rows.iter().for_each(|row| text += &(self.columns.line(row) + "\n"));
        text
    }
}

fn row(line: &Value, zone: &TimeZone) -> [String; 12] {
    let text = |field: &str| match &line[field] {
        Value::String(text) => escape::line(text),
        Value::Null => String::new(),
        // A line that a daemon did not write.
        other => escape::line(&other.to_string()),
    };
    [
        instant(&line["time"], zone),
        text("event"),
        text("decision"),
        text("source"),
        text("account"),
        text("generation"),
        text("mode"),
        text("pid"),
        text("program"),
        rule(&text("file"), &text("line"), &text("layer")),
        about(&[text("via"), text("about")].join(" "), &text("count"), &line["since"], zone),
        text("cwd"),
    ]
}

fn rule(file: &str, line: &str, layer: &str) -> String {
    match (file, line, layer) {
        ("", ..) => layer.to_owned(),
        (_, "", "") => file.to_owned(),
        (_, "", _) => format!("{file} ({layer})"),
        (_, _, "") => format!("{file}:{line}"),
        _ => format!("{file}:{line} ({layer})"),
    }
}

fn about(about: &str, count: &str, since: &Value, zone: &TimeZone) -> String {
    let since = if since.is_null() { String::new() } else { format!("since {}", instant(since, zone)) };
    let parts = [count, about.trim(), &since];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn instant(time: &Value, zone: &TimeZone) -> String {
    let at = audit_log::time(time);
    at.map_or_else(|| "unknown".into(), |at| at.to_zoned(zone.clone()).strftime("%F %T").to_string())
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::output::Style;
    use jiff::tz::TimeZone;
    use serde_json::{Value, json};

    fn table() -> Table {
        Table { zone: TimeZone::UTC, ..Table::new(Style::default()) }
    }

    fn lines() -> [Value; 3] {
        [
            json!({"time": "2027-01-15T08:00:00.500Z", "event": "get", "decision": "lent", "pid": 7, "uid": 1000,
                "program": "/usr/bin/claude", "client": "[claviger]", "cwd": "/work", "mode": "standard",
                "source": "api-key-helper", "layer": "user", "file": "/h/settings.json", "line": 3,
                "key": "ab", "generation": 2}),
            json!({"time": "2027-01-15T08:00:01.000Z", "event": "lost", "decision": "lost", "count": 12, "since": "2027-01-15T08:00:00.000Z"}),
            json!({"time": "x", "event": "get", "decision": "a\u{1b}[2K", "cwd": "/work"}),
        ]
    }

    #[test]
    fn who_got_what_by_which_rule() {
        let expected = "\
TIME                 EVENT  DECISION     SOURCE          GENERATION  MODE      PID  PROGRAM          RULE                     ABOUT                         DIRECTORY
2027-01-15 08:00:00  get    lent         api-key-helper  2           standard  7    /usr/bin/claude  /h/settings.json:3 (user)                                /work
2027-01-15 08:00:01  lost   lost                                                                                               12 since 2027-01-15 08:00:00
unknown              get    a\\u{1b}[2K                                                                                                                       /work
";
        let squeeze = |text: &str| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        let text = table().render(lines().iter());
        assert_eq!(squeeze(&text), squeeze(expected));
        let column = |line: &str, word: &str| line.find(word);
        let shown: Vec<&str> = text.lines().collect();
        assert_eq!(column(shown[0], "DIRECTORY"), column(shown[1], "/work"));
        assert_eq!(column(shown[0], "ABOUT"), column(shown[2], "12 since"));
    }

    #[test]
    fn rows_that_come_later_keep_to_the_columns() {
        let mut table = table();
        table.keep_columns();
        let first = table.render([].iter());
        assert!(first.starts_with("TIME") && first.contains("ACCOUNT"), "{first}");
        let lines = lines();
        let [_, two, three] = [0, 2, 0].map(|line| table.render(lines[line..=line].iter()));
        assert_eq!(two.find("/work"), three.find("/work"), "{two}{three}");
        assert_eq!(table.render([].iter()), "");
    }
}
