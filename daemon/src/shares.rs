//! Shares: sockets of their own, each of which lends one credential for as long as it lasts. What containers and far
//! machines get instead of the daemon's own socket.

mod kept;

pub use kept::KeptShare;

use crate::{
    host::system,
    listener::{self, ListenError, Listener},
    lock::lock,
};
use claviger::{
    backend::Backend,
    reason::{Problem, Reason},
    remedy::Remedy,
    session::{ACCOUNT, Names, PROFILE, SessionContext},
};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    sync::watch,
    time::{Instant, interval, sleep_until},
};

/// Directory of the sockets, beside that of the daemon.
const DIRECTORY: &str = "share";
/// Longest name, in characters.
const MAX_NAME: usize = 64;
/// Most shares at once: each has a descriptor, and a task.
const MOST: usize = 64;
/// How often to look whether the parent still runs.
const LOOK: Duration = Duration::from_secs(1);
/// Longest time to live: a year. Longer is for ever.
const MAX_TTL: Duration = Duration::from_secs(366 * 24 * 3600);

/// What a share is to be.
#[derive(Debug)]
pub struct Wanted {
    /// Its name; empty: any.
    pub name: String,
    /// The session whose credential it lends.
    pub session: Arc<SessionContext>,
    /// Source id of that.
    pub source: String,
    /// Who receives the requests.
    pub backend: Backend,
    /// The account of the local store.
    pub account: Option<String>,
    /// How long it lasts at most.
    pub ttl: Option<Duration>,
    /// The process that it ends with.
    pub parent: Option<u32>,
}

/// A socket that lends one credential.
pub struct Share {
    /// What was asked for; its name is the one that it has.
    pub wanted: Wanted,
    /// Path of its socket.
    pub socket: PathBuf,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it ends at the latest.
    pub ends_at: Option<SystemTime>,
    /// The same on a clock that nobody sets.
    deadline: Option<Instant>,
    /// When the parent started: process ids are used again.
    parent_started: Option<u64>,
    lent: AtomicU64,
    ended: watch::Sender<bool>,
    listener: Mutex<Option<Listener>>,
}

/// All shares, by name.
#[derive(Debug)]
pub struct Shares {
    directory: PathBuf,
    table: Mutex<BTreeMap<String, Arc<Share>>>,
}

// === impl Shares ===

impl Shares {
    /// The shares of the daemon on `socket`: none yet.
    pub fn of(socket: &Path) -> Self {
        Self { directory: socket.with_file_name(DIRECTORY), table: Mutex::default() }
    }

    /// Makes a share, and its socket.
    ///
    /// # Errors
    /// `malformed-request` for a name that is none, is taken, or whose path is too long for a socket; `limits` if there are too
    /// many; `source-unavailable` if the system says no.
    pub fn create(&self, mut wanted: Wanted, now: SystemTime) -> Result<Arc<Share>, Problem> {
        let mut table = lock(&self.table);
        if table.len() >= MOST {
            return Err(Problem::new(Reason::Limits, format!("there are {MOST} shares"))
                .remedy(Remedy::claviger(&["share", "list"])));
        }
        wanted.name = named(wanted.name, &table)?;
        let parent_started = match wanted.parent {
            Some(pid) => Some(system::started(pid).ok_or_else(|| gone(pid))?),
            None => None,
        };
        let ttl = wanted.ttl.filter(|ttl| *ttl <= MAX_TTL);
        let socket = self.directory.join(format!("{}.sock", wanted.name));
        let listener = listener::bind_share(&socket).map_err(|error| unbound(&wanted.name, &error))?;
        let share = Arc::new(Share {
            socket,
            created_at: now,
            ends_at: ttl.map(|ttl| now + ttl),
            deadline: ttl.map(|ttl| Instant::now() + ttl),
            parent_started,
            lent: AtomicU64::new(0),
            ended: watch::Sender::new(false),
            listener: Mutex::new(Some(listener)),
            wanted,
        });
        table.insert(share.wanted.name.clone(), share.clone());
        Ok(share)
    }

