//! The manual pages: one for the program, one for each verb, from the definition of the command line.

use crate::{
    failure::{Failure, exit},
    output,
};
use clap::Command;
use std::{fs, path::PathBuf};

/// Additional parts of the program's own page.
const FILES: &str = "\
Files:
  ~/.config/claviger/config.toml
      The configuration; see claviger.toml(5).
  $XDG_RUNTIME_DIR/claviger/claviger.sock
      The socket; without such a directory it is ~/.local/state/claviger/run/claviger.sock. CLAVIGER_SOCK and --socket name another.
  ~/.local/state/claviger/
      Accounts, trust decisions (trust.json), what was lent (audit.jsonl) and decided (decisions.jsonl), and the log of a daemon
      that a client started (clavigerd.log).
  ~/.claude/settings.json, .claude/settings.json, .claude/settings.local.json,
  /etc/claude-code/
      Settings that are read.

See also: clavigerd(1), claviger.toml(5)";

/// Arguments of `man`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The directory to write them to; it is made if it is not there
    directory: PathBuf,
}

/// Writes every page of `command`.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    let directory = &arguments.directory;
    let command = command.mut_args(|option| option.hide_short_help(false));
    let command = command.after_long_help(format!("{}\n\n{FILES}", exit::HELP));
    let written = fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
    written.map_err(|error| Failure::service(format!("{}: {error}", directory.display()), ""))?;
    Ok(output::data(&format!("{}\n", directory.display()))?)
}
