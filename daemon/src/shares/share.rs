//! One share: its credential, and its lifetime.

use crate::{
    host::{process, vanish::Vanishing},
    listener::Listener,
    live::lock,
};
use claviger::{
    backend::Backend,
    reason::{Problem, Reason},
    session::{ACCOUNT, Names, PROFILE, SessionContext},
};
use std::{
    convert::Infallible,
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    net::UnixListener,
    sync::{mpsc, watch},
    time::{Instant, interval, sleep, sleep_until},
};

/// Directory of the sockets that the other sides get, beside the daemon's own.
pub(super) const DIRECTORY: &str = "share";
/// Interval of checks whether the parent still runs.
const LOOK: Duration = Duration::from_secs(1);
/// First pause before another attempt at a lost socket; pauses double up to [`LATE`].
const SOON: Duration = Duration::from_millis(100);
/// The longest of these pauses: the directory may only return at the next login.
const LATE: Duration = Duration::from_secs(10);

/// A requested share.
#[derive(Debug)]
pub struct Wanted {
    /// Its name; empty: choose one.
    pub name: String,
    /// The session whose credential it lends.
    pub session: Arc<SessionContext>,
    /// Source id of its credential.
    pub source: String,
    /// The receiver of the requests.
    pub backend: Backend,
    /// The account of the local store.
    pub account: Option<String>,
    /// Identity of that account: another of the same name is not lent. Unknown for a share of an earlier release.
    pub account_id: Option<String>,
    /// Its maximum lifetime.
    pub ttl: Option<Duration>,
    /// Whether a person must confirm each lease.
    pub confirm: bool,
    /// The process whose end also ends it.
    pub parent: Option<u32>,
    /// Whether the other side gets a gate, and not this socket.
    pub gate: bool,
}

/// A socket that lends one credential.
pub struct Share {
    /// The request; with its final name.
    pub wanted: Wanted,
    /// Path of its socket.
    pub socket: PathBuf,
    /// When it was created.
    pub created_at: SystemTime,
    /// When it ends at the latest.
    pub ends_at: Option<SystemTime>,
    /// The same on the monotonic clock.
    pub(super) deadline: Option<Instant>,
    /// Start time of the parent: ids are reused.
    pub(super) parent_started: Option<u64>,
    pub(super) lent: AtomicU64,
    pub(super) ended: watch::Sender<bool>,
    pub(super) listener: Mutex<Option<Listener>>,
}

// === impl Share ===

impl Share {
    /// Its socket, for accepting connections. It stays open until the share ends.
    ///
    /// # Errors
    /// If the share has ended, or no descriptor is left.
    pub fn accept(&self) -> io::Result<UnixListener> {
        let listener = lock(&self.listener);
        let socket = listener.as_ref().ok_or_else(|| io::Error::other("the share has ended"))?;
        UnixListener::from_std(socket.socket.try_clone()?)
    }

    /// Keeps its socket file in place, like the daemon's own: a logout removes the directory, and the next login
    /// creates it again. Sends each new socket to `next`.
    pub async fn stay(&self, next: mpsc::Sender<UnixListener>) -> Infallible {
        let mut pause = SOON;
        loop {
            let watch = Vanishing::from(self.socket.parent().unwrap_or(Path::new("/")));
            let is_there =
                || lock(&self.listener).as_ref().and_then(Listener::left).is_some_and(|file| file.is_there());
            while is_there() {
                watch.changed().await;
                pause = SOON;
            }
            match self.bind_again() {
                Ok(socket) => {
                    tracing::warn!(path = %self.socket.display(), "the socket of a share was gone: there is a new one");
                    drop(next.send(socket).await);
                    // The cause of its removal may continue.
                    sleep(SOON).await;
                }
                Err(error) => {
                    tracing::warn!(%error, name = self.wanted.name, "a share has no socket, and none can be created");
                    sleep(pause).await;
                    pause = (pause * 2).min(LATE);
                }
            }
        }
    }

    fn bind_again(&self) -> io::Result<UnixListener> {
        if let Some(listener) = lock(&self.listener).as_mut() {
            listener.bind_again(&self.socket).map_err(io::Error::other)?;
        }
        self.accept()
    }

    /// Ends it, and removes its socket.
    pub fn end(&self) {
        self.ended.send_replace(true);
        drop(lock(&self.listener).take());
    }

    /// Whether it has ended: it was stopped, its time is over by either clock, or its parent is gone.
    pub fn is_over(&self, now: SystemTime) -> bool {
        let is_late = self.ends_at.is_some_and(|at| now >= at)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        *self.ended.borrow() || is_late || !self.has_parent()
    }

    fn has_parent(&self) -> bool {
        self.wanted.parent.is_none_or(|pid| process::started(pid) == self.parent_started)
    }

    /// Resolves when it was stopped.
    pub async fn stopped(&self) {
        drop(self.ended.subscribe().wait_for(|ended| *ended).await);
    }

    /// Resolves when it has ended for any reason.
    pub async fn over(&self, now: impl Fn() -> SystemTime) {
        let late = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let looks = async {
            let mut looks = interval(LOOK);
            while !self.is_over(now()) {
                looks.tick().await;
            }
        };
        // A share without its own end needs no check.
        let looked = async {
            match self.wanted.parent.is_some() || self.ends_at.is_some() {
                true => looks.await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stopped() => {}
            () = late => {}
            () = looked => {}
        }
    }

    /// The path of the socket that the other side gets. With a gate, the share's own socket is for the program that serves the gate.
    pub fn offered(&self) -> PathBuf {
        match self.wanted.gate {
            true => self.socket.with_file_name(DIRECTORY).join(format!("{}.sock", self.wanted.name)),
            false => self.socket.clone(),
        }
    }

    /// The chosen AWS profile.
    pub fn profile(&self) -> Option<&str> {
        self.wanted.session.chosen.get(PROFILE).map(String::as_str)
    }

    /// Permits a caller to borrow that names the share's credential, or nothing.
    ///
    /// # Errors
    /// `foreign-caller` for the name of anything else.
    pub fn lends(&self, names: &Names) -> Result<(), Problem> {
        let own = [(ACCOUNT, self.wanted.account.as_deref()), (PROFILE, self.profile())];
        for (name, own) in own {
            if let Some(wanted) = names.chosen.get(name)
                && own != Some(wanted)
            {
                let lent = own.unwrap_or(&self.wanted.source);
                return Err(self.refuses(&format!("it lends {lent}, and {name} asks for another")));
            }
        }
        match names.backend {
            Some(backend) if backend != self.wanted.backend => Err(self.refuses("it is for another backend")),
            _ => Ok(()),
        }
    }

    /// The share does not lend the requested credential.
    pub fn refuses(&self, why: &str) -> Problem {
        Problem::new(
            Reason::ForeignCaller,
            format!("the share {} lends one credential: {why}", self.wanted.name),
        )
        .hint("leave the name out, or ask for another share on the daemon's machine")
    }

    /// Counts a loan.
    pub fn count(&self) {
        self.lent.fetch_add(1, Relaxed);
    }

    /// Number of loans.
    pub fn lent(&self) -> u64 {
        self.lent.load(Relaxed)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({})", self.wanted.name)
    }
}
