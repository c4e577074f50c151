//! The visible form of a value from a workspace's files. Pure.
//!
//! Content of a repository is shown, whatever its name is. Only possible secrets of the user are hidden: a plain token
//! in the local file, which is not meant to be shared.

use super::Layer;
use claviger::{
    text::is_printable,
    variables::{self, Use},
};

/// Shown in place of a secret value.
pub const SECRET: &str = "(secret)";
/// Longest text shown for a variable, in characters: as much as a command can have. Commands are always shown in full.
pub(super) const MAX_SHOWN: usize = 16 * 1024;
/// Headers, one per line, with names that are not secret.
const HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";

/// A value as it can be shown.
pub(super) struct Visible {
    pub(super) text: String,
    /// Whether it is complete. A value that cannot be seen cannot be trusted.
    pub(super) whole: bool,
}

/// A command.
pub(super) fn command(value: &str) -> Visible {
    shown(value, usize::MAX)
}

/// A variable's value.
pub(super) fn variable(layer: Layer, name: &str, value: &str) -> Visible {
    if layer != Layer::Local || value.is_empty() {
        return shown(value, MAX_SHOWN);
    }
    if name == HEADERS {
        let lines: Vec<_> = value.split('\n').map(header).collect();
        return shown(&lines.join("\n"), MAX_SHOWN);
    }
    match is_secret(name) && is_token(value) {
        true => Visible { text: SECRET.to_owned(), whole: true },
        false => shown(value, MAX_SHOWN),
    }
}

fn header(line: &str) -> String {
    match line.split_once(':') {
        Some((name, _)) => format!("{name}: {SECRET}"),
        None => line.to_owned(),
    }
}

/// Variables outside the list with a secret-like name count as secret, and decisions are kept on disk.
fn is_secret(variable: &str) -> bool {
    const ENDINGS: [&str; 7] = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSPHRASE", "_PASSWD", "_PAT"];
    let variable = variable.to_ascii_uppercase();
    matches!(variables::usage(&variable), Some(Use::Secret | Use::Handed | Use::Lent(_)))
        || ENDINGS.iter().any(|ending| variable.ends_with(ending))
        || variable.starts_with("AWS_BEARER_TOKEN_")
}

/// Whether a shell or a program can read nothing more into `value`.
fn is_token(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/=~".contains(&byte))
        && !value.starts_with(['/', '~', '.', '-'])
}

/// A value comes from a repository and is shown on a terminal where a person decides. So characters that move the
/// cursor, change the direction of the text or have no width are not permitted.
fn shown(value: &str, max: usize) -> Visible {
    let mut text = String::with_capacity(value.len());
    for character in value.chars().take(max) {
        match is_printable(character) {
            true => text.push(character),
            false => text.extend(character.escape_unicode()),
        }
    }
    match value.chars().count().saturating_sub(max) {
        0 => Visible { text, whole: true },
        more => Visible { text: format!("{text} … and {more} more characters"), whole: false },
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SHOWN, Visible, command, variable};
    use crate::settings::Layer;

    fn of(layer: Layer, name: &str, value: &str) -> String {
        variable(layer, name, value).text
    }

    #[test]
    fn what_a_repository_wrote_is_shown() {
        for name in ["ANTHROPIC_API_KEY", "VAULT_TOKEN", "AZURE_CLIENT_SECRET", "X"] {
            assert_eq!(of(Layer::Project, name, "sk-1"), "sk-1", "{name}");
        }
        assert_eq!(of(Layer::Project, "ANTHROPIC_CUSTOM_HEADERS", "A: b"), "A: b");
    }

    #[test]
    fn a_token_of_the_local_file_can_be_the_users_own() {
        for name in
            ["ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "VAULT_TOKEN", "GITHUB_PAT"]
        {
            assert_eq!(of(Layer::Local, name, "hvs.CAES/x+y=="), "(secret)", "{name}");
            for payload in
                ["$(touch X)", "a b", "a;b", "https://evil", "/bin/evil", "--require=x", "a\nb", "é", ""]
            {
                assert_ne!(of(Layer::Local, name, payload), "(secret)", "{name} {payload}");
            }
        }
        assert_eq!(of(Layer::Local, "ANTHROPIC_BASE_URL", "plain"), "plain");
        let headers = of(Layer::Local, "ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer x\nX-A: b\nodd");
        assert_eq!(headers, "Authorization: (secret)\\u{a}X-A: (secret)\\u{a}odd");
    }

    #[test]
    fn shown_text_cannot_deceive() {
        let Visible { text, whole } = command("a\u{1b}[2K\r\nb\u{202e}c\u{378}e\u{301}\u{600}");
        assert_eq!(
            (text.as_str(), whole),
            ("a\\u{1b}[2K\\u{d}\\u{a}b\\u{202e}c\\u{378}e\\u{301}\\u{600}", true)
        );
    }

    #[test]
    fn what_is_too_long_is_not_whole() {
        let long = "é".repeat(MAX_SHOWN + 1000);
        let Visible { text, whole } = variable(Layer::Project, "LONG", &long);
        assert!(text.ends_with("é … and 1000 more characters") && !whole);
        assert!(variable(Layer::Project, "LONG", &"é".repeat(MAX_SHOWN)).whole && command(&long).whole);
    }
}
