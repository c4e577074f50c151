//! The files that tell a service manager how to start the daemon.

use crate::doctor::facts::Unit;
use claviger::client::daemon_program;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where a file is, and what it is in this release.
const FILES: [(&str, &str); 3] = [
    ("systemd/user/clavigerd.service", include_str!("../../../../systemd/clavigerd.service")),
    ("systemd/user/clavigerd.socket", include_str!("../../../../systemd/clavigerd.socket")),
    (AGENT, include_str!("../../../../launchd/dev.claviger.clavigerd.plist")),
];
const AGENT: &str = "Library/LaunchAgents/dev.claviger.clavigerd.plist";

/// Those that exist.
pub(super) fn all(variables: &BTreeMap<String, String>) -> Vec<Unit> {
    let directory = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = directory("HOME");
    let config = directory("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
    let unit = |(below, ours): (&str, &str)| {
        let base = if below == AGENT { home.as_ref() } else { config.as_ref() };
        look(base?.join(below), ours)
    };
    FILES.into_iter().filter_map(unit).collect()
}

fn look(path: PathBuf, ours: &str) -> Option<Unit> {
    let text = fs::read_to_string(&path).ok()?;
    let program = text.lines().find_map(program);
    let own = daemon_program().ok().and_then(|path| fs::canonicalize(path).ok());
    let theirs = program.as_deref().and_then(|path| fs::canonicalize(path).ok());
    Some(Unit {
        program_exists: program.as_deref().is_some_and(Path::is_file),
        other: own.filter(|own| theirs.as_ref().is_some_and(|theirs| theirs != own)),
        current: without_program(&text) == without_program(ours),
        program,
        path,
    })
}

/// The program of a line `ExecStart="…"` or `<string>/…/clavigerd</string>`.
fn program(line: &str) -> Option<PathBuf> {
    let line = line.trim();
    let path = match line.strip_prefix("ExecStart=") {
        Some(command) => shlex::split(command)?.into_iter().next()?,
        None => line.strip_prefix("<string>/")?.strip_suffix("</string>").map(|rest| format!("/{rest}"))?,
    };
    Some(path.into())
}

fn without_program(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| program(line).is_none()).collect()
}
