//! A temporary home with real helpers in it. Nothing outside it is read or changed.

use crate::sh;
use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// How slow a helper is, and how long its keys live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long one run takes.
    pub(crate) helper: Duration,
    /// `CLAUDE_CODE_API_KEY_HELPER_TTL_MS`.
    pub(crate) ttl: Duration,
}

/// The temporary home and its content. Dropping it stops its daemon and removes it.
#[derive(Debug)]
pub(crate) struct Stage {
    programs: PathBuf,
    home: TempDir,
}

/// A script that prints keys and counts how often it was run.
#[derive(Debug)]
pub(crate) struct Helper {
    log: PathBuf,
}

impl Stage {
    /// Sets up a home around the programs in `programs`.
    pub(crate) fn new(programs: PathBuf) -> sh::Result<Self> {
        // Not $TMPDIR: a socket path must fit into 104 bytes, and that of macOS takes half of it.
        let home = tempfile::Builder::new().prefix("claviger-").tempdir_in("/tmp")?;
        let stage = Self { programs, home };
        fs::create_dir_all(stage.project())?;
        fs::create_dir(stage.path("run"))?;
        fs::set_permissions(stage.path("run"), fs::Permissions::from_mode(0o700))?;
        Ok(stage)
    }

    /// The user's own helper, named in the user's own settings.
    pub(crate) fn own_helper(&self, pace: Pace) -> sh::Result<Helper> {
        self.helper("own", pace, &self.path("home"))
    }

    /// A helper that a cloned repository brings along.
    pub(crate) fn planted_helper(&self, pace: Pace) -> sh::Result<Helper> {
        self.helper("planted", pace, &self.clone_of_a_stranger())
    }

    fn helper(&self, name: &str, pace: Pace, settings_in: &Path) -> sh::Result<Helper> {
        let (script, log) = (self.path(&format!("{name}-helper")), self.path(&format!("{name}-helper.log")));
        fs::write(&script, script_text(name, pace, &log))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
        fs::create_dir_all(settings_in.join(".claude"))?;
        fs::write(settings_in.join(".claude/settings.json"), settings_text(&script, pace))?;
        Ok(Helper { log })
    }

    /// The directory that everything is in.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A directory of the user's own work.
    pub(crate) fn project(&self) -> PathBuf {
        self.path("home/project")
    }

    /// A directory of another user.
    pub(crate) fn clone_of_a_stranger(&self) -> PathBuf {
        self.path("home/cloned-repo")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Everything this home's processes have in their environment.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let path = env::var_os("PATH").unwrap_or_default();
        let (home, run) = (self.path("home").into(), self.path("run").into());
        vec![("HOME", home), ("XDG_RUNTIME_DIR", run), ("PATH", path), ("LANG", "C.UTF-8".into())]
    }

    /// Where this home's daemon listens.
    #[cfg(feature = "bench")]
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/claviger/claviger.sock")
    }

    /// A `claviger` command line, run in `directory` with nothing but this home's environment.
    pub(crate) fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("claviger"));
        command.env_clear().envs(self.environment()).current_dir(directory).args(arguments);
        command
    }

    /// Runs `claviger` to its end.
    pub(crate) fn claviger(&self, directory: &Path, arguments: &[&str]) -> sh::Result<Output> {
        sh::capture(&mut self.command(directory, arguments))
    }

    /// The end of what this home's daemon has logged.
    pub(crate) fn daemon_log(&self) -> String {
        let text =
            fs::read_to_string(self.path("home/.local/state/claviger/clavigerd.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Process ids of the daemons that serve this home's socket.
    pub(crate) fn daemons(&self) -> Vec<u32> {
        let Ok(list) = sh::stdout(Command::new("ps").args(["-A", "-ww", "-o", "pid=,args="])) else {
            return self.daemons_from_proc();
        };
        list.lines()
            .filter_map(|line| line.trim().split_once(' '))
            .filter(|(_, args)| self.is_ours(args))
            .filter_map(|(pid, _)| pid.parse().ok())
            .collect()
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
    pub(crate) fn runs(&self) -> usize {
        fs::read_to_string(&self.log).map_or(0, |text| text.lines().count())
    }
}

/// Stands for `op read …`, `vault kv get …` and the like: slow, and another key on every run.
fn script_text(name: &str, pace: Pace, log: &Path) -> String {
    let (log, seconds) = (log.display(), pace.helper.as_secs_f64());
    format!(
        "#!/bin/sh\nsleep {seconds}\necho run >> '{log}'\nprintf 'sk-{name}-%s-%s\\n' \"$(wc -l < '{log}' | tr -d ' ')\" \"$$\"\n"
    )
}

fn settings_text(script: &Path, pace: Pace) -> String {
    let (script, ttl) = (script.display(), pace.ttl.as_millis());
    format!(
        "{{\n  \"apiKeyHelper\": \"{script}\",\n  \"env\": {{ \"CLAUDE_CODE_API_KEY_HELPER_TTL_MS\": \"{ttl}\" }}\n}}\n"
    )
}

/// Starts all commands before it waits for any, and gives what they printed in order.
pub(crate) fn all_at_once(commands: Vec<Command>) -> sh::Result<Vec<Output>> {
    let waiting: Vec<_> = commands
        .into_iter()
        .map(|mut command| {
            thread::spawn(move || sh::capture(&mut command).map_err(|error| error.to_string()))
        })
        .collect();
    waiting
        .into_iter()
        .map(|thread| thread.join().map_err(|_| "a thread ended early")?.map_err(Into::into))
        .collect()
}

/// Stdout of a command, trimmed.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Stderr of a command, trimmed.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
