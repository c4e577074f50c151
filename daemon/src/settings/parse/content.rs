//! Values of a settings file's keys, in either format, with the place of each.

use super::{
    own,
    text::{Dialect, Entry, Text, Value},
};
use crate::settings::{COMMANDS, Content, Demand, Layer, Located, POLICIES};
use claviger::{
    backend::Backend,
    hook::{GATE, GATE_BASE_URL, GATE_SOCKET, is_hook, is_plain_hook},
    reason::Problem,
    session::check_variable,
    variables,
};
use std::{collections::BTreeMap, path::PathBuf};

/// Longest command, in bytes.
pub(super) const MAX_COMMAND_LEN: usize = 16 * 1024;
/// Values for one configuration directory; only claviger's own configuration has them.
const DIRECTORY: &str = "directory";
/// Environment variables of sessions.
const ENV: &str = "env";
/// Most variables in one `env` block.
pub(super) const MAX_VARIABLES: usize = 1024;

// === impl Text ===

impl Text<'_> {
    /// Values of the known keys. `entries` has each key once. In claviger's own configuration, which no other program reads,
    /// an unknown key is a mistake such as `apiKeyHelpr`.
    pub(super) fn content(&self, entries: Vec<Entry>, dialect: Dialect) -> Result<Content, Problem> {
        let is_mistake = |entry: &&Entry| self.layer == Layer::Config && !is_known(&entry.key);
        if let Some(unknown) = entries.iter().find(is_mistake) {
            let keys: Vec<_> = COMMANDS.into_iter().chain([ENV, DIRECTORY]).chain(own::KEYS).collect();
            return Err(self.wrong(unknown.key_at, "[settings] has an unknown key").hint(format!(
                "the keys are {}; those of Claude Code itself belong in its settings.json",
                keys.join(", ")
            )));
        }
        let mut content = Content::default();
        for entry in entries {
            if let Some(key) = COMMANDS.into_iter().find(|key| *key == entry.key) {
                self.command(key, entry, &mut content)?;
            } else if let Some(key) = POLICIES.into_iter().find(|key| *key == entry.key) {
                let demand = demand(key, &entry.value, dialect);
                content.policies.insert(key, self.located(entry.value_at, demand));
            } else if entry.key == ENV {
                let is_gated = self.layer == Layer::User && names_gate(&entry.value);
                content.env = self.variables(entry, dialect)?;
                if is_gated {
                    set_aside(&mut content);
                }
            } else if entry.key == DIRECTORY && self.layer == Layer::Config {
                content.directories = self.directories(entry)?;
            } else if self.layer == Layer::Config {
                self.own_key(entry, &mut content)?;
            }
        }
        Ok(content)
    }

    /// A table for each configuration directory, with the keys of a settings file.
    fn directories(&self, entry: Entry) -> Result<BTreeMap<PathBuf, Content>, Problem> {
        let table = |key: &str, value, at| match value {
            Value::Table(entries) => Ok(entries),
            other => Err(self.wrong_type(key, Dialect::TOML.table, other.kind(Dialect::TOML), at)),
        };
        let directory = |entry: Entry| {
            if !entry.key.starts_with('/') {
                return Err(self
                    .wrong(entry.key_at, "a name in directory is not an absolute path")
                    .hint("write [settings.directory.\"/home/me/.claude-work\"]"));
            }
            let entries = table("each entry of directory", entry.value, entry.value_at)?;
            let keys: Vec<_> = COMMANDS.into_iter().chain([ENV]).chain(own::OF_DIRECTORIES).collect();
            if let Some(other) = entries.iter().find(|entry| !keys.contains(&entry.key.as_str())) {
                let hint = format!("it can hold {}; other keys count for all directories", keys.join(", "));
                return Err(self.wrong(other.key_at, "[settings.directory] has an unknown key").hint(hint));
            }
            Ok((entry.key.into(), self.content(entries, Dialect::TOML)?))
        };
        table(DIRECTORY, entry.value, entry.value_at)?.into_iter().map(directory).collect()
    }

    fn command(&self, key: &'static str, entry: Entry, content: &mut Content) -> Result<(), Problem> {
        let command = match entry.value {
            Value::Text(command) => command,
            other => return Err(self.wrong_type(key, "a string", other.kind(Dialect::JSON), entry.value_at)),
        };
        if command.trim().is_empty() {
            return Ok(());
        }
        if command.contains('\0') {
            return Err(self
                .wrong(entry.value_at, format!("{key} has a NUL character"))
                .hint("remove the character"));
        }
        if command.len() > MAX_COMMAND_LEN {
            return Err(self
                .wrong(entry.value_at, format!("{key} is longer than {MAX_COMMAND_LEN} bytes"))
                .hint("put the command into a script and name that"));
        }
        let is_hook = if self.layer.is_workspace() { is_plain_hook } else { is_hook };
        let kind = if is_hook(&command) { &mut content.hooks } else { &mut content.commands };
        kind.insert(key, self.located(entry.key_at, command));
        Ok(())
    }

    fn variables(&self, env: Entry, dialect: Dialect) -> Result<BTreeMap<String, Located<String>>, Problem> {
        let entries = match env.value {
            Value::Table(entries) => entries,
            other => return Err(self.wrong_type("env", dialect.table, other.kind(dialect), env.value_at)),
        };
        if entries.len() > MAX_VARIABLES {
            return Err(self
                .wrong(env.value_at, format!("env has more than {MAX_VARIABLES} variables"))
                .hint("keep only what a session needs"));
        }
        let mut found = BTreeMap::new();
        // A project that sets one needs a decision: the tool passes it on to claviger's client.
        let is_left_out = |name: &str| !self.layer.is_workspace() && variables::is_own(name);
        for entry in entries.into_iter().filter(|entry| !is_left_out(&entry.key)) {
            let at = entry.key_at;
            let (name, value) = self.variable(entry, dialect)?;
            found.insert(name, self.located(at, value));
        }
        Ok(found)
    }

    fn variable(&self, entry: Entry, dialect: Dialect) -> Result<(String, String), Problem> {
        let Entry { key, key_at, value_at, value } = entry;
        if !variables::is_name(&key) {
            return Err(self
                .wrong(key_at, "a name in env is not the name of a variable")
                .hint("names have letters, digits and underscores and do not start with a digit"));
        }
        let text = match value {
            Value::Text(text) | Value::Literal(_, text) => text,
            other => {
                return Err(self.wrong_type(
                    &format!("env.{key}"),
                    "a string",
                    other.kind(dialect),
                    value_at,
                ));
            }
        };
        if text.contains('\0') {
            return Err(self
                .wrong(value_at, format!("env.{key} has a NUL character"))
                .hint("remove the character"));
        }
        if let Err(problem) = check_variable(&key, text.as_ref()) {
            return Err(self.wrong(value_at, format!("env.{}", problem.message)).hint(
                "correct it; claviger does not leave it out, since another credential could be found then",
            ));
        }
        Ok((key, text))
    }
}

