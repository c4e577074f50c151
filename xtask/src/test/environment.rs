//! The environment of the test programs: a home of their own, and only the variables that they need.

use crate::sh;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// Variables that reach the tests unchanged: paths of programs, and a developer's settings for cargo and the tests.
const KEPT: [&str; 6] = ["PATH", "CI", "NO_COLOR", "TERM", "TMPDIR", "CARGO"];
/// Those, too, that start so.
const KEPT_FAMILIES: [&str; 2] = ["RUST", "CLAVIGER_TEST_"];
/// Factor for the time limits of tests that retry.
const SOAK: &str = "CLAVIGER_SOAK";
/// Most tests wait for other processes most of the time.
const THREADS: (&str, &str) = ("RUST_TEST_THREADS", "8");
/// Managed settings of this machine bind every session on it. In the tests there are none but those that a test makes.
#[cfg(target_os = "macos")]
const MANAGED: &str = "/Library/Application Support/ClaudeCode";
#[cfg(not(target_os = "macos"))]
const MANAGED: &str = "/etc/claude-code";

/// Starts test programs.
#[derive(Debug)]
pub(super) struct Environment {
    variables: Vec<(OsString, OsString)>,
    home: tempfile::TempDir,
    hides_managed: bool,
}

impl Environment {
    /// # Errors
    /// If managed settings of this machine would decide over the tests.
    pub(super) fn new(further: &[(&'static str, PathBuf)]) -> sh::Result<Self> {
        let hides_managed = Path::new(MANAGED).exists();
        if hides_managed && !sh::is_root() {
            return Err(format!("{MANAGED} would decide over the tests; root can hide it from them").into());
        }
        let mut variables: Vec<_> =
            env::vars_os().filter(|(name, _)| is_kept(&name.to_string_lossy())).collect();
        variables.extend(tool_homes());
        variables.extend(further.iter().map(|(name, path)| ((*name).into(), path.into())));
        if !variables.iter().any(|(name, _)| name == THREADS.0) {
            variables.push((THREADS.0.into(), THREADS.1.into()));
        }
        let home = tempfile::Builder::new().prefix("claviger-home-").tempdir()?;
        Ok(Self { variables, home, hides_managed })
    }

    /// `program`, in `directory`.
    pub(super) fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = if self.hides_managed {
            let mut unshare = Command::new("unshare");
            let script = sh::root().join("tests/support/without_managed_settings.sh");
            unshare.args(["--mount", "sh"]).arg(script).arg(program);
            unshare
        } else {
            Command::new(program)
        };
        command.current_dir(directory).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("HOME", self.home.path()).env("LANG", "C.UTF-8").env("USER", "tester");
        command
    }
}

fn is_kept(name: &str) -> bool {
    KEPT.contains(&name) || name == SOAK || KEPT_FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Where cargo and rustup have their files, which they would look for in the home of the tests.
fn tool_homes() -> Vec<(OsString, OsString)> {
    let own = |name: &str, below: &str| {
        let place = env::var_os(name).map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(below)))?;
        Some((name.into(), place.into()))
    };
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]
        .into_iter()
        .filter_map(|(name, below)| own(name, below))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::is_kept;

    #[test]
    fn nothing_that_could_change_what_a_session_is_reaches_the_tests() {
        for name in
            ["PATH", "CI", "RUST_BACKTRACE", "RUST_TEST_THREADS", "CLAVIGER_TEST_VENV", "CLAVIGER_SOAK"]
        {
            assert!(is_kept(name), "{name}");
        }
        for name in [
            "HOME",
            "HTTP_PROXY",
            "https_proxy",
            "XDG_RUNTIME_DIR",
            "XDG_CONFIG_HOME",
            "DBUS_SESSION_BUS_ADDRESS",
            "CLAUDE_CONFIG_DIR",
            "ANTHROPIC_API_KEY",
            "AWS_DEFAULT_PROFILE",
            "AWS_PROFILE",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "AZURE_CLIENT_ID",
            "CLAVIGER_SOCKET",
            "SSL_CERT_FILE",
            "LD_PRELOAD",
        ] {
            assert!(!is_kept(name), "{name}");
        }
    }
}
