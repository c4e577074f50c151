//! Tools of the clouds, as their users run them: with the home of a test, and nothing of claviger in them.

use super::{Home, skipped, text};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Python with the tools; `None`, and said so, without it.
pub fn venv(what: &str) -> Option<PathBuf> {
    let venv = std::env::var_os("CLAVIGER_TEST_VENV").map(PathBuf::from);
    if venv.is_none() {
        skipped(&format!("Python with {what} ($CLAVIGER_TEST_VENV; `cargo xtask test` installs it)"));
    }
    venv
}

/// Python with `arguments`, in the environment of a shell of `home`, with `variables` added.
pub fn python(home: &Home, venv: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(venv.join("bin/python"));
    command.env_clear().current_dir(home.path("work"));
    let shell = home.claviger(&[]);
    command.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.envs(variables.iter().copied()).args(arguments);
    command
}

/// `tests/python/adapters.py`.
pub fn adapters() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/adapters.py").to_owned()
}

/// What a tool prints, which must be a success and JSON.
pub fn json(mut command: Command) -> serde_json::Value {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
