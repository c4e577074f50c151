//! Files that the programs print for installation: manual pages and completions.

use crate::sh;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The page of the configuration, from the root of the workspace; `cargo xtask docs` makes it.
pub(crate) const CONFIGURATION: &str = "docs/man/claviger.toml.5";

/// Writes every manual page into `directory`, with the programs in `built`.
///
/// # Errors
/// If a program or a file fails.
pub(crate) fn write(built: &Path, directory: &Path) -> sh::Result {
    sh::stdout(Command::new(built.join("claviger")).arg("man").arg(directory))?;
    let daemon = sh::stdout(Command::new(built.join("clavigerd")).arg("man"))?;
    Ok(fs::write(directory.join("clavigerd.1"), daemon + "\n")?)
}

/// The completions for a shell.
///
/// # Errors
/// If the program fails.
pub(crate) fn completions(built: &Path, shell: &str) -> sh::Result<String> {
    Ok(sh::stdout(Command::new(built.join("claviger")).args(["completions", shell]))? + "\n")
}

/// Our pages in a directory, of any release.
pub(crate) fn of(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| is_ours(&entry.file_name().to_string_lossy()));
    let mut pages: Vec<PathBuf> = ours.map(|entry| entry.path()).collect();
    pages.sort();
    pages
}

/// Whether a file of this name is one of our pages.
fn is_ours(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".1") else { return false };
    matches!(stem, "claviger" | "clavigerd") || stem.starts_with("claviger-")
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn our_pages_are_known_by_name() {
        assert!(["claviger.1", "clavigerd.1", "claviger-trust-grant.1"].into_iter().all(is_ours));
        assert!(!["clavigerx.1", "claviger.7", "ls.1", "claviger-"].into_iter().any(is_ours));
    }
}