    /// The shares, by name.
    pub fn list(&self) -> Vec<Arc<Share>> {
        lock(&self.table).values().cloned().collect()
    }

    /// Ends the share of this name. False if there is none.
    pub fn stop(&self, name: &str) -> bool {
        let share = lock(&self.table).remove(name);
        share.is_some_and(|share| {
            share.end();
            true
        })
    }

    /// Takes over those of the last program in this process.
    pub fn inherit(&self, kept: Vec<(KeptShare, Listener)>) {
        let shares = kept.into_iter().filter_map(|(kept, listener)| kept.share(listener));
        lock(&self.table).extend(shares.map(|share| (share.wanted.name.clone(), Arc::new(share))));
    }

    /// Gives them up to the next program. Their sockets stay open.
    pub fn keep(&self) -> Vec<(KeptShare, Listener)> {
        std::mem::take(&mut *lock(&self.table)).values().filter_map(|share| share.keep()).collect()
    }

    /// Ends all of them.
    pub fn end(&self) {
        std::mem::take(&mut *lock(&self.table)).values().for_each(|share| share.end());
    }

    /// Forgets a share that has ended.
    pub fn forget(&self, share: &Share) {
        share.end();
        lock(&self.table).retain(|_, kept| !std::ptr::eq(&raw const **kept, share));
    }
}

fn named(name: String, table: &BTreeMap<String, Arc<Share>>) -> Result<String, Problem> {
    if name.is_empty() {
        let mut free = (1..).map(|number| format!("share-{number}")).filter(|name| !table.contains_key(name));
        return Ok(free.next().unwrap_or_default());
    }
    let is_fit = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if name.len() > MAX_NAME || !name.chars().all(is_fit) || name.starts_with(['.', '-']) {
        return Err(Problem::new(Reason::MalformedRequest, "that is not a name of a share").hint(
            "take letters, digits, `.`, `_` and `-`, 64 characters at most, and begin with a letter or digit",
        ));
    }
    match table.contains_key(&name) {
        true => Err(taken(&name)),
        false => Ok(name),
    }
}

fn taken(name: &str) -> Problem {
    Problem::new(Reason::MalformedRequest, format!("there is a share {name} already"))
        .hint("take another name, or stop it")
        .remedy(Remedy::claviger(&["share", "stop", name]))
}

fn gone(pid: u32) -> Problem {
    Problem::new(
        Reason::MalformedRequest,
        format!("process {pid}, which the share was to end with, has ended"),
    )
}

fn unbound(name: &str, error: &ListenError) -> Problem {
    match error {
        ListenError::Taken(_) => taken(name),
        _ => Problem::new(
            Reason::SourceUnavailable,
            format!("there is no socket for the share {name}: {error}"),
        )
        .hint("a path of a socket has 107 bytes at most: take a shorter name, or a shorter XDG_RUNTIME_DIR"),
    }
}

// === impl Share ===

impl Share {
    /// Its socket, to accept connections from. It stays open until the share ends.
    ///
    /// # Errors
    /// If the share has ended, or no descriptor is left.
    pub fn accept(&self) -> std::io::Result<tokio::net::UnixListener> {
        let listener = lock(&self.listener);
        let socket = listener.as_ref().ok_or_else(|| std::io::Error::other("the share has ended"))?;
        tokio::net::UnixListener::from_std(socket.socket.try_clone()?)
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
        self.wanted.parent.is_none_or(|pid| system::started(pid) == self.parent_started)
    }

    /// Resolves when it was stopped.
    pub async fn stopped(&self) {
        drop(self.ended.subscribe().wait_for(|ended| *ended).await);
    }

    /// Resolves when it has ended for whatever reason.
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
        // What has no end of its own needs no look.
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

    /// The profile of AWS that was chosen.
    pub fn profile(&self) -> Option<&str> {
        self.wanted.session.chosen.get(PROFILE).map(String::as_str)
    }

    /// Lets somebody borrow who names what it lends, or nothing.
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

    /// It does not lend what somebody wants of it.
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

