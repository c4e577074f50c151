//! Programs and network values in settings files and tools' files. They are read here again: the daemon reports the
//! place of a value, never the value.

use super::variables::is_read;
use crate::{
    doctor::{
        facts::{Program, Setting},
        finding::place,
    },
    hook::json::Json,
    session::user,
};
use claviger::{
    hook::{self, COMMANDS},
    proto::v1::{ExplainResponse, Layer, SettingsFile, SettingsValue},
    reason::Location,
    session::SessionContext,
};
use nix::fcntl::OFlag;
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::Read as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Most bytes read of a file.
const MAX: u64 = 2 * 1024 * 1024;
/// Shell builtins, and words that start more than a command.
const OF_SHELL: &str = ". : [ [[ { ( ! alias bg cd case command echo eval exec export false for function if printf pwd read \
     select set source test time trap true type ulimit umask unset until wait while";

/// The values that took part; the text only for variables in [`is_read`].
pub(super) fn all(explained: &ExplainResponse, session: &SessionContext) -> Vec<Setting> {
    let setting = |value: &SettingsValue| {
        let at = place(value.location.as_ref())?;
        let is_wanted = value.name.strip_prefix("env.").is_some_and(is_read);
        // Workspace files are not read: whether they count depends on trust.
        let is_own = !matches!(at.layer.as_str(), "project" | "local");
        let text = if is_wanted && is_own { text(&at, &value.name, session) } else { None };
        Some(Setting { name: value.name.clone(), at, hook: value.hook, text })
    };
    explained.values.iter().filter_map(setting).collect()
}

/// The configuration that the session's environment names, and the daemon's, if they differ.
pub(super) fn other_config(
    explained: &ExplainResponse,
    session: &SessionContext,
) -> Option<(PathBuf, PathBuf)> {
    let below_home = || Some(session.directory("HOME")?.join(".config"));
    let directory = session.directory("XDG_CONFIG_HOME").map(PathBuf::from).or_else(below_home)?;
    let own = directory.join("claviger/config.toml");
    let is_config = |file: &&SettingsFile| file.layer() == Layer::Config;
    let daemons = PathBuf::from(&explained.files.iter().find(is_config)?.file);
    // Symlinks are followed as far as they exist.
    let place = |path: &Path| {
        let known = path.ancestors().find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
        let rest = |(above, real): (&Path, PathBuf)| Some(real.join(path.strip_prefix(above).ok()?));
        known.and_then(rest)
    };
    (place(&own) != place(&daemons)).then_some((own, daemons))
}

/// The standing gate to which the settings of Claude Code lead.
pub(super) fn gate() -> Option<String> {
    let path = user::settings()?;
    let text = read(&path)?;
    let json = Json { path: &path.display().to_string(), text: &text };
    json.environment().ok()?.remove(hook::GATE)
}

/// The programs of commands and hooks among `settings`, searched on the `PATH` `searched`, as the daemon does.
pub(super) fn programs(settings: &[Setting], session: &SessionContext, searched: &str) -> Vec<Program> {
    let path = session.variables.get("PATH").map_or("", String::as_str);
    let commands = settings.iter().filter(|setting| COMMANDS.contains(&setting.name.as_str()));
    let program = |setting: &Setting| {
        let command = text(&setting.at, &setting.name, session)?;
        let word = first_word(&command, session.variables.get("HOME").map_or("", String::as_str))?;
        // The tool runs a hook, with the PATH of the session.
        let searched = if setting.hook { path } else { searched };
        let found = is_there(&word, searched, &session.cwd);
        let elsewhere = (!found && !word.contains('/')).then(|| directory_with(&word, path)).flatten();
        let (name, at, hook) = (setting.name.clone(), setting.at.clone(), setting.hook);
        Some(Program { name, word, at, hook, found, elsewhere })
    };
    commands.filter_map(program).collect()
}

