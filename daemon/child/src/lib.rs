//! The protocol between the daemon and its child programs: data and its rules, nothing else.
//!
//! A child reads one [`Call`] as a line of JSON on stdin and answers with one JSON object on stdout. Secrets are sent
//! only over these two pipes.

#![forbid(unsafe_code)]

pub mod account;
mod answer;
pub mod cloud_file;
mod keys;
mod probe;
mod renewal;
mod text;

pub use answer::{Declined, Facts, Link, MAX_PAUSE, Outcome, Provided};
pub use keys::Keys;
pub use probe::{Probe, ProbeResult, Sight};
pub use renewal::refresh_at;
pub use text::{Text, is_label, is_loopback, is_token};

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Name of the program that fetches, beside the daemon's or in `libexec`.
pub const FETCH_PROGRAM: &str = "clavigerd-fetch";
/// Name of the program that serves gates, in the same places.
pub const GATE_PROGRAM: &str = "clavigerd-gate";
/// Longest call, in bytes: the headers of a probed endpoint fit.
pub const MAX_CALL: u64 = 256 * 1024;
/// Longest answer, in bytes. A token of 16 KiB and every link of a chain fit.
pub const MAX_ANSWER: usize = 64 * 1024;

/// Secrets that are lent to the SDK of a cloud, by the variable that holds them in a session. They are in no
/// environment, because a program of the same user can read that.
pub type Lent = BTreeMap<String, Text>;

/// Servers that asked for a pause, and its end. A server is an origin (RFC 6454): scheme, host and port.
pub type Busy = BTreeMap<String, SystemTime>;

/// A request, and who sends it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Release of the sender. A child of another release refuses.
    pub release: String,
    /// Servers that must not be asked.
    #[serde(default)]
    pub busy: Busy,
    /// The request.
    pub request: Request,
}

/// Work of a child. Each variant names the type of its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Credentials of the AWS default chain, of the environment: `Result<Provided, Declined>`.
    Aws {
        /// Whether to ask AWS if it accepts them.
        check: bool,
        /// The token for the service of a container.
        lent: Lent,
    },
    /// Whether AWS accepts these keys: `Result<Provided, Declined>`.
    AwsCheck(Keys),
    /// A token of Google's Application Default Credentials: `Result<Provided, Declined>`.
    Gcp {
        /// The session has AWS keys, which it does not send.
        keeps_aws_keys: bool,
        /// AWS keys that an external account can sign with.
        lent: Lent,
    },
    /// A token in the order of DefaultAzureCredential: `Result<Provided, Declined>`.
    Azure {
        /// OAuth scope.
        scope: String,
        /// Secret of a service principal or a managed identity.
        lent: Lent,
    },
    /// The secret of an account: `Result<Provided, Declined>`.
    Lend(account::Lend),
    /// Sign a person in: `Result<account::SignedIn, Declined>`, after lines of [`account::Event`] on stderr.
    Login(account::Login),
    /// Save a secret that the user provides
    Save(account::Save),
    /// Sign out: `Result<account::SignedOut, Declined>`.
    Logout(account::Logout),
    /// Move a secret between keyring and file: `Result<account::Storage, Declined>`.
    Relocate(account::Relocate),
    /// Look at an endpoint or the keyring: [`ProbeResult`].
    Probe(Probe),
    /// Show a notification on the desktop, which is text and not markup: `Result<u32, Declined>` with its number.
    Show(Notice),
    /// Close the notification of this number: `Result<u32, Declined>`.
    Close(u32),
    /// Ask a person on the desktop, with text that is not markup: `Result<Choice, Declined>`, after a line on stderr with the number
    /// of the notification.
    Ask(String),
}

/// Reason of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A person is needed.
    Needed(String),
    /// A decision was made, perhaps by another process.
    Done(String),
}

/// Time limit for answering [`Request::Ask`].
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// Possible paths of our program `name`, first choice first, for a daemon at `daemon`: beside it, or in
/// `../libexec/claviger`, where packages install it.
pub fn programs_of(name: &str, daemon: &Path) -> [PathBuf; 2] {
    let directory = daemon.parent().unwrap_or(Path::new("/"));
    let libexec = directory.parent().unwrap_or(Path::new("/")).join("libexec/claviger");
    [directory.join(name), libexec.join(name)]
}

// === impl Call ===

impl Call {
    /// A call of this release.
    pub fn new(request: Request) -> Self {
        Self { release: claviger::RELEASE.to_owned(), busy: Busy::new(), request }
    }

    /// As a line of JSON, with its line break.
    pub fn line(&self) -> claviger::secret::Secret<String> {
        // These types always have a JSON text.
        claviger::secret::Secret::new(serde_json::to_string(self).unwrap_or_default() + "\n")
    }
}

// === impl Request ===

impl Request {
    /// The word that labels the child in a list of processes.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Aws { .. } => "aws",
            Self::AwsCheck(_) => "aws-check",
            Self::Gcp { .. } => "gcp",
            Self::Azure { .. } => "azure",
            Self::Lend(_) => "lend",
            Self::Login(_) => "login",
            Self::Save(_) => "save",
            Self::Logout(_) => "logout",
            Self::Relocate(_) => "relocate",
            Self::Probe(_) => "probe",
            Self::Show(_) | Self::Close(_) | Self::Ask(_) => "notify",
        }
    }

    /// Its record, if any.
    pub fn record(&self) -> Option<&account::Record> {
        match self {
            Self::Lend(account::Lend { record, .. })
            | Self::Login(account::Login { record, .. })
            | Self::Save(account::Save { record, .. })
            | Self::Logout(account::Logout { record, .. })
            | Self::Relocate(account::Relocate { record, .. }) => Some(record),
            _ => None,
        }
    }

    /// Whether the child continues when the daemon ends: ending it could lose a secret that a server issues only once,
    /// or leave a question on the screen that no process waits for.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Lend(_) | Self::Save(_) | Self::Logout(_) | Self::Relocate(_) | Self::Close(_))
    }
}
