//! `clavigerd-gate SOCKET`: serves the gates of the daemon on that socket, in a process that outlives the daemon.

#![forbid(unsafe_code)]

use claviger_child::GATE_PROGRAM;
use std::{
    env, io,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
};

/// First argument of the process that serves.
const SERVE: &str = "--serve";

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let done = match (words.next(), words.next()) {
        (Some(word), None) if word == "--version" => {
            println!("{GATE_PROGRAM} {}", claviger::RELEASE);
            Ok(())
        }
        (Some(word), Some(socket)) if word == SERVE => clavigerd_gate::run(&PathBuf::from(socket)),
        (Some(socket), None) => start(&PathBuf::from(socket)),
        _ => Err(io::Error::other("it takes the path of the daemon's socket; the daemon runs it")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{GATE_PROGRAM}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the process that serves. So it is not a child of the daemon, which may become another program.
fn start(socket: &PathBuf) -> io::Result<()> {
    // The file at the path may belong to another release by now.
    let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { env::current_exe()? };
    let mut command = Command::new(program);
    // What the daemon wrote to standard input is for that process.
    command.arg0(GATE_PROGRAM).arg(SERVE).arg(socket).stdout(Stdio::null());
    command.spawn().map(drop)
}