/// Lines of ~/.aws/config that run claviger: a failure there produces a message of the tool.
pub(super) fn of_tools(variables: &BTreeMap<String, String>) -> Vec<Program> {
    let home = variables.get("HOME").map_or("", String::as_str);
    let file =
        variables.get("AWS_CONFIG_FILE").map_or_else(|| Path::new(home).join(".aws/config"), PathBuf::from);
    let Some(content) = read(&file) else { return Vec::new() };
    let path = variables.get("PATH").map_or("", String::as_str);
    let hook = |(line, text): (u32, &str)| {
        let (name, command) = text.split_once('=')?;
        let word = (name.trim() == "credential_process").then(|| first_word(command, home))??;
        let at = Location { file: file.display().to_string(), line, ..Location::default() };
        let found = is_there(&word, path, Path::new("/"));
        let is_hook = word.rsplit('/').next() == Some("claviger");
        is_hook.then(|| Program {
            name: "credential_process".into(),
            word,
            at,
            hook: true,
            found,
            elsewhere: None,
        })
    };
    (1..).zip(content.lines()).filter_map(hook).collect()
}

fn read(path: &Path) -> Option<String> {
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).ok()?;
    let mut content = String::new();
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    is_file.then(|| file.take(MAX).read_to_string(&mut content).ok())??;
    Some(content)
}

/// The value of `name`, in the file at the place or in `--settings`.
fn text(at: &Location, name: &str, session: &SessionContext) -> Option<String> {
    let explicit = session.explicit.as_ref().filter(|explicit| explicit.name == at.file);
    let content = match explicit {
        Some(explicit) => String::from_utf8(explicit.content.clone()).ok()?,
        None => read(Path::new(&at.file))?,
    };
    if at.file.ends_with(".toml") {
        return of_toml(content.lines().nth(usize::try_from(at.line).ok()?.checked_sub(1)?)?);
    }
    let json: serde_json::Value = serde_json::from_str(&content).ok()?;
    let found = match name.strip_prefix("env.") {
        Some(variable) => json.get("env")?.get(variable)?,
        None => json.get(name)?,
    };
    found.as_str().map(str::to_owned)
}

/// The value of a line `key = "value"`. Other notations are not checked.
fn of_toml(line: &str) -> Option<String> {
    let (_, value) = line.split_once('=')?;
    let value = value.trim();
    let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let (inner, _) = value[1..].rsplit_once(quote)?;
    (!inner.contains(['\\', quote])).then(|| inner.to_owned())
}

/// The program that a shell would run first, with its path; `None` if only a shell can tell.
fn first_word(command: &str, home: &str) -> Option<String> {
    let word = hook::first_word(command, false)?;
    let word = match word.strip_prefix("~/") {
        Some(rest) => format!("{home}/{rest}"),
        None => word,
    };
    let is_plain = !word.is_empty() && !word.contains(['$', '`', '*', '?', '(', '{', '~', '\n']);
    (is_plain && !OF_SHELL.split_whitespace().any(|own| own == word)).then_some(word)
}

fn is_there(word: &str, path: &str, directory: &Path) -> bool {
    match word.contains('/') {
        true => runs(&directory.join(word)),
        false => directory_with(word, path).is_some(),
    }
}

/// The first directory of `path` that has a program of this name; relative ones do not count, as for the daemon.
fn directory_with(word: &str, path: &str) -> Option<PathBuf> {
    env::split_paths(path).filter(|path| path.is_absolute()).find(|path| runs(&path.join(word)))
}

fn runs(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::{first_word, of_toml};

    #[test]
    fn the_first_word_is_what_a_shell_would_run() {
        for (command, word) in [
            ("op read x", Some("op")),
            ("A=1 exec /opt/x y", Some("/opt/x")),
            ("~/bin/key", Some("/h/bin/key")),
            ("claviger|cat", Some("claviger")),
            ("'/my tools/x' 1", Some("/my tools/x")),
            ("echo x", None),
            ("$HOME/x", None),
            ("", None),
            ("if x; then y; fi", None),
            ("echo 'open", None),
        ] {
            assert_eq!(first_word(command, "/h").as_deref(), word, "{command}");
        }
    }

    #[test]
    fn simple_lines_of_toml_are_read() {
        assert_eq!(of_toml("apiKeyHelper = \"op read 'x'\" # y").as_deref(), Some("op read 'x'"));
        assert_eq!(of_toml("a = 'b'").as_deref(), Some("b"));
        for other in ["a = \"\"\"", "a = \"\\n\"", "[settings]", "a = 7"] {
            assert_eq!(of_toml(other), None, "{other}");
        }
    }
}
