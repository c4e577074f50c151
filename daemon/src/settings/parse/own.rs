//! The keys of `[settings]` that only claviger's own configuration has, without those for one directory.

use super::text::{Dialect, Entry, Text, Value};
use crate::settings::{Content, Located, Refresh, passing};
use claviger::{
    passed::{MAX_ENTRIES, Passed},
    reason::Problem,
};
use std::collections::BTreeMap;

/// Permitted destinations of a helper's key.
const AUDIENCE: &str = "audience";
/// When commands run.
const REFRESH: &str = "refresh";
/// The commands it applies to: they print credentials, and need no person.
const REFRESHED: [&str; 2] = ["apiKeyHelper", "awsCredentialExport"];
/// Directories searched for programs of commands.
const PATH: &str = "path";
/// Variables that commands get in addition to the list.
const PASS: &str = "pass_environment";
/// All of them.
pub(super) const KEYS: [&str; 4] = [AUDIENCE, PASS, REFRESH, PATH];
/// Those that one configuration directory can have, too.
pub(super) const OF_DIRECTORIES: [&str; 2] = [AUDIENCE, REFRESH];

impl Text<'_> {
    /// The value of `entry`, if its key is one of [`KEYS`].
    pub(super) fn own_key(&self, entry: Entry, content: &mut Content) -> Result<(), Problem> {
        match entry.key.as_str() {
            AUDIENCE => content.audience = self.texts(AUDIENCE, entry)?,
            PASS => content.passed = self.passed(entry)?,
            PATH => content.path = self.path(entry)?,
            REFRESH => content.refresh = self.refresh(entry)?,
            _ => {}
        }
        Ok(())
    }

    /// Absolute paths, or paths that start with `~/`.
    fn path(&self, entry: Entry) -> Result<Vec<Located<String>>, Problem> {
        let at = entry.value_at;
        let directories = self.texts(PATH, entry)?;
        match directories
            .iter()
            .all(|directory| directory.value.starts_with('/') || directory.value.starts_with("~/"))
        {
            true => Ok(directories),
            false => Err(self
                .wrong(at, "a directory in path is not absolute")
                .hint("write absolute paths, or paths that start with ~/")),
        }
    }

    /// Names of variables, and prefixes of names.
    fn passed(&self, entry: Entry) -> Result<Passed, Problem> {
        const HINT: &str = "docs/helpers.md lists which variables can be passed on";
        let at = entry.value_at;
        let Value::List(values) = entry.value else {
            let kind = entry.value.kind(Dialect::TOML);
            return Err(self.wrong_type(PASS, "an array of strings", kind, at));
        };
        if values.len() > MAX_ENTRIES {
            return Err(self.wrong(at, format!("{PASS} has more than {MAX_ENTRIES} entries")).hint(HINT));
        }
        let mut names = Vec::new();
        for (number, (at, value)) in (1..).zip(values) {
            let what = format!("entry {number} of {PASS}");
            let Value::Text(name) = value else {
                return Err(self.wrong_type(&what, "a string", value.kind(Dialect::TOML), at));
            };
            if let Err(why) = passing::check(&name) {
                return Err(self.wrong(at, format!("{what} {why}")).hint(HINT));
            }
            names.push(name);
        }
        Ok(Passed::new(names))
    }

    /// One text or several. Their content is checked where it is used.
    pub(super) fn texts(&self, key: &str, entry: Entry) -> Result<Vec<Located<String>>, Problem> {
        let values = match entry.value {
            Value::List(values) => values,
            value => vec![(entry.value_at, value)],
        };
        let text = |(at, value)| match value {
            Value::Text(text) => Ok(self.located(at, text)),
            other => {
                Err(self.wrong_type(key, "a string or an array of strings", other.kind(Dialect::TOML), at))
            }
        };
        values.into_iter().map(text).collect()
    }

    /// When which command runs. An unknown command is an error: it would otherwise have no effect.
    fn refresh(&self, entry: Entry) -> Result<BTreeMap<&'static str, Refresh>, Problem> {
        const HINT: &str = "write for example refresh = { apiKeyHelper = \"on-demand\" }";
        let Value::Table(entries) = entry.value else {
            let kind = entry.value.kind(Dialect::TOML);
            return Err(self.wrong_type(REFRESH, Dialect::TOML.table, kind, entry.value_at).hint(HINT));
        };
        let one = |entry: Entry| {
            let Some(key) = REFRESHED.into_iter().find(|key| *key == entry.key) else {
                let what = format!("refresh can only have {}", REFRESHED.join(" and "));
                return Err(self.wrong(entry.key_at, what).hint(HINT));
            };
            let said = Refresh::WORDS
                .iter()
                .find(|(word, _)| matches!(&entry.value, Value::Text(text) if text == word));
            let wrong = || {
                self.wrong(entry.value_at, format!("refresh.{key} must be \"ahead\" or \"on-demand\""))
                    .hint(HINT)
            };
            said.map(|(_, refresh)| (key, *refresh)).ok_or_else(wrong)
        };
        entries.into_iter().map(one).collect()
    }
}
