//! The code for macOS is type-checked for macOS: no Mac is needed, and nothing is linked or run.
//!
//! The standard library of that target is checked from its source, which a stable compiler permits with
//! RUSTC_BOOTSTRAP. zig compiles the C code of dependencies, because it has the headers of every target.

use super::Outcome;
use crate::{
    sh,
    test::needs::{self, MacTools},
};
use std::process::Command;

const TARGET: &str = "aarch64-apple-darwin";
/// The packages that run on a Mac.
const PACKAGES: [&str; 9] = [
    "claviger",
    "claviger-child",
    "claviger-system",
    "claviger-private",
    "claviger-proxy",
    "claviger-cli",
    "clavigerd",
    "clavigerd-fetch",
    "clavigerd-gate",
];

pub(super) fn check() -> sh::Result<Outcome> {
    if cfg!(target_os = "macos") {
        return Ok(Outcome::Passed); // clippy has just done it
    }
    let tools = match needs::mac_tools() {
        Ok(tools) => tools,
        Err(error) if sh::strict() => return Err(format!("in CI nothing may be missing: {error}").into()),
        Err(error) => return Ok(Outcome::Warned(vec![format!("skipped: needs {error}")])),
    };
    sh::run(&mut cargo(&tools)?)?;
    Ok(Outcome::Passed)
}

fn cargo(tools: &MacTools) -> sh::Result<Command> {
    let zig = tools.zig.display();
    let mut cargo = sh::other_cargo(&tools.sysroot.join("bin/cargo"));
    cargo.args(["check", "--quiet", "--locked", "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
    cargo.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    cargo.env("CARGO_TARGET_DIR", sh::target()?.join("macos"));
    // `-Z` on a stable compiler, which compiles the same code.
    cargo.env("RUSTC", tools.sysroot.join("bin/rustc")).env("RUSTC_BOOTSTRAP", "1");
    // Registry crates are not affected: cargo caps their lints.
    cargo.env("CARGO_TARGET_AARCH64_APPLE_DARWIN_RUSTFLAGS", "-Dwarnings");
    cargo.env("CC_aarch64_apple_darwin", format!("{zig} cc -target aarch64-macos"));
    cargo.env("AR_aarch64_apple_darwin", format!("{zig} ar"));
    // Options of Apple's own compiler that zig does not have, and a query to Xcode.
    cargo.env("CRATE_CC_NO_DEFAULTS", "1").env("SDKROOT", "/nonexistent");
    for ours in ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTDOC"] {
        cargo.env_remove(ours);
    }
    Ok(cargo)
}
