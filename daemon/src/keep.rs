//! The socket file can vanish while the daemon runs: a person removes it, or a logout removes its directory. The daemon
//! then listens again, at the same place or in the state directory. If a service manager created the socket, the daemon
//! ends.

use crate::{
    config::Paths,
    cookie::Cookie,
    host::vanish::Vanishing,
    listener::{Left, ListenError, Listener},
    live::lock,
    seat::Seat,
};
use claviger::{place::seat, socket::SOCKET_NAME};
use std::{io, path::Path, sync::Mutex, time::Duration};
use tokio::{
    net::UnixListener,
    sync::mpsc,
    time::{sleep, timeout},
};

/// First pause after the socket was lost: whatever removes it may continue, and a file system that is detached sends no
/// event.
const SOON: Duration = Duration::from_millis(100);
/// After this pause, events are enough again. Pauses double up to it.
const QUIET: Duration = Duration::from_secs(60);

/// The daemon's socket and its alternative.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The socket.
    pub listener: &'a Mutex<Listener>,
    /// Where sessions look if they do not find it.
    pub seat: Option<&'a Seat>,
    /// The cookie beside it.
    pub cookie: &'a Cookie,
}

/// Keeps the socket file in place, and sends each new socket to `next`. Resolves if the daemon has to end: another one
/// has its place.
pub async fn keep(kept: Kept<'_>, paths: &Paths, next: mpsc::Sender<UnixListener>) {
    let Some(mut file) = lock(kept.listener).file() else { return std::future::pending().await };
    let mut pause = QUIET;
    loop {
        let watch = Vanishing::from(file.path().parent().unwrap_or(Path::new("/")));
        while file.is_there() {
            match pause < QUIET {
                true => drop(timeout(pause, watch.changed()).await),
                false => watch.changed().await,
            }
            pause = (pause * 2).min(QUIET);
        }
        if lock(kept.listener).is_inherited() {
            tracing::warn!(path = %file.path().display(), "the service manager's socket is gone: the daemon ends");
            return;
        }
        match again(kept, paths, &file) {
            Ok((socket, now)) => {
                tracing::warn!(path = %now.path().display(), "the socket was gone: there is a new one");
                file = now;
                if next.send(socket).await.is_err() {
                    return;
                }
            }
            Err(ListenError::Taken(path)) => {
                tracing::warn!(path = %path.display(), "another daemon listens in this one's place: this one ends");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "there is no socket, and none can be created");
                sleep(pause).await;
            }
        }
        pause = SOON;
    }
}

/// Listens at the same place, or else in the state directory.
fn again(kept: Kept<'_>, paths: &Paths, before: &Left) -> Result<(UnixListener, Left), ListenError> {
    let mut listener = lock(kept.listener);
    let bound = match listener.bind_again(before.path()) {
        Err(error @ ListenError::Taken(_)) => return Err(error),
        Err(error) => {
            tracing::warn!(%error, "the socket moves to the state directory");
            listener.bind_again(&seat(&paths.state).join(SOCKET_NAME))
        }
        bound => bound,
    };
    bound?;
    let failed = |action| {
        let path = before.path().to_owned();
        move |cause: io::Error| ListenError::Failed { action, path, cause }
    };
    let socket = listener.socket.try_clone().and_then(UnixListener::from_std).map_err(failed("listen at"))?;
    let now = listener.left().ok_or_else(|| failed("look at")(io::ErrorKind::NotFound.into()))?;
    drop(listener);
    kept.cookie.follow(now.path());
    if let Some(Err(error)) = kept.seat.map(|seat| seat.moved(now.path())) {
        tracing::warn!(%error, "sessions with another environment do not find this daemon");
    }
    Ok((socket, now))
}
