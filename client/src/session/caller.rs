//! Identifies the running session of a tool that has called: its process. The shell between is a new one each time.
//!
//! The client looks it up, not the daemon: the kernel's answer has the same meaning in a container or at the other end
//! of a forwarded socket, where the daemon sees one `sshd` for every caller. It grants no permission.

use claviger::process::Stat;
use std::fs;

/// Shells with which tools run their hooks.
const SHELLS: [&str; 8] = ["sh", "dash", "bash", "ash", "ksh", "mksh", "zsh", "fish"];
/// Most processes between us and the tool: a shell, and a wrapper around it.
const MAX_STEPS: usize = 4;

/// A process, from `/proc`.
#[derive(Debug, Default, PartialEq)]
struct Process {
    pid: u32,
    parent: u32,
    /// Start time in ticks since boot. It distinguishes processes with the same id: ids are reused.
    started: u64,
    arguments: Vec<String>,
}

/// Identity of the tool's session that called; empty if unknown.
pub(crate) fn session() -> String {
    let parent = std::os::unix::process::parent_id();
    let Some(tool) = tool_above(parent, read) else { return String::new() };
    // The process ids of another machine or container are not ours.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {} {} {}", boot.trim_end(), space.display(), tool.pid, tool.started)
}

/// The first process from `pid` upwards that is not a shell which only runs a command. `None` if the tool has ended:
/// the process that adopts its orphans is not a session.
fn tool_above(mut pid: u32, read: impl Fn(u32) -> Option<Process>) -> Option<Process> {
    for _ in 0..MAX_STEPS {
        let process = read(pid).filter(|process| process.pid > 1)?;
        if !runs_a_command(&process.arguments) {
            return Some(process);
        }
        pid = process.parent;
    }
    None
}

/// Whether this is a shell with `-c COMMAND`. A shell that reads a script or a terminal is itself a tool.
fn runs_a_command(arguments: &[String]) -> bool {
    let Some((program, rest)) = arguments.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or_default();
    let mut options = rest.iter().take_while(|word| word.starts_with('-'));
    SHELLS.contains(&name) && options.any(|option| !option.starts_with("--") && option.contains('c'))
}

fn read(pid: u32) -> Option<Process> {
    let Stat { parent, started, .. } = Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0);
    let arguments = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    Some(Process { pid, parent, started, arguments })
}

#[cfg(test)]
mod tests {
    use super::{Process, read, runs_a_command, tool_above};

    fn process(pid: u32, parent: u32, line: &str) -> Process {
        Process { pid, parent, started: 7, arguments: line.split(' ').map(str::to_owned).collect() }
    }

    #[test]
    fn shells_that_run_a_command_are_passed_over() {
        let tree = [
            process(1, 0, "init"),
            process(5, 1, "bash"),
            process(6, 5, "node claude -c"),
            process(7, 6, "/bin/sh -c claviger"),
            process(8, 7, "bash -lc claviger"),
            process(9, 5, "sh script"),
            process(10, 1, "sh -c claviger"),
        ];
        let find = |pid| {
            let read = |pid| {
                let of = tree.iter().find(|process| process.pid == pid)?;
                Some(Process { arguments: of.arguments.clone(), ..*of })
            };
            tool_above(pid, read).map(|process| process.pid)
        };
        assert_eq!([6, 7, 8].map(find), [Some(6); 3]);
        assert_eq!((find(5), find(9)), (Some(5), Some(9)), "a shell that is used is a tool");
        assert_eq!((find(10), find(1), find(99)), (None, None, None), "orphans have no session");
    }

    #[test]
    fn what_runs_a_command() {
        for (line, expected) in [
            ("sh -c x", true),
            ("/bin/bash -euc x", true),
            ("zsh -f -c x", true),
            ("-bash", false),
            ("bash --rcfile x", false),
            ("sh x -c", false),
            ("node -c", false),
        ] {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(runs_a_command(&words), expected, "{line}");
        }
    }

    #[test]
    fn we_are_found_ourselves() {
        if cfg!(target_os = "linux") {
            let own = read(std::process::id()).expect("in /proc");
            assert_eq!(own.parent, std::os::unix::process::parent_id());
            assert!(own.started > 0);
        }
    }
}
