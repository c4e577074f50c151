//! The real `az`.

use crate::{failure::Failure, session::context::Context};
use claviger::variables::INSIDE_FLIGHT;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read as _},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

/// How often this command has already been replaced by another program.
const DEPTH: &str = "CLAVIGER_AZ_DEPTH";
/// A program of `az` runs `az` a few times; more means that scripts call each other in a circle.
const DEEPEST: u32 = 20;
/// Text that identifies a script which calls claviger.
const OURS: &[u8] = b"azure --or";
/// Most bytes read of a script.
const MAX_SCRIPT: u64 = 4096;

/// Whether the daemon runs this, to find a token.
pub(super) fn is_in_flight() -> bool {
    env::var_os(INSIDE_FLIGHT).is_some()
}

/// Replaces this process by the program. Returns only the reason of a failure.
pub(super) fn run(context: &Context, program: &OsStr, words: &[OsString]) -> Failure {
    let depth = env::var(DEPTH).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if depth >= DEEPEST {
        let message = format!("{} leads back to claviger", program.to_string_lossy());
        return Failure::usage(message, "name the real az by its path: claviger azure --or /usr/bin/az");
    }
    let Some(path) = find(program) else {
        return Failure::Exec(program.to_string_lossy().into_owned(), io::ErrorKind::NotFound.into());
    };
    context.core_limit.restore();
    let error = Command::new(&path).args(words).env(DEPTH, (depth + 1).to_string()).exec();
    Failure::Exec(path.display().to_string(), error)
}

/// A path is used as it is. For a name, files in PATH that call claviger are skipped.
fn find(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|path| is_program(path) && !is_ours(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|status| status.is_file() && status.permissions().mode() & 0o111 != 0)
}

/// Whether it is a script that calls claviger.
fn is_ours(path: &Path) -> bool {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SCRIPT).read_to_end(&mut text));
    read.is_ok() && text.starts_with(b"#!") && text.windows(OURS.len()).any(|part| part == OURS)
}
