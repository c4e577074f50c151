//! Dependencies: licences, banned crates, sources (`deny.toml`), and known vulnerabilities.

use super::Outcome;
use crate::sh;
use std::process::{Command, Output};

const NEEDS: &str = "cargo-deny (cargo install --locked cargo-deny)";

pub(super) fn policy() -> sh::Result<Outcome> {
    Ok(match deny(&["bans", "licenses", "sources"])? {
        None => Outcome::Skipped(NEEDS),
        Some(output) => verdict(&output),
    })
}

/// The list of vulnerabilities comes from the network.
pub(super) fn advisories() -> sh::Result<Outcome> {
    Ok(match deny(&["advisories"])? {
        None => Outcome::Skipped(NEEDS),
        Some(output) if text(&output).contains("failed to fetch advisory database") => {
            Outcome::Skipped("network access to github.com/RustSec/advisory-db")
        }
        Some(output) => verdict(&output),
    })
}

fn deny(checks: &[&str]) -> sh::Result<Option<Output>> {
    if !sh::exists("cargo-deny") {
        return Ok(None);
    }
    let mut command = Command::new("cargo-deny");
    command.args(["--workspace", "--log-level", "error", "check"]).args(checks).current_dir(sh::root());
    sh::capture(&mut command).map(Some)
}

fn verdict(output: &Output) -> Outcome {
    if output.status.success() { Outcome::Passed } else { Outcome::Failed(vec![text(output)]) }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).trim().to_owned()
}
