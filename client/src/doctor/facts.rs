//! What checks look at. Gathered at the edge, judged purely. No field may hold a secret; none of this has Debug, because
//! proxies and paths may hold what is private.

use crate::service::units::State;
use claviger::{
    proto::v1::{Account, ExplainResponse},
    reason::{Location, Problem},
    remedy::Remedy,
};
use claviger_child::ProbeResult;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// Everything that was found out.
#[derive(Default)]
pub(crate) struct Facts {
    /// The session's directory.
    pub(crate) directory: String,
    /// The socket that the command line names; `None` if it names none.
    pub(crate) socket: Option<String>,
    /// Whether a variable of the session names the socket.
    pub(crate) names_socket: bool,
    /// Who we are.
    pub(crate) uid: u32,
    /// Variables of the session that hold no secret, and few more that only tools read.
    pub(crate) variables: BTreeMap<String, String>,
    /// Secret variables that the session has.
    pub(crate) present: BTreeSet<String>,
    /// Variables that cannot be used as they are.
    pub(crate) malformed: Vec<Malformed>,
    /// Files, directories and sockets.
    pub(crate) places: Vec<PathFact>,
    /// Files with certificates.
    pub(crate) certificates: Vec<Certificates>,
    /// Programs that settings and tools' files name.
    pub(crate) programs: Vec<Program>,
    /// Values of settings files.
    pub(crate) settings: Vec<Setting>,
    /// What the files of Google's tools say.
    pub(crate) google: Google,
    /// What a service manager would start.
    pub(crate) units: Vec<Unit>,
    /// Whether it has given up.
    pub(crate) units_failed: bool,
    /// Why another daemon would not start, though one runs.
    pub(crate) next_start: Option<Problem>,
    /// The daemon.
    pub(crate) daemon: Daemon,
    /// How the credential is found, after it was asked for.
    pub(crate) explained: Option<Result<ExplainResponse, Problem>>,
    /// Whether it can be had.
    pub(crate) credential: Option<Credential>,
    /// The configuration that the session's environment leads to, and the daemon's, if that is another.
    pub(crate) other_config: Option<(PathBuf, PathBuf)>,
    /// Accounts of the local store.
    pub(crate) accounts: Vec<Account>,
    /// The keyring, if an account is kept there.
    pub(crate) keyring: Option<ProbeResult>,
    /// The endpoint in use.
    pub(crate) endpoint: Option<Endpoint>,
    /// What was not looked at, and why.
    pub(crate) unchecked: Vec<Unchecked>,
}

/// A variable that cannot be used as it is.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// Its name.
    pub(crate) name: String,
    /// What is wrong with it.
    pub(crate) what: String,
    /// Whether a session that has it gets nothing; else only a server would not take its value.
    pub(crate) is_refused: bool,
}

/// Something in the filesystem that should be private, or safe from others.
pub(crate) struct PathFact {
    pub(crate) path: PathBuf,
    pub(crate) role: Role,
    pub(crate) found: Found,
}

/// What a place should be.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// A directory of claviger's own: no other user may look in.
    OwnDirectory,
    /// A file of claviger's own: no other user may read it.
    OwnFile,
    /// The socket.
    Socket,
    /// A file with secrets of a tool.
    SecretFile,
    /// A directory with settings: no other user may write.
    Directory,
    /// A file with settings, or a program: no other user may write.
    File,
}

/// What a place is. What does not exist is not a fact.
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Permission bits.
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
}

/// What kind of thing it is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    File,
    Directory,
    Socket,
    Other,
}

/// Whose it is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Owner {
    Us,
    Root,
    Other(u32),
}

/// A variable that names certificates.
pub(crate) struct Certificates {
    pub(crate) variable: String,
    pub(crate) at: Option<Location>,
    pub(crate) path: PathBuf,
    pub(crate) fault: Option<Fault>,
}

/// What is wrong with a file of certificates.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    Missing,
    Unreadable,
    NotPem,
}

/// A program that something names.
pub(crate) struct Program {
    /// The setting or key that names it.
    pub(crate) name: String,
    pub(crate) word: String,
    pub(crate) at: Location,
    /// Whether it is claviger itself.
    pub(crate) hook: bool,
    pub(crate) found: bool,
    /// A directory of the session's `PATH` that has it and is not searched.
    pub(crate) elsewhere: Option<PathBuf>,
}

