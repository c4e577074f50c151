//! Completions of a word being typed. A running daemon is asked; none is started.

use clap::builder::StyledStr;
use clap_complete::engine::CompletionCandidate;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

/// Variable in which a shell's script names the shell.
pub(crate) const VARIABLE: &str = "_CLAVIGER_COMPLETE";

/// Accounts of the local store.
pub(crate) fn accounts() -> Vec<CompletionCandidate> {
    named(&asked(&["accounts"])["accounts"], "audience")
}

/// Sections `[oauth.NAME]`.
pub(crate) fn registrations() -> Vec<CompletionCandidate> {
    named(&asked(&["accounts"])["registrations"], "issuer")
}

/// Shares that are open.
pub(crate) fn shares() -> Vec<CompletionCandidate> {
    named(&asked(&["share", "list"])["shares"], "source")
}

/// Gates that are open.
pub(crate) fn gates() -> Vec<CompletionCandidate> {
    named(&asked(&["gate", "list"])["gates"], "directory")
}

/// Keys of cache entries.
pub(crate) fn keys() -> Vec<CompletionCandidate> {
    each(&asked(&["status"])["entries"], "key", "source")
}

/// Sources that have an entry.
pub(crate) fn sources() -> Vec<CompletionCandidate> {
    let sources = each(&asked(&["status"])["entries"], "source", "");
    let distinct: BTreeSet<_> = sources.iter().map(|source| source.get_value().to_owned()).collect();
    distinct.into_iter().map(CompletionCandidate::new).collect()
}

/// Profiles of `~/.aws`: the names in brackets, which is all a completion needs.
pub(crate) fn profiles() -> Vec<CompletionCandidate> {
    let home = env::home_dir().unwrap_or_default();
    let files = [("AWS_CONFIG_FILE", ".aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")];
    let read = |(variable, usual): (&str, &str)| {
        fs::read_to_string(env::var_os(variable).map_or_else(|| home.join(usual), Into::into))
            .unwrap_or_default()
    };
    let text = files.map(read).concat();
    let names: BTreeSet<_> = text.lines().filter_map(profile).collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn profile(line: &str) -> Option<String> {
    let (section, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let name = section.trim().strip_prefix("profile ").unwrap_or(section).trim();
    let is_other = ["sso-session ", "services "].iter().any(|other| name.starts_with(other));
    (!is_other && !name.is_empty()).then(|| name.trim_matches(['"', '\'']).to_owned())
}

/// Programs in PATH with this prefix.
pub(crate) fn programs(start: &OsStr) -> Vec<CompletionCandidate> {
    let (path, start) = (env::var_os("PATH").unwrap_or_default(), start.to_string_lossy());
    let files =
        env::split_paths(&path).filter_map(|directory| fs::read_dir(directory).ok()).flatten().flatten();
    let is_program = |file: &fs::DirEntry| {
        let may_run = |file: fs::Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
        file.file_name().to_string_lossy().starts_with(&*start)
            && fs::metadata(file.path()).is_ok_and(may_run)
    };
    let names: BTreeSet<_> = files.filter(is_program).map(|file| file.file_name()).collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Output of this program for `words`; empty if no daemon answers at once.
fn asked(words: &[&str]) -> Value {
    let Ok(program) = env::current_exe() else { return Value::Null };
    let mut command = Command::new(program);
    command.args(["--no-start", "--json", "--quiet", "--timeout", "2"]).args(words).env_remove(VARIABLE);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
}

fn named(list: &Value, help: &str) -> Vec<CompletionCandidate> {
    each(list, "name", help)
}

fn each(list: &Value, name: &str, help: &str) -> Vec<CompletionCandidate> {
    let candidate = |one: &Value| {
        let help = one[help].as_str().map(|text| StyledStr::from(text.to_owned()));
        Some(CompletionCandidate::new(one[name].as_str()?).help(help))
    };
    list.as_array().into_iter().flatten().filter_map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::profile;

    #[test]
    fn profiles_are_told_from_other_sections() {
        for (line, name) in [
            ("[default]", Some("default")),
            ("  [profile work] # mine", Some("work")),
            ("[profile \"my work\"]", Some("my work")),
            ("[sso-session corp]", None),
            ("[]", None),
            ("region = x", None),
        ] {
            assert_eq!(profile(line).as_deref(), name, "{line}");
        }
    }
}
