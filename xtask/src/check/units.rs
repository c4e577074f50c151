//! The service files are well-formed, and confine the daemon as documented.

use super::{Outcome, faults};
use crate::{sh, units::PROGRAM};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The units, for `systemd-analyze`.
const UNITS: [&str; 2] = ["clavigerd.socket", "clavigerd.service"];
/// Highest permitted exposure of the shipped service, in tenths of systemd's figure. A user manager without a user
/// namespace offers no more confinement that helpers and browsers can work with (see systemd/clavigerd.service).
const MOST_SHIPPED: u32 = 74;
/// And with the drop-in for those who can do without helpers that see whose files are whose.
const MOST_STRICT: u32 = 30;

/// systemd's own check. It exits 0 on unknown keys, so any output is a failure.
pub(super) fn systemd() -> sh::Result<Outcome> {
    if !sh::exists("systemd-analyze") {
        return Ok(Outcome::Skipped("systemd-analyze"));
    }
    let scratch = tempfile::tempdir()?;
    let mut found = Vec::new();
    for drop_in in ["", "setgid-helpers.conf", "strict.conf"] {
        let mut command = analyze(scratch.path());
        command.args(["verify", "--man=no"]).args(write(scratch.path(), drop_in)?);
        let output = sh::capture(&mut command)?;
        found.extend(String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned));
        if !output.status.success() {
            found.push(format!("verify fails ({})", output.status));
        }
    }
    Ok(faults(found))
}

/// systemd's exposure figure of the service.
pub(super) fn exposure() -> sh::Result<Outcome> {
    if !sh::exists("systemd-analyze") {
        return Ok(Outcome::Skipped("systemd-analyze"));
    }
    let (shipped, strict) = (exposure_with("")?, exposure_with("strict.conf")?);
    let figures = format!(
        "{} as shipped (at most {}), {} with strict.conf (at most {})",
        tenths(shipped),
        tenths(MOST_SHIPPED),
        tenths(strict),
        tenths(MOST_STRICT)
    );
    match shipped <= MOST_SHIPPED && strict <= MOST_STRICT {
        true => Ok(Outcome::Found(figures)),
        false => Ok(Outcome::Failed(vec![figures])),
    }
}

fn exposure_with(drop_in: &str) -> sh::Result<u32> {
    let scratch = tempfile::tempdir()?;
    let mut command = analyze(scratch.path());
    command.args(["security", "--offline=true", "--no-pager"]).args(&write(scratch.path(), drop_in)?[1..]);
    let said = sh::stdout(&mut command)?;
    figure(&said).ok_or_else(|| format!("systemd-analyze prints no figure: {said}").into())
}

/// The last line is "→ Overall exposure level for clavigerd.service: 7.4 MEDIUM 😐".
fn figure(said: &str) -> Option<u32> {
    let line = said.lines().rev().find(|line| line.contains("exposure level"))?;
    let (whole, tenth) = line.rsplit_once(": ")?.1.split_whitespace().next()?.split_once('.')?;
    Some(whole.parse::<u32>().ok()? * 10 + tenth.parse::<u32>().ok()?)
}

fn tenths(figure: u32) -> String {
    format!("{}.{}", figure / 10, figure % 10)
}

fn analyze(scratch: &Path) -> Command {
    let mut command = Command::new("systemd-analyze");
    command.arg("--user").env("XDG_RUNTIME_DIR", scratch);
    command
}

/// The units in `scratch`, the service with a drop-in: [socket, service].
fn write(scratch: &Path, drop_in: &str) -> sh::Result<Vec<PathBuf>> {
    let systemd = sh::root().join("systemd");
    let mut paths = Vec::new();
    for name in UNITS {
        // verify requires the program to exist.
        let mut text = fs::read_to_string(systemd.join(name))?.replace(PROGRAM, "/bin/true");
        if name.ends_with(".service") && !drop_in.is_empty() {
            text += &fs::read_to_string(systemd.join(drop_in))?;
        }
        let path = scratch.join(name);
        fs::write(&path, text)?;
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn the_figure_is_read_from_the_last_line() {
        let said =
            "✗ PrivateNetwork=  0.5\n\n→ Overall exposure level for clavigerd.service: 7.4 MEDIUM :-|\n";
        assert_eq!((figure(said), figure("nothing")), (Some(74), None));
    }
}
