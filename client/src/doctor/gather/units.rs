//! The files with which a service manager starts the daemon.

use crate::{
    doctor::facts::Unit,
    service::{File, look::own_files, units::State},
};
use claviger::client::daemon_program;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Those that exist.
pub(super) fn all(variables: &BTreeMap<String, String>) -> Vec<Unit> {
    let directory = |name: &str| variables.get(name).map(Path::new).filter(|path| path.is_absolute());
    let Some(home) = directory("HOME") else { return Vec::new() };
    let files = own_files(home, directory("XDG_CONFIG_HOME")).into_iter();
    let own = daemon_program().ok().and_then(|path| fs::canonicalize(path).ok());
    let unit = |(File { path, state, .. }, program): (File, Option<PathBuf>)| {
        let theirs = program.as_deref().and_then(|path| fs::canonicalize(path).ok());
        Unit {
            path,
            program_exists: program.as_deref().is_some_and(Path::is_file),
            other: own.clone().filter(|own| theirs.as_ref().is_some_and(|theirs| theirs != own)),
            program,
            state,
        }
    };
    files.map(unit).filter(|unit| unit.state != State::Absent).collect()
}
