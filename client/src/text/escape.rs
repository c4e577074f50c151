//! Makes foreign text safe to show on a terminal.
//!
//! Paths, commands and messages can come from a hostile repository. Unescaped, they could move the cursor, recolour,
//! reorder or hide text, and so forge messages of `claviger` itself. All text on stderr, and all text for people and
//! JSON on stdout, is escaped here. Secrets and headers for programs are not.

use claviger::text::{is_mark, is_printable};
use std::fmt::Write as _;

/// Text on one line: every character that a terminal would not simply print becomes `\n`, `\t` or `\u{…}`. A letter
/// keeps one mark.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut previous = ' ';
    for c in text.chars() {
        match is_mark(c) && previous.is_alphanumeric() && is_printable(previous) {
            true => shown.push(c),
            false => push(&mut shown, c),
        }
        previous = c;
    }
    shown
}

/// Text that may have several lines: as [`line`], but line feeds stay and continue at `indent`.
pub(crate) fn lines(text: &str, indent: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join(&format!("\n{indent}"))
}

/// Serialised JSON with the same meaning and only characters that a terminal simply prints. Other characters can only
/// be in strings, where JSON has an escape for them.
pub(crate) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push(c), // between values; in strings it is escaped already
            c if is_printable(c) => shown.push(c),
            c => shown.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    shown
}

/// As [`line`], for text whose exact wording a person decides about. It also escapes right-to-left letters, which a
/// terminal may move past their neighbours, and marks on other letters; if anything is escaped, backslashes are
/// doubled.
pub(crate) fn exact(text: &str) -> String {
    if is_exact(text) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            c if is_right_to_left(c) => drop(write!(shown, "\\u{{{:x}}}", u32::from(c))),
            c => push(&mut shown, c),
        }
    }
    shown
}

/// Whether [`exact`] leaves `text` unchanged.
pub(crate) fn is_exact(text: &str) -> bool {
    text.chars().all(|c| is_printable(c) && !is_right_to_left(c))
}

/// Number of columns of a character; wide scripts and symbols take two. An overestimate is fine; with an underestimate
/// the terminal would wrap in the wrong place.
pub(crate) fn width(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

fn push(shown: &mut String, c: char) {
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        c if is_printable(c) => shown.push(c),
        c => drop(write!(shown, "\\u{{{:x}}}", u32::from(c))),
    }
}

fn is_right_to_left(c: char) -> bool {
    matches!(u32::from(c), 0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0x10800..=0x10fff | 0x1e800..=0x1efff)
}

#[cfg(test)]
mod tests {
    use super::{exact, is_exact, line, lines};
    use claviger::text::is_printable;

    #[test]
    fn plain_text_stays() {
        for text in ["", "pass show api/key | head -1", "/home/jürgen/鍵.sh", "a\\b", "ju\u{308}rgen", "กี"]
        {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn whatever_could_forge_is_spelled_out() {
        for (text, shown) in [
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b[2K\x1b]0;x\x07", "\\u{1b}[2K\\u{1b}]0;x\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("x\u{202e}hs.", "x\\u{202e}hs."),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("a\u{200b}\u{feff}b", "a\\u{200b}\\u{feff}b"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("\u{e0041}", "\\u{e0041}"),
            ("\u{600}\u{110bd}\u{13430}", "\\u{600}\\u{110bd}\\u{13430}"),
            ("\u{378}\u{e000}\u{10ffff}", "\\u{378}\\u{e000}\\u{10ffff}"),
            ("a\u{301}\u{302}\u{303}", "a\u{301}\\u{302}\\u{303}"),
            ("/\u{338}x", "/\\u{338}x"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
            ("a\u{a0}b\u{3000}", "a\\u{a0}b\\u{3000}"),
            ("\u{7f}\u{ad}\u{3164}", "\\u{7f}\\u{ad}\\u{3164}"),
        ] {
            assert_eq!(line(text), shown);
        }
    }

    #[test]
    fn exact_text_neither_moves_nor_means_two_things() {
        for (text, shown) in [
            ("printf 'a\\n'", "printf 'a\\n'"),
            ("a\\n\n", "a\\\\n\\n"),
            ("x \u{5d0}\u{5d1} y", "x \\u{5d0}\\u{5d1} y"),
            ("é鍵", "é鍵"),
            ("e\u{301}", "e\\u{301}"),
        ] {
            assert_eq!(exact(text), shown);
            assert_eq!(is_exact(text), text == shown);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value =
            serde_json::json!({"a": ["\u{9b}2J", "\u{202e}", "é\n\u{e0041}\u{1f511}"], "b\u{200b}": 1});
        for text in [value.to_string(), format!("{value:#}")] {
            let escaped = super::json(&text);
            assert!(escaped.lines().all(|line| line.chars().all(is_printable)), "{escaped}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).expect("JSON"), value);
        }
    }

    #[test]
    fn lines_keep_their_feeds_and_lose_the_rest() {
        assert_eq!(lines("a\nb\x1b\r\nc", "  "), "a\n  b\\u{1b}\n  c");
    }
}
