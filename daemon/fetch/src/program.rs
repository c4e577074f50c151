//! Runs a program to its end and keeps what it prints, up to a limit. It stays in this child's process group, so that nothing of it
//! outlives the child.

use std::{
    io,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::timeout,
};

/// How long output is still read after the program has ended: what it wrote is there, a child that it left behind may
/// hold the pipe open.
const GRACE: Duration = Duration::from_millis(250);

/// What becomes of output past the limit.
#[derive(Clone, Copy)]
pub(crate) enum Rest {
    /// It is read all the same, so that the program does not wait for ever.
    Read,
    /// The pipe is closed, which ends a program that goes on writing.
    Closed,
}

/// What `command` prints and says, `most` bytes of each, and how it ends. It has no input. If the future is dropped, it is killed.
///
/// # Errors
/// If it cannot be started, or waited for.
pub(crate) async fn output(mut command: Command, most: u64, rest: Rest) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let streams = (child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async {
            tokio::join!(read(streams.0, &mut stdout, most, rest), read(streams.1, &mut stderr, most, rest))
        };
        tokio::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await,
            ended = child.wait() => {
                drop(timeout(GRACE, reading).await);
                ended
            }
        }
    };
    Ok(Output { status: status?, stdout, stderr })
}

async fn read(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, most: u64, rest: Rest) {
    let Some(mut stream) = stream else { return };
    drop((&mut stream).take(most).read_to_end(into).await);
    if let Rest::Read = rest {
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    }
}
