//! Input of the checks. It is gathered with effects and judged without. No field may hold a secret; none of this has
//! Debug, because proxies and paths may be private.

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

/// All gathered facts.
#[derive(Default)]
pub(crate) struct Facts {
    /// The session's directory.
    pub(crate) directory: String,
    /// The socket named on the command line, if any.
    pub(crate) socket: Option<String>,
    /// Whether a variable of the session names the socket.
    pub(crate) names_socket: bool,
    /// The user of this process.
    pub(crate) uid: u32,
    /// Variables of the session that are not secret, and a few more that only tools read.
    pub(crate) variables: BTreeMap<String, String>,
    /// Secret variables that the session has.
    pub(crate) present: BTreeSet<String>,
    /// Invalid variables.
    pub(crate) malformed: Vec<Malformed>,
    /// Files, directories and sockets.
    pub(crate) places: Vec<PathFact>,
    /// Files with certificates.
    pub(crate) certificates: Vec<Certificates>,
    /// Programs named by settings and by tools' files.
    pub(crate) programs: Vec<Program>,
    /// Values of settings files.
    pub(crate) settings: Vec<Setting>,
    /// Content of the files of Google's tools.
    pub(crate) google: Google,
    /// Files of the service manager.
    pub(crate) units: Vec<Unit>,
    /// Whether the service manager has given up on the daemon.
    pub(crate) units_failed: bool,
    /// Why another daemon would not start, although one runs.
    pub(crate) next_start: Option<Problem>,
    /// The daemon.
    pub(crate) daemon: Daemon,
    /// The explanation, after the credential was asked for.
    pub(crate) explained: Option<Result<ExplainResponse, Problem>>,
    /// Whether the credential is available.
    pub(crate) credential: Option<Credential>,
    /// The configuration that the session's environment names, and the daemon's, if they differ.
    pub(crate) other_config: Option<(PathBuf, PathBuf)>,
    /// Accounts of the local store.
    pub(crate) accounts: Vec<Account>,
    /// The standing gate to which the settings of Claude Code lead, if it does not open, and why.
    pub(crate) closed_gate: Option<(String, Problem)>,
    /// The keyring, if an account is kept there.
    pub(crate) keyring: Option<ProbeResult>,
    /// The endpoint in use.
    pub(crate) endpoint: Option<Endpoint>,
    /// Omitted checks, with reasons.
    pub(crate) unchecked: Vec<Unchecked>,
}

/// An invalid variable.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// Its name.
    pub(crate) name: String,
    /// Its fault.
    pub(crate) what: String,
    /// Whether it blocks the session; otherwise only a server would refuse its value.
    pub(crate) is_refused: bool,
}

/// A place in the filesystem that should be private, or protected from changes.
pub(crate) struct PathFact {
    pub(crate) path: PathBuf,
    pub(crate) role: Role,
    pub(crate) found: Found,
}

/// Required protection of a place.
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

/// State of a place. A place that does not exist is not a fact.
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Permission bits.
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
}

/// Its file type.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    File,
    Directory,
    Socket,
    Other,
}

/// Its owner.
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

/// Fault of a file of certificates.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    Missing,
    Unreadable,
    NotPem,
}

/// A program named by a setting.
pub(crate) struct Program {
    /// The setting or key that names it.
    pub(crate) name: String,
    pub(crate) word: String,
    pub(crate) at: Location,
    /// Whether it is claviger itself.
    pub(crate) hook: bool,
    pub(crate) found: bool,
    /// A directory of the session's `PATH` that contains it and is not searched.
    pub(crate) elsewhere: Option<PathBuf>,
}

/// A value of a settings file about network or backend. For other values only the place is recorded.
pub(crate) struct Setting {
    /// "env.HTTPS_PROXY", "apiKeyHelper", …
    pub(crate) name: String,
    pub(crate) at: Location,
    /// Whether it is claviger itself.
    pub(crate) hook: bool,
    /// The value, only of variables in `gather::variables::is_read`.
    pub(crate) text: Option<String>,
}

/// Identities in the files of Google's tools.
#[derive(Default)]
pub(crate) struct Google {
    /// From the file that `GOOGLE_APPLICATION_CREDENTIALS` names, if that is not gcloud's.
    pub(crate) named: Option<Signer>,
    /// From `gcloud auth application-default login`.
    pub(crate) own: Option<Signer>,
    /// Whether `CLOUDSDK_CONFIG` is set although such a file exists at the usual place.
    pub(crate) is_elsewhere: bool,
    /// The account that gcloud impersonates.
    pub(crate) impersonates: Option<String>,
}

/// A credentials file of Google's.
pub(crate) struct Signer {
    pub(crate) file: String,
    /// The account, if the file names it.
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
    /// The daemon that this client would start, if that is another one.
    pub(crate) other: Option<PathBuf>,
    /// Its origin, whatever program it starts.
    pub(crate) state: State,
}

/// Result of connecting to the daemon.
#[derive(Default)]
pub(crate) enum Daemon {
    /// None runs, and none was to be started.
    #[default]
    Absent,
    /// One was started and ended with this problem.
    NotStarted(Box<Problem>),
    /// The socket is unsafe.
    Unsafe { path: String, why: String, remedy: Option<Remedy> },
    /// This process has no access to the socket.
    Blocked { path: String, why: String, hint: String, remedy: Option<Remedy> },
    /// Another program listens on the socket of this user's own daemon, or (`None`) on one that was named: a gate, for example.
    Stranger { own: Option<PathBuf>, why: String },
    /// It accepts connections and does not answer.
    Silent { after: Duration, holder: Option<Holder> },
    /// It refuses this session.
    Refused(Problem),
    /// It answers.
    Running(Running),
}

/// The process that holds a socket which does not answer.
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
    /// The program's path, if it was replaced after the daemon had started.
    pub(crate) replaced: Option<PathBuf>,
    /// The command that lists its API.
    pub(crate) grpcurl: String,
}

/// Whether a credential is available, without asking a person.
pub(crate) enum Credential {
    /// Yes.
    Lent(Lent),
    /// No.
    Failed(Problem),
    /// Unknown.
    Slow(Duration),
}

/// A lease without its secret.
#[derive(Default)]
pub(crate) struct Lent {
    pub(crate) source: String,
    /// The session's own variable that holds it, if it is not lent.
    pub(crate) own_variable: Option<String>,
    pub(crate) at: Option<Location>,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) stale: bool,
    /// When it was checked.
    pub(crate) now: Option<SystemTime>,
}

/// The endpoint in use.
pub(crate) struct Endpoint {
    /// Scheme, host and port.
    pub(crate) origin: String,
    /// Whether the credential was sent.
    pub(crate) authenticated: bool,
    pub(crate) seen: ProbeResult,
    /// How far the server's clock is ahead of ours, in seconds.
    pub(crate) ahead: Option<i64>,
}

/// An omitted check.
pub(crate) struct Unchecked {
    pub(crate) what: &'static str,
    pub(crate) why: String,
}
