//! A temporary home with real helpers in it. Nothing outside it is read or changed.

use crate::sh;
use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};
use tempfile::TempDir;

/// How long the helper takes: a password manager that asks its server.
pub(super) const HELPER_SECONDS: u32 = 1;
/// How long the user's settings let a key live.
pub(super) const TTL_SECONDS: u32 = 6;

/// The temporary home and what stands in it. Dropping it stops its daemon and removes it.
#[derive(Debug)]
pub(super) struct Stage {
    programs: PathBuf,
    home: TempDir,
}

/// A script that prints keys and counts how often it was run.
#[derive(Debug)]
pub(super) struct Helper {
    log: PathBuf,
}

impl Stage {
    /// Sets up a home around the programs in `programs`.
    pub(super) fn new(programs: PathBuf) -> sh::Result<Self> {
        // Not $TMPDIR: a socket path must fit into 104 bytes, and that of macOS takes half of it.
        let home = tempfile::Builder::new().prefix("claviger-demo-").tempdir_in("/tmp")?;
        let stage = Self { programs, home };
        fs::create_dir_all(stage.project())?;
        fs::create_dir_all(stage.clone_of_a_stranger())?;
        fs::create_dir(stage.path("run"))?;
        fs::set_permissions(stage.path("run"), fs::Permissions::from_mode(0o700))?;
        Ok(stage)
    }

    /// The user's own helper, named in the user's own settings.
    pub(super) fn own_helper(&self) -> sh::Result<Helper> {
        self.helper("own", &self.path("home"))
    }

    /// A helper that a cloned repository brings along.
    pub(super) fn planted_helper(&self) -> sh::Result<Helper> {
        self.helper("planted", &self.clone_of_a_stranger())
    }

    fn helper(&self, name: &str, settings_in: &Path) -> sh::Result<Helper> {
        let (script, log) = (self.path(&format!("{name}-helper")), self.path(&format!("{name}-helper.log")));
        let text = format!(
            "#!/bin/sh\nsleep {HELPER_SECONDS}\necho run >> '{log}'\nprintf 'sk-{name}-%s-%s\\n' \"$(wc -l < '{log}' | tr -d ' ')\" \"$$\"\n",
            log = log.display()
        );
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
        fs::create_dir_all(settings_in.join(".claude"))?;
        let settings = format!(
            "{{\n  \"apiKeyHelper\": \"{}\",\n  \"env\": {{ \"CLAUDE_CODE_API_KEY_HELPER_TTL_MS\": \"{}\" }}\n}}\n",
            script.display(),
            TTL_SECONDS * 1000
        );
        fs::write(settings_in.join(".claude/settings.json"), settings)?;
        Ok(Helper { log })
    }

    /// A directory of the user's own work.
    pub(super) fn project(&self) -> PathBuf {
        self.path("home/project")
    }

    /// A directory somebody else wrote.
    pub(super) fn clone_of_a_stranger(&self) -> PathBuf {
        self.path("home/cloned-repo")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A `claviger` command line, run in `directory` with nothing but this home's environment.
    pub(super) fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("claviger"));
        command.env_clear().env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("PATH", env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8");
        command.current_dir(directory).args(arguments);
        command
    }

    /// Runs `claviger` to its end.
    pub(super) fn claviger(&self, directory: &Path, arguments: &[&str]) -> sh::Result<Output> {
        sh::capture(&mut self.command(directory, arguments))
    }

    /// Process ids of the daemons that serve this home's socket.
    pub(super) fn daemons(&self) -> Vec<u32> {
        let Ok(list) = sh::stdout(Command::new("ps").args(["-A", "-ww", "-o", "pid=,args="])) else {
            return self.daemons_from_proc();
        };
        list.lines().filter_map(|line| line.trim().split_once(' ')).filter(|(_, args)| self.is_ours(args))
            .filter_map(|(pid, _)| pid.parse().ok()).collect()
    }

    /// The same without `ps`, which a small container may lack.
    fn daemons_from_proc(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let arguments = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        ids.filter(|pid| self.is_ours(&String::from_utf8_lossy(&arguments(pid)).replace('\0', " "))).collect()
    }

    fn is_ours(&self, command_line: &str) -> bool {
        let home = self.home.path().to_string_lossy();
        let program = command_line.split(' ').next().unwrap_or_default();
        program.ends_with("clavigerd") && command_line.contains(&*home)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for pid in self.daemons() {
            drop(sh::capture(Command::new("kill").arg(pid.to_string())));
        }
    }
}

impl Helper {
    /// How often it was run.
    pub(super) fn runs(&self) -> usize {
        fs::read_to_string(&self.log).map_or(0, |text| text.lines().count())
    }
}

/// Starts all commands before it waits for any, and gives what they printed in order.
pub(super) fn all_at_once(commands: Vec<Command>) -> sh::Result<Vec<Output>> {
    let waiting: Vec<_> = commands
        .into_iter()
        .map(|mut command| thread::spawn(move || sh::capture(&mut command).map_err(|error| error.to_string())))
        .collect();
    waiting.into_iter().map(|thread| thread.join().map_err(|_| "a thread ended early")?.map_err(Into::into)).collect()
}

/// What a command printed on stdout, trimmed.
pub(super) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What a command printed on stderr, trimmed.
pub(super) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
