//! Runs a program of the session: its environment, no input, limited output, a deadline.

use crate::program::{Rest, output};
use nix::errno::Errno;
use std::{io, time::Duration};
use tokio::{process::Command, time::timeout};
use zeroize::Zeroizing;

/// Longest output that is kept, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Why there is no output.
pub(super) enum Failure {
    /// There is no such program.
    Absent,
    /// It could not be started.
    NotStarted(io::ErrorKind),
    /// It failed; with its messages, which are not repeated.
    Exit(Option<i32>, Vec<u8>),
    /// It took too long.
    Slow,
    /// It printed too much.
    TooMuch,
}

/// Output of a program on stdout.
pub(super) async fn run(
    program: &str,
    arguments: &[String],
    variables: &[(&str, &str)],
    deadline: Duration,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().copied());
    // One byte more shows that it is too much.
    let ended = timeout(deadline, output(command, MAX_OUTPUT + 1, Rest::Read)).await;
    let ended = ended.map_err(|_| Failure::Slow)?;
    let ended = ended.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => Failure::Absent,
        _ => Failure::NotStarted(error.kind()),
    })?;
    let printed = Zeroizing::new(ended.stdout);
    match ended.status.success() {
        true if printed.len() as u64 > MAX_OUTPUT => Err(Failure::TooMuch),
        true => Ok(printed),
        false => Err(Failure::Exit(ended.status.code(), ended.stderr)),
    }
}
