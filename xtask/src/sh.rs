//! Runs other programs, waits for conditions, and finds the workspace.

use std::{
    env,
    error::Error,
    ffi::OsStr,
    io::IsTerminal as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Result of every command of xtask. The error is for a person.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Root of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map(Path::to_owned).unwrap_or(manifest)
}

/// Directory of cargo's output: this program itself is in `TARGET/PROFILE/`.
pub(crate) fn target() -> Result<PathBuf> {
    let own = env::current_exe()?;
    own.ancestors()
        .nth(2)
        .map(Path::to_owned)
        .ok_or_else(|| "this program is not in a target directory".into())
}

/// The cargo that runs this program, at the root of the workspace.
pub(crate) fn cargo() -> Command {
    other_cargo(Path::new(&env::var_os("CARGO").unwrap_or_else(|| "cargo".into())))
}

/// A cargo at the root of the workspace.
pub(crate) fn other_cargo(program: &Path) -> Command {
    let mut cargo = Command::new(program);
    // Variables that cargo set for xtask must not reach the build scripts of others, or they are all built again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo.current_dir(root());
    cargo
}

/// Runs a command to its end, visibly; an error unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result {
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| format!("{}: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", name(command)).into()) }
}

/// Runs a command to its end and keeps its output, however it ends.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| format!("{}: {error}", name(command)).into())
}

/// As [`capture`], with stdin.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", name(command)))?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it does not read, that is not an error here.
        drop(stdin.write_all(input.as_bytes()));
    }
    Ok(child.wait_with_output()?)
}

/// Output of a successful command, trimmed.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        return Err(
            format!("{} failed: {}", name(command), String::from_utf8_lossy(&output.stderr).trim()).into()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program is on `PATH`.
pub(crate) fn exists(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program is on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}

/// Evaluates `condition` repeatedly until it returns a value, at most for `limit`.
pub(crate) fn wait_for<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return Some(found);
        }
        if start.elapsed() > limit {
            return None;
        }
        sleep(Duration::from_millis(20));
    }
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    stdout(Command::new("id").arg("-u")).is_ok_and(|uid| uid == "0")
}

/// Whether things that cannot be done here are errors (CI) or only reported (a person's machine).
pub(crate) fn strict() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Wraps text in a colour when a person watches.
pub(crate) fn paint(code: &str, text: &str) -> String {
    let plain = env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    if plain { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let words = command.get_args().take(2).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    format!("{} {words}", program.file_name().unwrap_or_default().to_string_lossy()).trim_end().to_owned()
}
