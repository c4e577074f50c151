//! A daemon in a process of its own.

use super::{signal, wait};
use std::{
    fs,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

/// A daemon that ends with this value.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts `command`, and waits until it listens on `socket`. What it logs is added to the file `log`.
    pub(super) fn start(mut command: Command, log: &Path, socket: &Path) -> Self {
        let log = fs::File::options().create(true).append(true).open(log).expect("log");
        command.args(["--log", "trace"]).stdout(Stdio::null()).stderr(log);
        let daemon = Self { child: command.spawn().expect("clavigerd runs") };
        wait::until("the daemon listens", || UnixStream::connect(socket).is_ok());
        daemon
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// Sends SIGTERM and returns how it ended.
    pub fn terminate(self) -> ExitStatus {
        self.end("TERM")
    }

    /// Sends a signal and returns how it ended.
    pub fn end(mut self, name: &str) -> ExitStatus {
        signal(self.pid(), name);
        self.child.wait().expect("wait")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked first, so that its log and audit log are complete when they are scanned.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            signal(self.pid(), "TERM");
            wait::holds_within(Duration::from_secs(6), || {
                self.child.try_wait().is_ok_and(|ended| ended.is_some())
            });
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
