//! Credentials files: read with a limit, and parsed field by field, so that an error names the invalid field and never
//! its value.

use super::Declined;
use crate::file::read;
use claviger::{reason::Reason, remedy::Remedy};
use serde_json::{Map, Value};
use std::{io::ErrorKind, path::Path};
use zeroize::Zeroizing;

/// Largest credentials file, in bytes; those of Google have some 3 KiB.
const MAX_CREDENTIALS: usize = 1024 * 1024;
/// Largest file with a subject token, in bytes.
const MAX_SUBJECT: usize = 64 * 1024;

const HINT: &str = "create it again for yourself, or download it from the Google Cloud console";
/// How to write it again.
const SIGN_IN: [&str; 4] = ["gcloud", "auth", "application-default", "login"];

/// An object of a credentials file and its position.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    /// The file.
    path: &'a Path,
    /// Names of the enclosing objects, each with a dot.
    within: String,
    map: Option<&'a Map<String, Value>>,
}

/// Whether nothing exists at `path`.
pub(super) fn is_absent(path: &Path) -> bool {
    let found = std::fs::metadata(path);
    found.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// A credentials file.
///
/// # Errors
/// `settings-invalid`, with its name.
pub(super) fn read_json(path: &Path) -> Result<Value, Declined> {
    let text = read(path, MAX_CREDENTIALS).map_err(|unread| invalid(path, &unread.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| {
        invalid(path, &format!("is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(invalid(path, "is not a JSON object")),
    }
}

/// A file with a subject token.
///
/// # Errors
/// `source-unavailable`, with its name: another program writes such files, and may do so at any time.
pub(super) fn read_subject(path: &Path) -> Result<Zeroizing<Vec<u8>>, Declined> {
    read(path, MAX_SUBJECT).map_err(|unread| {
        let message = format!("the subject token's file {} {unread}", path.display());
        Declined::new(Reason::SourceUnavailable, message)
            .hint("the platform that you run on must write it; check credential_source.file")
    })
}

fn invalid(path: &Path, what: &str) -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("the credentials file {} {what}", path.display()))
        .hint(HINT)
        .remedy(Remedy::run(&SIGN_IN))
}

impl<'a> Fields<'a> {
    /// The outermost object of a file.
    pub(crate) fn of(path: &'a Path, content: &'a Value) -> Self {
        Self { path, within: String::new(), map: content.as_object() }
    }

    /// The file.
    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// The path in a field. Google's libraries resolve a relative one against the working directory of each program, so
    /// it names no fixed file.
    pub(super) fn absolute<'p>(&self, name: &str, path: &'p str) -> Result<&'p Path, Declined> {
        match Path::new(path) {
            path if path.is_absolute() => Ok(path),
            _ => Err(self
                .wrong(name, "must be an absolute path: the daemon has another working directory than you")),
        }
    }

    /// A required text.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, Declined> {
        self.optional(name)?.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// A text. Empty means unset, as in Google's libraries.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&'a str>, Declined> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(name, "must be a text")),
        }
    }

    /// A number of seconds or milliseconds; it may be written as a text.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, Declined> {
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
        self.get(name)
            .map(|value| number(value).ok_or_else(|| self.wrong(name, "must be a whole number")))
            .transpose()
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Declined> {
        let wrong = || self.wrong(name, "must be a list of texts");
        let Some(value) = self.get(name) else { return Ok(None) };
        let texts = value.as_array().ok_or_else(wrong)?.iter().map(|text| text.as_str().ok_or_else(wrong));
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// Scopes: a list, or one text with spaces between them.
    pub(crate) fn scopes(&self) -> Result<Option<Vec<&'a str>>, Declined> {
        match self.get("scopes") {
            Some(Value::String(text)) => Ok(Some(text.split(' ').collect())),
            _ => self.texts("scopes"),
        }
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, Declined> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let within = format!("{}{name}.", self.within);
                Ok(Some(Self { path: self.path, within, map: Some(map) }))
            }
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    /// Names and texts of all fields.
    pub(crate) fn pairs(&self) -> Result<Vec<(&'a str, &'a str)>, Declined> {
        let text = |(name, value): (&'a String, &'a Value)| match value {
            Value::String(text) => Ok((name.as_str(), text.as_str())),
            // The name is from the file, and may be anything.
            _ => Err(invalid(
                self.path,
                &format!("is not usable: {} must hold texts only", self.within.trim_end_matches('.')),
            )),
        };
        self.map.into_iter().flatten().map(text).collect()
    }

    /// The problem of a field.
    pub(super) fn wrong(&self, name: &str, what: &str) -> Declined {
        invalid(self.path, &format!("is not usable: {}{name} {what}", self.within))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map?.get(name).filter(|value| !value.is_null())
    }
}
