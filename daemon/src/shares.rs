//! Shares: separate sockets, each of which lends one credential during its lifetime. Containers and far machines use
//! them instead of the daemon's own socket.

mod kept;
mod share;

pub use kept::KeptShare;
pub use share::{Share, Wanted};

use crate::{
    host::process,
    listener::{self, ListenError, Listener},
    live::lock,
};
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use share::DIRECTORY;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::Instant};

/// Longest name, in characters.
const MAX_NAME: usize = 64;
/// Most shares at once: each has a descriptor, and a task.
const MOST: usize = 64;
/// Longest lifetime: a year. Longer means unlimited.
const MAX_TTL: Duration = Duration::from_secs(366 * 24 * 3600);

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

    /// Creates a share, and its socket.
    ///
    /// # Errors
    /// `malformed-request` for a name that is invalid, taken, or too long for a socket's path; `limits` if there are
    /// too many; `source-unavailable` if the system refuses.
    pub fn create(&self, mut wanted: Wanted, now: SystemTime) -> Result<Arc<Share>, Problem> {
        let mut table = lock(&self.table);
        if table.len() >= MOST {
            return Err(Problem::new(Reason::Limits, format!("there are {MOST} shares"))
                .remedy(Remedy::claviger(&["share", "list"])));
        }
        wanted.name = named(wanted.name, &table)?;
        let parent_started = match wanted.parent {
            Some(pid) => Some(process::started(pid).ok_or_else(|| gone(pid))?),
            None => None,
        };
        let ttl = wanted.ttl.filter(|ttl| *ttl <= MAX_TTL);
        let socket = match wanted.gate {
            // Beside the cookie, which this socket asks for.
            true => self.directory.with_file_name(format!("{DIRECTORY}-{}.sock", wanted.name)),
            false => self.directory.join(format!("{}.sock", wanted.name)),
        };
        let listener = listener::bind(&socket).map_err(|error| unbound(&wanted.name, &error))?;
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

    /// Takes over the shares of the last program in this process.
    pub fn inherit(&self, kept: Vec<(KeptShare, Listener)>) {
        let shares = kept.into_iter().filter_map(|(kept, listener)| kept.share(listener));
        lock(&self.table).extend(shares.map(|share| (share.wanted.name.clone(), Arc::new(share))));
    }

    /// Releases them for the next program. Their sockets stay open.
    pub fn keep(&self) -> Vec<(KeptShare, Listener)> {
        std::mem::take(&mut *lock(&self.table)).values().filter_map(|share| share.keep()).collect()
    }

    /// Ends all of them.
    pub fn end(&self) {
        std::mem::take(&mut *lock(&self.table)).values().for_each(|share| share.end());
    }

    /// Removes a share that has ended.
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
    check_name(&name)?;
    match table.contains_key(&name) {
        true => Err(taken(&name)),
        false => Ok(name),
    }
}

/// Checks that a name can be part of the path of a socket.
///
/// # Errors
/// `malformed-request`.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_fit) || name.starts_with(['.', '-']) {
        return Err(Problem::new(Reason::MalformedRequest, "that is not a valid name of a share or gate").hint(
            "use letters, digits, `.`, `_` and `-`, 64 characters at most, and begin with a letter or digit",
        ));
    }
    Ok(())
}

fn taken(name: &str) -> Problem {
    Problem::new(Reason::MalformedRequest, format!("there is a share {name} already"))
        .hint("use another name, or stop it")
        .remedy(Remedy::claviger(&["share", "stop", name]))
}

fn gone(pid: u32) -> Problem {
    Problem::new(
        Reason::MalformedRequest,
        format!("process {pid}, whose end was to end the share, has ended"),
    )
}

fn unbound(name: &str, error: &ListenError) -> Problem {
    match error {
        ListenError::Taken(_) => taken(name),
        _ => Problem::new(
            Reason::SourceUnavailable,
            format!("there is no socket for the share {name}: {error}"),
        )
        .hint("a path of a socket has 107 bytes at most: use a shorter name, or a shorter XDG_RUNTIME_DIR"),
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
            account_id: None,
            confirm: false,
            ttl: None,
            parent: None,
            gate: false,
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
    fn a_time_that_no_clock_reaches_is_not_taken_over() {
        let (_place, shares) = shares();
        make(&shares, "a").expect("made");
        let (kept, listener) = shares.keep().pop().expect("kept");
        let mut text = serde_json::to_value(&kept).expect("JSON");
        text["left"] = serde_json::json!({"secs": u64::MAX, "nanos": 0});
        shares.inherit(vec![(serde_json::from_value(text).expect("read"), listener)]);
        assert!(shares.list().is_empty());
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
