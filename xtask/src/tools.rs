//! Programs of the Rust world that the project needs now and then. They lie below `target/`, and nowhere else.

use crate::sh;
use std::{path::PathBuf, process::Command};

/// The release that has been tried.
const CARGO_DEB: &str = "3.8.0";

/// cargo-deb; built once, if `install` allows it.
///
/// # Errors
/// If it is not there and cannot be built.
pub(crate) fn cargo_deb(install: bool) -> sh::Result<PathBuf> {
    let place = sh::target()?.join("tools");
    let program = place.join("bin/cargo-deb");
    if sh::stdout(Command::new(&program).arg("--version")).is_ok_and(|version| version.ends_with(CARGO_DEB)) {
        return Ok(program);
    }
    if !install {
        return Err("not installed, and --no-install was given".into());
    }
    println!("installing cargo-deb {CARGO_DEB} into {}", place.display());
    let mut cargo = sh::cargo();
    // It runs for a second: to optimise it would take longer than it ever saves.
    cargo.args([
        "install",
        "--quiet",
        "--locked",
        "--profile",
        "dev",
        "--version",
        CARGO_DEB,
        "cargo-deb",
        "--root",
    ]);
    sh::run(cargo.arg(&place).env("CARGO_TARGET_DIR", place.join("build")))?;
    Ok(program)
}
