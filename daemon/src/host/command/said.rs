//! The last lines of a command on stderr, fit to be shown: few, and without likely secrets, since `set -x` in a script
//! prints keys. Pure. When in doubt, text is removed.

use claviger_child::account::MAX_LINE;
use std::collections::VecDeque;

/// Most lines kept.
const MAX_LINES: usize = 5;
/// Longest line, in bytes.
const MAX_SHOWN: usize = 200;
/// Replacement of removed text.
const HIDDEN: &str = "[hidden]";
/// Prefixes of tokens of well-known issuers.
const PREFIXES: [&str; 18] = [
    "sk-",
    "pk-",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xox",
    "AKIA",
    "ASIA",
    "eyJ",
    "hvs.",
    "hvb.",
    "ops_",
    "ya29.",
    "AIza",
    "dop_",
];
/// Parts of names of variables, options and headers with a secret.
const NAMES: [&str; 7] = ["key", "token", "secret", "pass", "bearer", "auth", "cred"];

/// The last lines.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<String>);

// === impl Tail ===

impl Tail {
    /// Adds a line.
    pub(super) fn push(&mut self, line: &str) {
        if self.0.len() >= MAX_LINES {
            self.0.pop_front();
        }
        let end = line.floor_char_boundary(MAX_LINE);
        self.0.push_back(line[..end].to_owned());
    }

    /// The parts that may be shown, for a command with the stdout `output`.
    pub(super) fn shown(&self, output: &[u8]) -> Vec<String> {
        let output = String::from_utf8_lossy(output);
        let whole = Some(output.trim()).filter(|whole| whole.len() >= 3);
        let is_end = |c: char| c.is_whitespace() || "\"',:{}[]=".contains(c);
        let words = output.split(is_end).filter(|word| word.len() >= 6);
        let printed: Vec<&str> = whole.into_iter().chain(words).collect();
        self.0.iter().map(|line| shown(line, &printed)).collect()
    }
}

/// The parts of a line that may be shown, without anything from `printed`.
fn shown(line: &str, printed: &[&str]) -> String {
    let line = printed.iter().fold(line.to_owned(), |line, text| line.replace(text, HIDDEN));
    let mut line = cleaned(&line);
    if line.len() > MAX_SHOWN {
        line.truncate(line.floor_char_boundary(MAX_SHOWN));
        line.push('…');
    }
    line
}

/// The line without likely tokens.
pub(super) fn cleaned(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-+/.~%=".contains(c);
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        shown.push_str(before);
        let named = is_announced(&shown);
        push(&mut shown, &from[..end], named);
        rest = &from[end..];
    }
    shown + rest
}

/// Adds a word, or its parts that may be shown.
fn push(shown: &mut String, word: &str, is_announced: bool) {
    match word.split_once('=') {
        // A word that contains `=` only at its end is Base64.
        Some((name, value)) if is_name(name) && value.contains(|c| c != '=') => {
            shown.push_str(name);
            shown.push('=');
            shown.push_str(if says_secret(name) || is_token(value) { HIDDEN } else { value });
        }
        _ if is_token(word) || is_announced && word.len() >= 8 && !is_plain(word) => shown.push_str(HIDDEN),
        _ => shown.push_str(word),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn says_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// Whether the text so far announces a secret: "token: ", "Authorization: Bearer ", "--password ".
fn is_announced(before: &str) -> bool {
    let words = before.trim_end_matches(['\'', '"']);
    let named = words.trim_end().strip_suffix([':', '=']).unwrap_or_else(|| words.trim_end());
    let last = named.trim_end_matches(['\'', '"']).rsplit([' ', '\t', '\'', '"']).next().unwrap_or_default();
    let is_option = last.starts_with("--") || last.eq_ignore_ascii_case("bearer");
    says_secret(last) && (is_option || named.len() < words.trim_end().len())
}

/// Only letters, lower case after the first: a natural word.
fn is_plain(word: &str) -> bool {
    word.bytes().skip(1).all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_token(word: &str) -> bool {
    let has = |text: &str, kind: fn(&u8) -> bool| text.as_bytes().iter().filter(|byte| kind(byte)).count();
    let (digits, upper) = (has(word, u8::is_ascii_digit), has(word, u8::is_ascii_uppercase));
    let starts = PREFIXES.iter().any(|prefix| word.starts_with(prefix) && word.len() >= 8);
    let is_long = word.len() >= 32 && (digits >= 8 || digits > 0 && upper > 0 && !word.contains('.'));
    let is_dense = |part: &str| {
        let (digits, letters) = (has(part, u8::is_ascii_digit), has(part, u8::is_ascii_alphabetic));
        part.len() >= 12 && digits > 0 && letters > 0 || letters >= 24
    };
    starts || is_long || word.split(|c: char| !c.is_ascii_alphanumeric()).any(is_dense)
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINES, Tail, cleaned};

    #[test]
    fn what_looks_like_a_token_is_taken_out_and_the_rest_is_left() {
        for (line, expected) in [
            (
                "[ERROR] 2026/11/28 10:00:01 you are not currently signed in",
                "[ERROR] 2026/11/28 10:00:01 you are not currently signed in",
            ),
            (
                "/opt/corp/get-key-v2-prod.sh: line 3: vault: command not found",
                "/opt/corp/get-key-v2-prod.sh: line 3: vault: command not found",
            ),
            (
                "dial tcp: lookup vault.corp.example.com: no such host",
                "dial tcp: lookup vault.corp.example.com: no such host",
            ),
            ("Error: apiKey is missing, see --help", "Error: apiKey is missing, see --help"),
            ("token: expired", "token: expired"),
            ("+ KEY=abc", "+ KEY=[hidden]"),
            ("+ export VAULT_TOKEN=s.x REGION=eu-west-1", "+ export VAULT_TOKEN=[hidden] REGION=eu-west-1"),
            ("+ echo sk-ant-1", "+ echo [hidden]"),
            ("got eyJhbGciOi.eyJzdWIi.c2ln!", "got [hidden]!"),
            ("Authorization: Bearer aBcDeFgH1", "Authorization: Bearer [hidden]"),
            ("password: 'hunter2-hunter2'", "password: '[hidden]'"),
            ("curl --token hunter2hunter", "curl --token [hidden]"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[hidden]"),
            ("id 550e8400-e29b-41d4-a716-446655440000", "id [hidden]"),
            ("{\"key\":\"c2VjcmV0LXNlY3JldA==\"}", "{\"key\":\"[hidden]\"}"),
        ] {
            assert_eq!(cleaned(line), expected);
        }
    }

    #[test]
    fn what_was_printed_is_taken_out_whatever_it_looks_like() {
        let mut tail = Tail::default();
        tail.push("+ echo swordfish");
        tail.push("+ printf %s swordfish-and-more");
        assert_eq!(tail.shown(b"swordfish\n"), ["+ echo [hidden]", "+ printf %s [hidden]-and-more"]);
        assert_eq!(tail.shown(b"{\"k\": \"swordfish\"}")[0], "+ echo [hidden]");
    }

    #[test]
    fn only_the_last_lines_are_kept_and_none_is_long() {
        let mut tail = Tail::default();
        (0..10).for_each(|number| tail.push(&format!("line {number}")));
        tail.push(&"a b ".repeat(2000));
        let shown = tail.shown(b"");
        assert_eq!((shown.len(), shown[0].as_str()), (MAX_LINES, "line 6"));
        assert!(shown[4].chars().count() <= 201 && shown[4].ends_with('…'));
    }
}
