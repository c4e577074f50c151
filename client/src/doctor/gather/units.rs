//! The files that tell a service manager how to start the daemon.

use crate::{
    doctor::facts::Unit,
    service::units::{Manager, Names, State, Template},
};
use claviger::{RELEASE, client::daemon_program};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Those that exist.
pub(super) fn all(variables: &BTreeMap<String, String>) -> Vec<Unit> {
    let directory = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let Some(home) = directory("HOME") else { return Vec::new() };
    let config = directory("XDG_CONFIG_HOME");
    let of = |manager: Manager| {
        let directory = manager.directory(&home, config.as_deref());
        manager.templates().iter().map(move |ours| (directory.join(ours.name), ours))
    };
    let files = [Manager::Systemd, Manager::Launchd].into_iter().flat_map(of);
    files.filter_map(|(path, ours)| look(path, ours, &home)).collect()
}

fn look(path: PathBuf, ours: &Template, home: &Path) -> Option<Unit> {
    let text = fs::read_to_string(&path).ok()?;
    let program = text.lines().find_map(program);
    let own = daemon_program().ok().and_then(|path| fs::canonicalize(path).ok());
    let theirs = program.as_deref().and_then(|path| fs::canonicalize(path).ok());
    Some(Unit {
        program_exists: program.as_deref().is_some_and(Path::is_file),
        other: own.filter(|own| theirs.as_ref().is_some_and(|theirs| theirs != own)),
        state: judge(&text, ours, program.as_deref(), home),
        program,
        path,
    })
}

/// Whose the file is, whatever program it starts: that is judged apart.
fn judge(text: &str, ours: &Template, program: Option<&Path>, home: &Path) -> State {
    let names = Names {
        program: program.and_then(Path::to_str).unwrap_or_default(),
        home: home.to_str().unwrap_or_default(),
    };
    // Somebody may have copied it by hand.
    if text == ours.text(names) {
        return State::Current;
    }
    ours.judge(Some(text), &ours.stamped(names, RELEASE))
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