/// A value of a settings file that has to do with network or backend. Of other values only the place is known.
pub(crate) struct Setting {
    /// "env.HTTPS_PROXY", "apiKeyHelper", …
    pub(crate) name: String,
    pub(crate) at: Location,
    /// Whether it is claviger itself.
    pub(crate) hook: bool,
    /// The value, of variables that `gather::variables::is_read` names only.
    pub(crate) text: Option<String>,
}

/// What the files of Google's tools say of who signs in.
#[derive(Default)]
pub(crate) struct Google {
    /// Of the file that `GOOGLE_APPLICATION_CREDENTIALS` names, if that is not gcloud's.
    pub(crate) named: Option<Signer>,
    /// Of what `gcloud auth application-default login` left.
    pub(crate) own: Option<Signer>,
    /// Whether `CLOUDSDK_CONFIG` is set, and there is such a file at the usual place.
    pub(crate) is_elsewhere: bool,
    /// Whom gcloud impersonates.
    pub(crate) impersonates: Option<String>,
}

/// A credentials file of Google's.
pub(crate) struct Signer {
    pub(crate) file: String,
    /// The account, if it says so.
    pub(crate) account: Option<String>,
    /// Whether a person signed in.
    pub(crate) is_user: bool,
    pub(crate) has_quota_project: bool,
}

/// A file of a service manager.
pub(crate) struct Unit {
    pub(crate) path: PathBuf,
    /// The program that it starts, if it names one.
    pub(crate) program: Option<PathBuf>,
    pub(crate) program_exists: bool,
    /// The daemon that this client would start, if that is another.
    pub(crate) other: Option<PathBuf>,
    /// Whose it is, whatever program it starts.
    pub(crate) state: State,
}

/// What became of the way to the daemon.
#[derive(Default)]
pub(crate) enum Daemon {
    /// None runs, and none was to be started.
    #[default]
    Absent,
    /// One was started and ended with this problem.
    NotStarted(Box<Problem>),
    /// What is at the socket is not safe to use.
    Unsafe { path: String, why: String, remedy: Option<Remedy> },
    /// There is no way to the socket for this process.
    Blocked { path: String, why: String, hint: String, remedy: Option<Remedy> },
    /// Something else listens on `socket`.
    Stranger { socket: PathBuf, why: String },
    /// It takes connections and does not answer.
    Silent { after: Duration, holder: Option<Holder> },
    /// It does not take part.
    Refused(Problem),
    /// It answers.
    Running(Running),
}

/// The process that holds a socket on which nothing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A daemon, and whether it is stopped (SIGSTOP).
    Daemon { pid: i32, stopped: bool },
    /// systemd, which starts the daemon.
    Manager,
}

/// A daemon that answers.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) release: String,
    pub(crate) protocol: u32,
    pub(crate) pid: u32,
    /// When its program was replaced after it had started, which one.
    pub(crate) replaced: Option<PathBuf>,
    /// The command that lists its API.
    pub(crate) grpcurl: String,
}

/// Whether a credential can be had, without troubling a person.
pub(crate) enum Credential {
    /// It can.
    Lent(Lent),
    /// It cannot.
    Failed(Problem),
    /// Not known yet.
    Slow(Duration),
}

/// What a lease says beside its secret.
#[derive(Default)]
pub(crate) struct Lent {
    pub(crate) source: String,
    /// The session's own variable that holds it, if it is not lent.
    pub(crate) own_variable: Option<String>,
    pub(crate) at: Option<Location>,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) stale: bool,
    /// When it was looked at.
    pub(crate) now: Option<SystemTime>,
}

/// The endpoint in use.
pub(crate) struct Endpoint {
    /// Scheme, host and port.
    pub(crate) origin: String,
    /// Whether the credential was shown.
    pub(crate) authenticated: bool,
    pub(crate) seen: ProbeResult,
    /// How far the server's clock is ahead of ours, in seconds.
    pub(crate) ahead: Option<i64>,
}

/// Something that was not looked at.
pub(crate) struct Unchecked {
    pub(crate) what: &'static str,
    pub(crate) why: String,
}
