//! The process whose end closes a gate.

use claviger::process::Stat;
use std::{fs, time::Duration};

/// Pause between two checks where the kernel has no handle for processes.
const LOOK: Duration = Duration::from_secs(1);

/// Resolves when process `pid`, which started at `started`, has ended.
pub(crate) async fn ended(pid: u32, started: u64) {
    #[cfg(target_os = "linux")]
    if let Some(handle) = handle(pid) {
        // The handle may belong to a later process with the same id.
        if runs(pid, started) {
            drop(handle.readable().await);
        }
        return;
    }
    while runs(pid, started) {
        tokio::time::sleep(LOOK).await;
    }
}

/// A descriptor that becomes readable when the process ends, as the reading end of a pipe does when its writer closes.
#[cfg(target_os = "linux")]
fn handle(pid: u32) -> Option<tokio::net::unix::pipe::Receiver> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let handle = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
    tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(handle).ok()
}

fn runs(pid: u32, started: u64) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => Stat::parse(&text).is_some_and(|stat| !stat.has_ended && stat.started == started),
        // Without /proc, its start time is unknown.
        Err(_) => {
            let pid = i32::try_from(pid).ok().map(nix::unistd::Pid::from_raw);
            started == 0 && pid.is_some_and(|pid| nix::sys::signal::kill(pid, None).is_ok())
        }
    }
}
