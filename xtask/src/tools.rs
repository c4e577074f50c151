//! Programs of the Rust world that the project needs now and then. They lie below `target/`, and nowhere else.

use crate::sh;
use std::{path::PathBuf, process::Command};

/// The releases that have been tried.
const CARGO_DEB: &str = "3.8.0";
const CARGO_FUZZ: &str = "0.13.2";

/// cargo-deb; built once, if `install` allows it.
///
/// # Errors
/// If it is not there and cannot be built.
pub(crate) fn cargo_deb(install: bool) -> sh::Result<PathBuf> {
    tool("cargo-deb", CARGO_DEB, &[], install)
}

/// cargo-fuzz; built once.
///
/// # Errors
/// If it is not there and cannot be built.
pub(crate) fn cargo_fuzz() -> sh::Result<PathBuf> {
    tool("cargo-fuzz", CARGO_FUZZ, &["fuzz"], true)
}

/// A program whose `--version`, after the words `verb`, ends with `release`.
fn tool(name: &str, release: &str, verb: &[&str], install: bool) -> sh::Result<PathBuf> {
    let place = sh::target()?.join("tools");
    let program = place.join("bin").join(name);
    let version = sh::stdout(Command::new(&program).args(verb).arg("--version"));
    if version.is_ok_and(|version| version.ends_with(release)) {
        return Ok(program);
    }
    if !install {
        return Err("not installed, and --no-install was given".into());
    }
    println!("installing {name} {release} into {}", place.display());
    let mut cargo = sh::cargo();
    // It runs for a second: to optimise it would take longer than it ever saves.
    cargo.args(["install", "--quiet", "--locked", "--profile", "dev", "--version", release, name, "--root"]);
    sh::run(cargo.arg(&place).env("CARGO_TARGET_DIR", place.join("build")))?;
    Ok(program)
}
