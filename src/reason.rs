//! Why there is no credential: one stable word per cause, and the problem a person is shown.

use crate::remedy::{self, Remedy};
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path, time::Duration};
use tonic::Code;

/// Stable machine-readable cause. Appears as `ErrorInfo.reason`, in logs and in `--json` output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The calling process belongs to another user.
    PeerRejected,
    /// The kernel does not say who calls.
    PeerUnknown,
    /// The request itself is wrong.
    MalformedRequest,
    /// Nothing in the chain is configured.
    NoCredential,
    /// A person has to log in.
    LoginRequired,
    /// The workspace asks for something nobody has decided about.
    WorkspaceUntrusted,
    /// A settings file is broken.
    SettingsInvalid,
    /// A policy rules it out.
    PolicyBlocked,
    /// A command could not be run or said no.
    CommandFailed,
    /// A command ran, but what it printed is not a credential.
    CommandOutputInvalid,
    /// The keyring is locked.
    KeyringLocked,
    /// Somebody locked the daemon.
    Locked,
    /// The other side refused the credential.
    UpstreamDenied,
    /// May work again later.
    SourceUnavailable,
    /// Another program goes on in the place of the daemon: connect again at once.
    Handover,
    /// The daemon is stopping, or went away.
    ShuttingDown,
    /// It took too long.
    SourceTimeout,
    /// Too much was asked for.
    Limits,
    /// The caller went away.
    Cancelled,
    /// A bug in claviger.
    Bug,
}

/// All reasons, for lookups and tables.
pub const REASONS: [Reason; 20] = [
    Reason::PeerRejected,
    Reason::PeerUnknown,
    Reason::MalformedRequest,
    Reason::NoCredential,
    Reason::LoginRequired,
    Reason::WorkspaceUntrusted,
    Reason::SettingsInvalid,
    Reason::PolicyBlocked,
    Reason::CommandFailed,
    Reason::CommandOutputInvalid,
    Reason::KeyringLocked,
    Reason::Locked,
    Reason::UpstreamDenied,
    Reason::SourceUnavailable,
    Reason::Handover,
    Reason::ShuttingDown,
    Reason::SourceTimeout,
    Reason::Limits,
    Reason::Cancelled,
    Reason::Bug,
];

/// Where a value or a mistake stands in a settings file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Settings layer: "managed", "explicit", "local", "project", "user", "config".
    pub layer: String,
    /// Path of the file, or the name given with explicit settings.
    pub file: String,
    /// Line from 1; 0 if it is about the file as a whole.
    pub line: u32,
    /// Column in characters from 1; 0 if unknown.
    pub column: u32,
}

/// A problem as a person gets to see it. Never holds a secret, a command line or a command's output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{}", self.sentence())]
pub struct Problem {
    /// Machine-readable cause.
    pub reason: Reason,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// What to do next, in words, where the remedy needs some. Never names a command that is a remedy.
    pub hint: Option<String>,
    /// What helps, if it is not [what helps as a rule](remedy::usual).
    pub remedy: Option<Remedy>,
    /// Where the cause stands.
    pub location: Option<Location>,
    /// How long until another attempt can succeed.
    pub retry_after: Option<Duration>,
    /// Every source that was passed over, and why ("source: reason").
    pub trail: Vec<String>,
}

// === impl Reason ===

