//! `claviger env`: shell lines for `eval`.

use crate::{
    daemon::lending,
    failure::Failure,
    output,
    session::{
        context::Context,
        environment::{self, Variable},
    },
    text::quote,
};
use clap::ValueEnum as _;
use claviger::Secret;
use serde_json::Value;
use std::{ffi::OsStr, path::Path};

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// bash, and every POSIX shell
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(alias = "pwsh")]
    Powershell,
    /// Nushell
    Nu,
}

/// Arguments of `env`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print lines for this shell [default: that of $SHELL]
    #[arg(long)]
    shell: Option<Shell>,
}

/// Prints lines that set and remove variables.
///
/// # Errors
/// Why there is no credential.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let lease = lending::borrow_to_keep(context).await?;
    let variables = environment::variables(&lease, |name| std::env::var_os(name).is_some())?;
    let shell = arguments.shell.unwrap_or_else(|| Shell::of(std::env::var_os("SHELL").as_deref()));
    print(context, &variables, shell)
}

/// Prints variables as shell lines, or as an object.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn print(context: &Context, variables: &[Variable], shell: Shell) -> Result<(), Failure> {
    match context.options.json {
        true => output::json(&object(variables))?,
        false => output::data(&variables.iter().map(|it| shell.line(it)).collect::<String>())?,
    }
    Ok(())
}

// === impl Shell ===

impl Shell {
    /// The shell that `path` names; one that is not known here is taken for a POSIX shell.
    fn of(path: Option<&OsStr>) -> Self {
        let name = path.and_then(|path| Path::new(path).file_name()).and_then(OsStr::to_str);
        name.and_then(|name| Self::from_str(name, true).ok()).unwrap_or(Self::Bash)
    }

    fn line(self, (name, value): &Variable) -> String {
        match (self, value.as_ref().map(|value| value.expose())) {
            (Self::Bash | Self::Zsh, Some(value)) => format!("export {name}={}\n", quote::shell(value)),
            (Self::Bash | Self::Zsh, None) => format!("unset {name}\n"),
            (Self::Fish, Some(value)) => format!("set -gx {name} {}\n", fish(value)),
            (Self::Fish, None) => format!("set -e {name}\n"),
            (Self::Powershell, Some(value)) => format!("$env:{name} = {}\n", powershell(value)),
            (Self::Powershell, None) => format!("Remove-Item -ErrorAction Ignore Env:{name}\n"),
            (Self::Nu, Some(value)) => format!("$env.{name} = {}\n", nu(value)),
            (Self::Nu, None) => format!("hide-env --ignore-errors {name}\n"),
        }
    }
}

// A variable to remove is null.
fn object(variables: &[Variable]) -> Value {
    let value =
        |value: &Option<Secret>| value.as_ref().map_or(Value::Null, |value| value.expose().as_str().into());
    variables.iter().map(|(name, content)| ((*name).to_owned(), value(content))).collect()
}

/// `text` in single quotes for fish, where a backslash is special in them, too.
fn fish(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// The same for PowerShell, for which four typographic quotes are single quotes as well. A quote is doubled.
fn powershell(text: &str) -> String {
    let is_quote = |c| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
    let letter = |c| std::iter::repeat_n(c, if is_quote(c) { 2 } else { 1 });
    format!("'{}'", text.chars().flat_map(letter).collect::<String>())
}

/// The same for Nushell, whose double quotes use the escapes of JSON, except for a code point as `\u{…}`.
fn nu(text: &str) -> String {
    let letter = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{{{:x}}}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{Secret, Shell, fish, nu, object, powershell};
    use clap::ValueEnum as _;
    use std::ffi::OsStr;

    #[test]
    fn variables_are_set_quoted_or_removed() {
        let set = ("ANTHROPIC_API_KEY", Some(Secret::from("it's")));
        let removed = ("ANTHROPIC_BASE_URL", None);
        let lines = Shell::value_variants().iter().map(|shell| shell.line(&set) + &shell.line(&removed));
        let expected = [
            "export ANTHROPIC_API_KEY='it'\\''s'\nunset ANTHROPIC_BASE_URL\n",
            "export ANTHROPIC_API_KEY='it'\\''s'\nunset ANTHROPIC_BASE_URL\n",
            "set -gx ANTHROPIC_API_KEY 'it\\'s'\nset -e ANTHROPIC_BASE_URL\n",
            "$env:ANTHROPIC_API_KEY = 'it''s'\nRemove-Item -ErrorAction Ignore Env:ANTHROPIC_BASE_URL\n",
            "$env.ANTHROPIC_API_KEY = \"it's\"\nhide-env --ignore-errors ANTHROPIC_BASE_URL\n",
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        let expected = serde_json::json!({"ANTHROPIC_API_KEY": "it's", "ANTHROPIC_BASE_URL": null});
        assert_eq!(object(&[set, removed]), expected);
    }

    #[test]
    fn other_shells_have_rules_of_their_own() {
        let text = "it's \\ \"$x\" \u{2019}\n";
        assert_eq!(fish(text), "'it\\'s \\\\ \"$x\" \u{2019}\n'");
        assert_eq!(powershell(text), "'it''s \\ \"$x\" \u{2019}\u{2019}\n'");
        assert_eq!(nu(text), "\"it's \\\\ \\\"$x\\\" \u{2019}\\u{a}\"");
    }

    #[test]
    fn the_shell_is_that_of_the_user() {
        let of = |path: &str| Shell::of(Some(OsStr::new(path)));
        assert_eq!(
            (of("/usr/bin/fish"), of("/bin/zsh"), of("/opt/pwsh")),
            (Shell::Fish, Shell::Zsh, Shell::Powershell)
        );
        assert_eq!((of("/bin/dash"), of(""), Shell::of(None)), (Shell::Bash, Shell::Bash, Shell::Bash));
    }
}
