//! `claviger completions`: scripts that complete the command line in a shell.

use crate::{failure::Failure, output};
use clap::Command;

/// Arguments of `completions`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// The shells.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// Prints the script for the command line that `command` defines.
///
/// # Errors
/// If stdout takes no more.
pub(crate) fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    Ok(output::data(&script(arguments.shell, command))?)
}

fn script(shell: Shell, mut command: Command) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "claviger", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Shell, script};
    use crate::args::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn every_shell_completes_the_verbs() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell, Cli::command());
            for word in ["token", "explain", "trust", "grant", "show-secret", "homespace"] {
                assert!(script.contains(word), "{word}");
            }
        }
    }
}