/// Whether an `env` block is that of a standing gate's hook.
fn names_gate(env: &Value) -> bool {
    matches!(env, Value::Table(entries) if entries.iter().any(|entry| entry.key == GATE))
}

/// Takes the variables that lead a tool to a standing gate for hooks: they count as not set, since the gate itself gets a credential by
/// these settings.
fn set_aside(content: &mut Content) {
    let Content { env, hooks, .. } = content;
    let base_url = Backend::Anthropic.base_url_variable();
    for (name, value) in [(GATE_SOCKET, None), (base_url, Some(GATE_BASE_URL))] {
        let is_ours = |found: &Located<String>| value.is_none_or(|value| found.value == value);
        if env.get(name).is_some_and(is_ours) {
            hooks.extend(env.remove(name).map(|found| (name, found)));
        }
    }
}

/// The requirement of a policy. Nothing here is an error: an invalid policy blocks sessions, and a file whose policies
/// have no effect stays valid.
fn demand(key: &str, value: &Value, dialect: Dialect) -> Demand {
    let text = |value: &Value| match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(other.kind(dialect)),
    };
    match value {
        Value::List(values) => Demand::of_list(key, values.iter().map(|(_, value)| text(value)).collect()),
        value => Demand::of_text(key, text(value)),
    }
}

/// Whether a top-level key is used here.
pub(super) fn is_known(key: &str) -> bool {
    [ENV, DIRECTORY].contains(&key)
        || own::KEYS.contains(&key)
        || COMMANDS.contains(&key)
        || POLICIES.contains(&key)
}