impl Reason {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerRejected => "peer-rejected",
            Self::PeerUnknown => "peer-unknown",
            Self::MalformedRequest => "malformed-request",
            Self::NoCredential => "no-credential",
            Self::LoginRequired => "login-required",
            Self::WorkspaceUntrusted => "workspace-untrusted",
            Self::SettingsInvalid => "settings-invalid",
            Self::PolicyBlocked => "policy-blocked",
            Self::CommandFailed => "command-failed",
            Self::CommandOutputInvalid => "command-output-invalid",
            Self::KeyringLocked => "keyring-locked",
            Self::Locked => "locked",
            Self::UpstreamDenied => "upstream-denied",
            Self::SourceUnavailable => "source-unavailable",
            Self::Handover => "handover",
            Self::ShuttingDown => "shutting-down",
            Self::SourceTimeout => "source-timeout",
            Self::Limits => "limits",
            Self::Cancelled => "cancelled",
            Self::Bug => "bug",
        }
    }

    /// The reason for a stable word.
    pub fn parse(word: &str) -> Option<Self> {
        REASONS.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The gRPC code a reason travels with.
    pub fn code(self) -> Code {
        match self {
            Self::PeerRejected | Self::UpstreamDenied => Code::PermissionDenied,
            Self::PeerUnknown => Code::Unauthenticated,
            Self::MalformedRequest => Code::InvalidArgument,
            Self::NoCredential => Code::NotFound,
            Self::LoginRequired
            | Self::WorkspaceUntrusted
            | Self::SettingsInvalid
            | Self::PolicyBlocked
            | Self::CommandFailed
            | Self::CommandOutputInvalid
            | Self::KeyringLocked
            | Self::Locked => Code::FailedPrecondition,
            Self::SourceUnavailable | Self::Handover | Self::ShuttingDown => Code::Unavailable,
            Self::SourceTimeout => Code::DeadlineExceeded,
            Self::Limits => Code::ResourceExhausted,
            Self::Cancelled => Code::Cancelled,
            Self::Bug => Code::Internal,
        }
    }

    /// Whether only a person can change the outcome.
    pub fn needs_human(self) -> bool {
        matches!(
            self,
            Self::LoginRequired
                | Self::WorkspaceUntrusted
                | Self::SettingsInvalid
                | Self::KeyringLocked
                | Self::Locked
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Location ===

impl Location {
    /// A file as a whole, of no layer yet.
    pub fn of_file(path: &Path) -> Self {
        Self { file: path.to_string_lossy().into_owned(), ..Self::default() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.line > 0 && self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

// === impl Problem ===

impl Problem {
    /// A problem with neither hint nor location yet.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            hint: None,
            remedy: None,
            location: None,
            retry_after: None,
            trail: Vec::new(),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what helps.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// What helps: its own remedy, or the usual one of its reason.
    pub fn helps(&self) -> Option<Remedy> {
        self.remedy.clone().or_else(|| remedy::usual(self.reason, self.location.as_ref()))
    }

    /// What to do next, for people: the words of the hint, then the remedy.
    pub fn advice(&self) -> Option<String> {
        Remedy::advice(self.helps().as_ref(), self.hint.as_deref())
    }

    /// The same for the session in `directory`: a remedy that depends on the session names it.
    #[must_use]
    pub fn within(mut self, directory: &str) -> Self {
        self.remedy = self.helps().map(|remedy| remedy.within(directory));
        self
    }

    /// The problem of the credential of the session in `directory`: another attempt may help, too.
    #[must_use]
    pub fn for_session(mut self, directory: &str) -> Self {
        self.remedy = self.helps().or_else(|| remedy::for_session(self.reason));
        self.within(directory)
    }

    /// Adds where the cause stands, if that is known.
    #[must_use]
    pub fn at<'a>(mut self, location: impl Into<Option<&'a Location>>) -> Self {
        self.location = location.into().cloned();
        self
    }

    /// Adds when another attempt can succeed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    fn sentence(&self) -> String {
        match &self.location {
            Some(location) => format!("{location}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, Problem, REASONS, Reason};
    use std::collections::HashSet;

    #[test]
    fn words_are_distinct_and_parse_back() {
        let words: HashSet<_> = REASONS.map(Reason::as_str).into_iter().collect();
        assert_eq!(words.len(), REASONS.len());
        assert!(REASONS.into_iter().all(|reason| Reason::parse(reason.as_str()) == Some(reason)));
    }

    #[test]
    fn a_problem_names_file_line_and_column() {
        let at = Location { layer: "user".into(), file: "/h/settings.json".into(), line: 3, column: 7 };
        let problem = Problem::new(Reason::SettingsInvalid, "expected a string").at(&at);
        assert_eq!(problem.to_string(), "/h/settings.json:3:7: expected a string");
    }
}
