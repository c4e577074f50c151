//! Runs a program of the session: its environment, no input, a cap on output, a deadline. It stays in this child's process
//! group, so that nothing of it outlives the child.

use nix::errno::Errno;
use std::{io, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::timeout,
};
use zeroize::Zeroizing;

/// Longest output that is kept, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024;
/// How long output is still read after the program has ended: what it wrote is there, a child that it left behind may
/// hold the pipe open.
const GRACE: Duration = Duration::from_millis(250);

/// Why there is no output.
pub(super) enum Failure {
    /// There is no such program.
    Absent,
    /// It could not be started.
    NotStarted(io::ErrorKind),
    /// It did not end with exit code 0. With what it said, which is not repeated.
    Exit(Option<i32>, Vec<u8>),
    /// It took too long.
    Slow,
    /// It printed too much.
    TooMuch,
}

/// What a program prints on stdout.
pub(super) async fn run(
    program: &str,
    arguments: &[String],
    variables: &[(&str, &str)],
    deadline: Duration,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().copied()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => Failure::Absent,
        _ => Failure::NotStarted(error.kind()),
    })?;
    let mut output = Zeroizing::new(Vec::new());
    let (stdout, stderr, mut said) = (child.stdout.take(), child.stderr.take(), Vec::new());
    let ended = timeout(deadline, async {
        let reading = async { tokio::join!(read(stdout, &mut output), read(stderr, &mut said)) };
        tokio::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await,
            ended = child.wait() => {
                drop(timeout(GRACE, reading).await);
                ended
            }
        }
    });
    match ended.await {
        Err(_) => Err(Failure::Slow),
        Ok(Ok(status)) if status.success() && output.len() as u64 > MAX_OUTPUT => Err(Failure::TooMuch),
        Ok(Ok(status)) if status.success() => Ok(output),
        Ok(Ok(status)) => Err(Failure::Exit(status.code(), said)),
        Ok(Err(error)) => Err(Failure::NotStarted(error.kind())),
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    drop((&mut stream).take(MAX_OUTPUT + 1).read_to_end(into).await);
    // What is not wanted is read all the same, so that the program does not wait for ever.
    drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
}
