//! `claviger completions`: scripts that complete the command line in a shell.

use crate::{complete, failure::Failure, output};
use clap_complete::env::{self, EnvCompleter};

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
    /// PowerShell
    Powershell,
}

/// Prints the script for a shell. The script runs this program for each word to complete.
///
/// # Errors
/// If stdout cannot be written.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    Ok(output::data(&script(arguments.shell))?)
}

fn script(shell: Shell) -> String {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &env::Bash,
        Shell::Zsh => &env::Zsh,
        Shell::Fish => &env::Fish,
        Shell::Powershell => &env::Powershell,
    };
    let mut script = Vec::new();
    // Writing to a Vec cannot fail.
    drop(shell.write_registration(complete::VARIABLE, "claviger", "claviger", "claviger", &mut script));
    String::from_utf8_lossy(&script).into_owned()
}
