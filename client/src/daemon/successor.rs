//! The end of a daemon, and its successor.

use crate::{daemon::wait, failure::Failure, session::context::Context};
use claviger::{
    client::{Client, ConnectError, request_any, unwrap_any},
    proto::v1::{GetVersionRequest, StopRequest},
};
use nix::{sys::signal::kill, unistd::Pid};
use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

/// How often to check whether a stopping daemon has ended.
const POLL: Duration = Duration::from_millis(20);
/// Time limit for its end after it has answered all requests: it finishes refreshes, for 5 s at most.
const LAST_WORK: Duration = Duration::from_secs(6);

/// Ends the daemon and waits until it has ended. `None` if none runs.
///
/// # Errors
/// Why it could not be asked.
pub(crate) async fn end(context: &Context) -> Result<Option<u32>, Failure> {
    let client = match context.connect_running().await {
        Ok(client) => client,
        Err(ConnectError::Unreachable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut service = client.control();
    let socket = client.socket().to_owned();
    let served = inode(&socket);
    let pid = wait::answer(context, async { unwrap_any(service.stop(request_any(StopRequest {})).await) })
        .await?
        .pid;
    let gone = async {
        gone(&client).await;
        // Until it has ended it holds the socket, and would refuse the next caller.
        let ended = async {
            while inode(&socket) == served && is_alive(pid) {
                tokio::time::sleep(POLL).await;
            }
        };
        drop(tokio::time::timeout(LAST_WORK, ended).await);
        Ok(())
    };
    wait::answer(context, gone).await?;
    Ok(Some(pid))
}

/// Waits until the daemon has closed this connection. Opening another one could start a new daemon.
pub(crate) async fn gone(client: &Client) {
    while client.inspect().get_version(request_any(GetVersionRequest {})).await.is_ok() {
        tokio::time::sleep(POLL).await;
    }
}

/// The release of the successor. Its socket was never closed.
pub(crate) async fn successor(socket: &Path) -> Result<String, Failure> {
    let mut client = Client::connect(socket).await?;
    let asked = client.call(|client| async move {
        unwrap_any(client.inspect().get_version(request_any(GetVersionRequest {})).await)
    });
    Ok(asked.await?.version.unwrap_or_default().release)
}

/// Identity of the socket file. A daemon that created its socket removes it just before it ends.
fn inode(socket: &Path) -> Option<u64> {
    fs::symlink_metadata(socket).ok().map(|found| found.ino())
}

/// Whether such a process exists. The pid of a daemon in another container can be any process here.
fn is_alive(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None).is_ok())
}
