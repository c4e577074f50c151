//! The programs beside the daemon: `clavigerd-fetch`, which fetches, and `clavigerd-gate`, which serves gates. They are
//! opened at the start of the daemon and run through that descriptor, so that replacing or removing a file changes
//! nothing before the next handover.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use crate::live::lock;
use claviger::place::DAEMON_VARIABLES;
use claviger_child::{FETCH_PROGRAM, GATE_PROGRAM, programs_of};
use std::{
    env,
    fs::File,
    io::{self, Write as _},
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// How long a daemon that takes over waits for a matching program: installers replace files one after the other.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two checks.
const EVERY: Duration = Duration::from_millis(50);
/// Memory of streams that have ended goes back to the system (mallopt(3)).
const TRIM: (&str, &str) = ("MALLOC_TRIM_THRESHOLD_", "131072");

/// Both programs.
#[derive(Debug, Default)]
pub struct Programs {
    /// The one that fetches.
    pub fetch: ChildProgram,
    /// The one that serves gates.
    pub gate: ChildProgram,
}

/// A program, and its open file once it was found.
#[derive(Debug, Default)]
pub struct ChildProgram {
    name: &'static str,
    /// Possible paths, in this order.
    candidates: Vec<PathBuf>,
    opened: Mutex<Option<Arc<Opened>>>,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    file: File,
}

// === impl Programs ===

impl Programs {
    /// The programs that belong to the daemon at `daemon`: beside it, else in `../libexec/claviger`. Without one, the
    /// daemon runs, and looks again when it needs it.
    pub fn of(daemon: &Path) -> Self {
        Self { fetch: ChildProgram::of(FETCH_PROGRAM, daemon), gate: ChildProgram::of(GATE_PROGRAM, daemon) }
    }

    /// Waits until the programs are of this release. The one that serves gates may be missing.
    ///
    /// # Errors
    /// The other release of one, or that the one that fetches is missing.
    pub fn match_release(&self) -> Result<(), String> {
        self.fetch.matches()?;
        match self.gate.opened() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            _ => self.gate.matches(),
        }
    }
}

// === impl ChildProgram ===

impl ChildProgram {
    fn of(name: &'static str, daemon: &Path) -> Self {
        let program = Self { name, candidates: programs_of(name, daemon).into(), opened: Mutex::default() };
        if let Err(error) = program.opened() {
            tracing::warn!(%error, program = %program.place(), "a program of the daemon is missing");
        }
        program
    }

    /// Its expected path.
    pub fn place(&self) -> String {
        self.candidates.first().map_or_else(|| self.name.to_owned(), |path| path.display().to_string())
    }

    /// A command that runs it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn command(&self) -> io::Result<Command> {
        let opened = self.opened()?;
        let mut command = Command::new(match cfg!(target_os = "linux") {
            // Resolved in the child, whose descriptors are closed only when the program starts.
            true => PathBuf::from(format!("/proc/self/fd/{}", opened.file.as_raw_fd())),
            false => opened.path.clone(),
        });
        command.arg0(self.name);
        Ok(command)
    }

    /// Lets it serve the gates of the daemon on `socket`, as a process of its own that outlives the daemon. It reads `proof`, which is
    /// short enough for a pipe.
    ///
    /// # Errors
    /// If it cannot be run.
    pub async fn attend(&self, socket: &Path, proof: &str) -> io::Result<()> {
        let mut command = self.command()?;
        command.arg(socket).env_clear().env(TRIM.0, TRIM.1).current_dir("/").process_group(0);
        // It finds the daemon with them, and starts another.
        command.envs(DAEMON_VARIABLES.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(proof.as_bytes())?;
        drop(writer);
        command.stdin(reader).stdout(Stdio::null());
        // It starts a process of its own that serves, and ends.
        let status = tokio::process::Command::from(command).status().await?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("it ended with {status}"))),
        }
    }

    /// Waits until the program is of this release.
    ///
    /// # Errors
    /// Its other release, or that it is missing.
    fn matches(&self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.release() {
                Ok(release) if release == claviger::RELEASE => return Ok(()),
                found if Instant::now() >= end => {
                    return Err(match found {
                        Ok(release) => format!(
                            "{} is release {release}, and this program is release {}",
                            self.place(),
                            claviger::RELEASE
                        ),
                        Err(error) => format!("{} cannot be run: {error}", self.place()),
                    });
                }
                _ => thread::sleep(EVERY),
            }
            // Another file may be there now.
            lock(&self.opened).take();
        }
    }

    fn release(&self) -> io::Result<String> {
        let mut command = self.command()?;
        command.arg("--version").env_clear().stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output()?;
        let line = String::from_utf8_lossy(&output.stdout);
        let release = line.trim().strip_prefix(self.name).map(|release| release.trim().to_owned());
        release.ok_or_else(|| io::Error::other("it does not print its release"))
    }

    fn opened(&self) -> io::Result<Arc<Opened>> {
        let mut known = lock(&self.opened);
        if let Some(opened) = &*known {
            return Ok(opened.clone());
        }
        let mut failure = io::ErrorKind::NotFound.into();
        for path in &self.candidates {
            match File::open(path) {
                Ok(file) => return Ok(known.insert(Arc::new(Opened { path: path.clone(), file })).clone()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}
