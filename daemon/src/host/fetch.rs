//! The program that fetches (`clavigerd-fetch`). It is opened at the start of the daemon and run through that
//! descriptor, so that replacing or removing the file changes nothing before the next handover.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use crate::live::lock;
use claviger_child::{FETCH_PROGRAM, fetch_programs};
use std::{
    fs::File,
    io,
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

/// The program, and its open file once it was found.
#[derive(Debug, Default)]
pub struct FetchProgram {
    /// Possible paths, in this order.
    candidates: Vec<PathBuf>,
    opened: Mutex<Option<Arc<Opened>>>,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    file: File,
}

impl FetchProgram {
    /// The program that belongs to the daemon at `daemon`: beside it, else in `../libexec/claviger`. Without one, the
    /// daemon runs, and looks again when it needs it.
    pub fn of(daemon: &Path) -> Self {
        let program = Self { candidates: fetch_programs(daemon).into(), opened: Mutex::default() };
        if let Err(error) = program.opened() {
            tracing::warn!(%error, program = %program.place(), "the program that fetches is missing");
        }
        program
    }

    /// Its expected path.
    pub fn place(&self) -> String {
        self.candidates.first().map_or_else(|| FETCH_PROGRAM.to_owned(), |path| path.display().to_string())
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
        command.arg0(FETCH_PROGRAM);
        Ok(command)
    }

    /// Waits until the program is of this release.
    ///
    /// # Errors
    /// Its other release, or that it is missing.
    pub fn matches(&self) -> Result<(), String> {
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
        let release = line.trim().strip_prefix(FETCH_PROGRAM).map(|release| release.trim().to_owned());
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
