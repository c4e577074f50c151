//! The service files are at least well-formed.

use super::{Outcome, faults};
use crate::{sh, units::PROGRAM};
use std::{fs, process::Command};

/// systemd's own opinion. It exits 0 on unknown keys, so whatever it prints about our units counts.
pub(super) fn systemd() -> sh::Result<Outcome> {
    if !sh::exists("systemd-analyze") {
        return Ok(Outcome::Skipped("systemd-analyze"));
    }
    let scratch = tempfile::tempdir()?;
    let mut command = Command::new("systemd-analyze");
    command.args(["--user", "verify", "--man=no"]).env("XDG_RUNTIME_DIR", scratch.path());
    for name in ["clavigerd.socket", "clavigerd.service"] {
        // verify wants the program to exist.
        let text = fs::read_to_string(sh::root().join("systemd").join(name))?.replace(PROGRAM, "/bin/true");
        fs::write(scratch.path().join(name), text)?;
        command.arg(scratch.path().join(name));
    }
    let output = sh::capture(&mut command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let mut found: Vec<String> =
        said.lines().filter(|line| line.contains("clavigerd")).map(str::to_owned).collect();
    if !output.status.success() && found.is_empty() {
        found = said.lines().map(str::to_owned).collect();
    }
    Ok(faults(found))
}

pub(super) fn launchd() -> sh::Result<Outcome> {
    if !sh::exists("python3") {
        return Ok(Outcome::Skipped("python3"));
    }
    let plist = sh::root().join("launchd/dev.claviger.clavigerd.plist");
    let script = "import plistlib, sys; print(plistlib.load(open(sys.argv[1], 'rb'))['Label'])";
    let label = sh::stdout(Command::new("python3").args(["-c", script]).arg(plist))?;
    Ok(faults(if label == "dev.claviger.clavigerd" {
        Vec::new()
    } else {
        vec![format!("the label is {label}")]
    }))
}
