//! Limits of a request: sizes, paths, variables. Errors do not repeat a name that breaks a rule: it may be anything.

use crate::{
    credential::AWS_KEYS,
    passed::Passed,
    reason::{Problem, Reason},
    variables::{self, Use},
};
use std::path::Path;

/// Longest value of a variable, in bytes. `PATH` of a heavily used shell is a tenth of it.
pub const MAX_VALUE_LEN: usize = 32 * 1024;
/// Longest path (`PATH_MAX` of Linux).
const MAX_PATH_LEN: usize = 4096;
/// The variable that selects a session's settings. Tools resolve a relative value against their own directory.
const CONFIG_DIRECTORY: &str = "CLAUDE_CONFIG_DIR";

pub(super) fn malformed(message: impl Into<String>) -> Problem {
    Problem::new(Reason::MalformedRequest, message)
}

pub(super) fn check_text(what: &str, text: &str) -> Result<(), Problem> {
    if text.len() > MAX_PATH_LEN {
        return Err(malformed(format!("{what} is longer than {MAX_PATH_LEN} bytes")));
    }
    match has_control(text) {
        true => Err(malformed(format!("{what} has a control character"))),
        false => Ok(()),
    }
}

pub(super) fn has_control(text: &str) -> bool {
    // Compares bytes first: nearly every text is ASCII, and this runs for every variable of every request. It checks
    // all of them without an early exit, so that the compiler can vectorise the loop.
    text.bytes().fold(false, |found, byte| found | byte.is_ascii_control())
        || (!text.is_ascii() && text.chars().any(char::is_control))
}

/// Whether `value` is a relative path in the variable that selects a session's settings.
pub(super) fn is_relative(name: &str, value: &str) -> bool {
    name == CONFIG_DIRECTORY && !value.is_empty() && !value.starts_with('/')
}

/// Whether `value` is the content of a file where its path belongs: it is most likely a key, and paths are shown.
/// Detects JSON, PEM, and JSON in base64.
pub(super) fn is_content(name: &str, value: &str) -> bool {
    const BEGINNINGS: [&str; 7] = ["{", "-----BEGIN", "eyJ", "ewog", "ewoJ", "ewoi", "ew0K"];
    let value = value.trim_start_matches([' ', '\n', '"', '\'']);
    variables::PATHS.contains(&name) && BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
}

/// A path a client may name: absolute, UTF-8, no control characters.
///
/// # Errors
/// `malformed-request`.
pub fn check_path(path: &Path) -> Result<(), Problem> {
    let text = path.to_str().ok_or_else(|| malformed("the path is not UTF-8"))?;
    check_text("the path", text)?;
    if !path.is_absolute() {
        return Err(malformed("the working directory is not an absolute path"));
    }
    Ok(())
}

/// A refused variable, as errors name it. A name with other characters than capitals, digits and underscores is not repeated: it may
/// be a secret in the wrong place.
pub(super) fn named(name: &str) -> String {
    const LONGEST: usize = 64;
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    match variables::is_name(name) && name.len() <= LONGEST && name.bytes().all(is_plain) {
        true => name.to_owned(),
        false => "a variable with an unusual name".to_owned(),
    }
}

pub(super) fn check_value(name: &str, value: &str) -> Result<(), Problem> {
    match variables::usage(name) {
        Some(Use::Setting | Use::Command | Use::Surrounding | Use::Sdk(_)) => {}
        Some(Use::Handed | Use::Lent(_)) => {
            return Err(malformed(format!("{name} is a secret and belongs in `lent`")));
        }
        Some(Use::Secret) => {
            return Err(malformed(format!(
                "the value of {name} was sent; a client only reports that it is set"
            )));
        }
        None => {
            return Err(malformed(format!("{} was sent, which is not on the list", named(name))).hint(
                "src/variables.rs has the list; of a whole `environment` the daemon keeps what is on it",
            ));
        }
    }
    check_content(name, value)
}

pub(super) fn check_content(name: &str, value: &str) -> Result<(), Problem> {
    if value.len() > MAX_VALUE_LEN {
        return Err(Problem::new(Reason::Limits, format!("{name} is longer than {MAX_VALUE_LEN} bytes")));
    }
    if is_relative(name, value) {
        return Err(malformed(format!("{name} is not an absolute path")));
    }
    if is_content(name, value) {
        return Err(malformed(format!("{name} holds the content of a file instead of its path")));
    }
    match has_control(value) {
        true => Err(malformed(format!("{name} has a control character"))),
        false => Ok(()),
    }
}

pub(super) fn check_lent(name: &str, value: &str, passed: Option<&Passed>) -> Result<(), Problem> {
    match variables::usage(name) {
        Some(Use::Handed | Use::Lent(_)) => check_content(name, value),
        // Google's external accounts sign with them.
        Some(Use::Secret) if AWS_KEYS.contains(&name) => check_content(name, value),
        None if passed.is_some_and(|passed| passed.has(name)) => check_content(name, value),
        _ => Err(malformed(format!("{} was sent in `lent`, and nothing needs it", named(name)))),
    }
}

pub(super) fn check_chosen(name: &str, value: &str) -> Result<(), Problem> {
    match variables::usage(name) {
        Some(Use::Secret | Use::Handed | Use::Lent(_)) if value.is_empty() => Ok(()),
        _ => check_value(name, value),
    }
}

pub(super) fn check_present(name: &str) -> Result<(), Problem> {
    match variables::usage(name) {
        Some(Use::Secret) => Ok(()),
        _ => Err(malformed("a variable is reported as set that does not hold a secret")),
    }
}

#[cfg(test)]
mod tests {
    use super::is_content;

    #[test]
    fn a_files_content_is_no_path() {
        const NAME: &str = "GOOGLE_APPLICATION_CREDENTIALS";
        for content in
            ["{\"type\": 1}", "'{}'", "\n {", "-----BEGIN PRIVATE KEY-----", "eyJ0eXBlIjo", "ewogICJ0eXBl"]
        {
            assert!(is_content(NAME, content), "{content}");
        }
        for path in ["/keys/a.json", "a.json", "\"/keys/a.json\"", "~/a", "", "/x/{a}.json", "/eyJ"] {
            assert!(!is_content(NAME, path), "{path}");
        }
        assert!(!is_content("NO_PROXY", "{"));
    }
}