    /// How often it has lent.
    pub fn lent(&self) -> u64 {
        self.lent.load(Relaxed)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({})", self.wanted.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, Share, Shares, Wanted};
    use claviger::{
        backend::Backend,
        session::{ACCOUNT, Names, SessionContext},
    };
    use std::{
        os::unix::{fs::PermissionsExt as _, net::UnixStream},
        sync::Arc,
        time::{Duration, SystemTime},
    };
    use tempfile::TempDir;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn wanted(name: &str) -> Wanted {
        let session = SessionContext::new("/".into(), Vec::new()).expect("a session");
        Wanted {
            name: name.into(),
            session: Arc::new(session),
            source: "oauth-login".into(),
            backend: Backend::Anthropic,
            account: Some("work".into()),
            ttl: None,
            parent: None,
        }
    }

    fn shares() -> (TempDir, Shares) {
        let place = tempfile::tempdir().expect("a directory");
        let shares = Shares::of(&place.path().join("claviger.sock"));
        (place, shares)
    }

    fn make(shares: &Shares, name: &str) -> Option<Arc<Share>> {
        shares.create(wanted(name), START).ok()
    }

    #[test]
    fn a_socket_lasts_as_long_as_its_share() {
        let (place, shares) = shares();
        let share = make(&shares, "box").expect("made");
        assert_eq!(share.socket, place.path().join("share/box.sock"));
        let mode =
            |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&share.socket), mode(&place.path().join("share"))), (0o600, 0o700));
        assert!(UnixStream::connect(&share.socket).is_ok() && !share.is_over(START));
        assert!(make(&shares, "box").is_none(), "taken");
        assert!(shares.stop("box") && !shares.stop("box"));
        assert!(share.is_over(START) && !share.socket.exists());
        assert!(make(&shares, "box").is_some());
    }

    #[test]
    fn names_are_plain() {
        let (_place, shares) = shares();
        for wrong in ["a/b", "..", ".a", "-a", "a b", "ä", "a\n", &"a".repeat(MAX_NAME + 1)] {
            assert!(make(&shares, wrong).is_none(), "{wrong:?}");
        }
        let unnamed = || make(&shares, "").expect("made").wanted.name.clone();
        assert_eq!([unnamed(), unnamed()], ["share-1", "share-2"]);
        assert_eq!(shares.list().len(), 2);
    }

    #[test]
    fn its_time_ends_by_either_clock() {
        let (_place, shares) = shares();
        let ttl = Some(Duration::from_secs(60));
        let share = shares.create(Wanted { ttl, ..wanted("a") }, START).expect("made");
        assert!(!share.is_over(START + Duration::from_secs(59)));
        assert!(share.is_over(START + Duration::from_secs(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_does_not_lengthen_it() {
        let (_place, shares) = shares();
        let ttl = Some(Duration::from_secs(60));
        let share = shares.create(Wanted { ttl, ..wanted("a") }, START).expect("made");
        share.over(|| START).await;
        assert!(share.is_over(START));
    }

    #[test]
    fn it_ends_with_its_parent() {
        let (_place, shares) = shares();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("it runs");
        let parent = Some(child.id());
        let share = shares.create(Wanted { parent, ..wanted("a") }, START).expect("made");
        assert!(!share.is_over(START));
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(share.is_over(START));
        assert!(shares.create(Wanted { parent, ..wanted("b") }, START).is_err());
    }

    #[test]
    fn it_lends_what_it_is_for() {
        let (_place, shares) = shares();
        let share = make(&shares, "a").expect("made");
        let account = |name: &str| Names { chosen: [(ACCOUNT.into(), name.into())].into(), backend: None };
        assert!(share.lends(&Names::default()).is_ok() && share.lends(&account("work")).is_ok());
        assert!(share.lends(&account("home")).is_err());
        let of = |backend| Names { backend: Some(backend), ..Names::default() };
        assert!(share.lends(&of(Backend::Anthropic)).is_ok() && share.lends(&of(Backend::Bedrock)).is_err());
    }
}
