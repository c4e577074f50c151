//! Shows a change before it is made. Only claviger's own changes are readable: a settings file may hold secrets. Pure.

use crate::text::escape;
use similar::TextDiff;
use std::fmt::Write as _;

/// Words that describe a line and are not secret.
const KNOWN: [&str; 12] = [
    "\"apiKeyHelper\"",
    "\"awsCredentialExport\"",
    "\"env\"",
    "\"ANTHROPIC_BASE_URL\"",
    "apiKeyHelper",
    "awsCredentialExport",
    "[settings]",
    "settings.directory",
    "credential_process",
    "region",
    "profile",
    "[default]",
];
/// Characters of other text that stay: the form of the file.
const FORM: &str = "{}[]():,=\"";
/// Replaces hidden text.
const HIDDEN: char = '…';

/// The difference of two texts, with only `shown` readable and no context.
pub(crate) fn render(path: &str, old: Option<&str>, new: Option<&str>, shown: &[&str]) -> String {
    let hide = |text: Option<&str>| hidden(text.unwrap_or_default(), shown);
    let (before, after) = (hide(old), hide(new));
    let name = |text: Option<&str>| if text.is_some() { path } else { "/dev/null" };
    let diff = TextDiff::from_lines(&before, &after);
    let unified = diff.unified_diff().context_radius(0).header(name(old), name(new)).to_string();
    let lines = unified.lines().filter(|line| !line.starts_with("\\ "));
    lines.fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", escape::line(line));
        text
    })
}

/// `text`, line by line, with everything hidden except `shown`, [`KNOWN`] and the form.
fn hidden(text: &str, shown: &[&str]) -> String {
    let pieces = shown.iter().flat_map(|text| text.lines()).map(str::trim);
    let mut pieces: Vec<&str> = pieces.filter(|piece| piece.len() > 2).chain(KNOWN).collect();
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
    let (mut rest, mut out) = (text, String::with_capacity(text.len()));
    while let Some(first) = rest.chars().next() {
        if let Some(piece) = pieces.iter().find(|piece| rest.starts_with(**piece)) {
            out.push_str(&without_keys(piece));
            rest = &rest[piece.len()..];
            continue;
        }
        match first {
            '\r' | '\u{feff}' => {}
            first if first.is_whitespace() || FORM.contains(first) => out.push(first),
            _ if out.ends_with(HIDDEN) => {}
            _ => out.push(HIDDEN),
        }
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// A command that contains a key is a mistake, and the key must not be repeated.
pub(crate) fn without_keys(text: &str) -> String {
    let mut parts = text.split("sk-");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let key = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        let (key, rest) = part.split_at(key.unwrap_or(part.len()));
        out.push_str("sk-");
        out.push_str(if key.len() < 8 { key } else { "…" });
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn secrets_beside_a_change_are_not_shown() {
        let old = "{\"apiKeyHelper\": \"get key\", \"env\": {\"ANTHROPIC_API_KEY\": \"sk-ant-1, x\"}}";
        let new = old.replace("get key", "claviger token");
        let shown = render("/s.json", Some(old), Some(&new), &["\"get key\"", "\"claviger token\""]);
        assert_eq!(
            shown,
            "--- /s.json\n+++ /s.json\n@@ -1 +1 @@\n\
             -{\"apiKeyHelper\": \"get key\", \"env\": {\"…\": \"…, …\"}}\n\
             +{\"apiKeyHelper\": \"claviger token\", \"env\": {\"…\": \"…, …\"}}\n"
        );
    }

    #[test]
    fn lines_around_are_left_out_and_keys_in_commands_too() {
        let old = "{\r\n  \"a\": \"secret\",\r\n  \"apiKeyHelper\": \"echo sk-ant-0123456789 \\u001b\",\r\n  \"b\": 2\r\n}\r\n";
        let literal = "\"echo sk-ant-0123456789 \\u001b\"";
        let new = old.replace(literal, "\"c\"");
        let shown = render("/s.json", Some(old), Some(&new), &[literal, "\"c\""]);
        assert_eq!(
            shown,
            "--- /s.json\n+++ /s.json\n@@ -3 +3 @@\n-  \"apiKeyHelper\": \"echo sk-… \\u001b\",\n+  \"apiKeyHelper\": \"c\",\n"
        );
        assert!(
            render("/new", None, Some("x = 1\n"), &["x = 1"])
                .starts_with("--- /dev/null\n+++ /new\n@@ -0,0 +1")
        );
    }
}
