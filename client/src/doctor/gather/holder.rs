//! Finds the process that holds a socket which does not answer.

use crate::doctor::facts::Holder;
use std::{fs, os::unix::net::UnixStream, path::Path};

/// The process that listens at `socket`; `None` if the kernel does not report it, or for a program of another kind.
pub(super) fn of(socket: &Path) -> Option<Holder> {
    let pid = listener(&UnixStream::connect(socket).ok()?)?;
    let of_process = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    match of_process("comm")?.trim() {
        "clavigerd" => {
            Some(Holder::Daemon { pid, stopped: of_process("stat").is_some_and(|stat| is_stopped(&stat)) })
        }
        "systemd" => Some(Holder::Manager),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
fn listener(stream: &UnixStream) -> Option<i32> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    getsockopt(stream, PeerCredentials).ok().map(|peer| peer.pid())
}

#[cfg(not(target_os = "linux"))]
fn listener(_: &UnixStream) -> Option<i32> {
    None
}

/// The state follows the name, which may contain anything (proc_pid_stat(5)).
fn is_stopped(stat: &str) -> bool {
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['T', 't']))
}

#[cfg(test)]
mod tests {
    use super::is_stopped;

    #[test]
    fn the_state_is_found_behind_any_name() {
        assert!(is_stopped("7 (clavigerd) T 1 7 7") && is_stopped("7 (a) T) t 1"));
        assert!(!is_stopped("7 (T) S 1 7 7") && !is_stopped("7 (a) T) R 1") && !is_stopped(""));
    }
}
