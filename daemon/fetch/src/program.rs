//! Runs a program to its end and keeps its output, up to a limit. It stays in this child's process group, so that none
//! of its processes outlives the child.

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

/// How long output is still read after the program has ended: its own output is there, but a remaining child may keep
/// the pipe open.
const GRACE: Duration = Duration::from_millis(250);

/// Treatment of output beyond the limit.
#[derive(Clone, Copy)]
pub(crate) enum Rest {
    /// It is read and dropped, so that the program does not block.
    Read,
    /// The pipe is closed, which ends a program that continues to write.
    Closed,
}

/// Stdout and stderr of `command`, `most` bytes of each, and its exit status. It has no input. If the future is
/// dropped, it is killed.
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
