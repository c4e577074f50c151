//! Supervises this child from a separate thread. SDKs read the output of a `credential_process`, and a server's answer,
//! to the end, however long it is; and the programs that they run do not end with them.

use super::answer::say;
use claviger::reason::Reason;
use claviger_child::Declined;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::{getpgrp, getpid, getppid},
};
use std::{io, process, thread, time::Duration};

/// Interval of checks. In that time a fast command prints about 100 MiB.
const EVERY: Duration = Duration::from_millis(50);
/// Most memory of a fetch, in KiB. Usually it needs a few MiB.
const MOST: u64 = 256 * 1024;

/// Ends this process, and everything that it runs, when its parent ends, even by `kill -9`; and when it uses too much
/// memory.
pub(super) fn start() {
    let parent = getppid();
    let watch = move || loop {
        thread::sleep(EVERY);
        if getppid() != parent {
            end_group();
        }
        if resident().is_some_and(|size| size > MOST) {
            give_up();
        }
    };
    // Without it, only deadlines remain.
    drop(thread::Builder::new().name("guard".to_owned()).spawn(watch));
}

fn end_group() -> ! {
    // Started by hand, it may be in the process group of a script.
    if getpgrp() == getpid() {
        let _ = killpg(getpgrp(), Signal::SIGKILL);
    }
    process::exit(1)
}

/// Prints the reason. The daemon ends the rest of the group.
fn give_up() -> ! {
    let message = format!("an answer is too long: it took more than {} MiB of memory", MOST >> 10);
    let declined = Declined::new(Reason::CommandOutputInvalid, message)
        .hint("check what credential_process prints, and which servers are asked");
    // Held to the end, so that nothing else is printed.
    let mut stdout = io::stdout().lock();
    process::exit(i32::from(say(&Err(declined), &mut stdout).is_err()))
}

/// Memory in use, in KiB, if the system reports it in a file.
#[cfg(not(target_os = "macos"))]
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The most memory that was in use so far, in KiB; macOS counts it in bytes.
#[cfg(target_os = "macos")]
fn resident() -> Option<u64> {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).ok()?;
    u64::try_from(usage.max_rss()).ok().map(|bytes| bytes >> 10)
}
