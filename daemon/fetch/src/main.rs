//! `clavigerd-fetch`: one request on stdin, one answer on stdout. The daemon runs it; its arguments only label it in a
//! list of processes.

use std::process::ExitCode;

fn main() -> ExitCode {
    match clavigerd_fetch::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", claviger_child::FETCH_PROGRAM);
            ExitCode::FAILURE
        }
    }
}
