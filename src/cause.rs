//! Stable words for causes, and places in files.

use crate::proto::v1;
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path};
use tonic::Code;

/// Stable machine-readable cause. Appears as `ErrorInfo.reason`, in logs and in `--json` output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The calling process belongs to another user.
    PeerRejected,
    /// The kernel does not report who calls.
    PeerUnknown,
    /// The caller did not send the cookie, which this request needs.
    ForeignCaller,
    /// The caller sent a cookie that is no longer valid.
    StaleCookie,
    /// The caller described its session by an outdated configuration of the user.
    StaleSession,
    /// The request itself is wrong.
    MalformedRequest,
    /// Nothing in the chain is configured.
    NoCredential,
    /// A person has to log in.
    LoginRequired,
    /// The workspace requests something that is not decided yet.
    WorkspaceUntrusted,
    /// A settings file is broken.
    SettingsInvalid,
    /// A policy forbids it.
    PolicyBlocked,
    /// A command could not be run or failed.
    CommandFailed,
    /// A command ran, but its output is not a credential.
    CommandOutputInvalid,
    /// The keyring is locked.
    KeyringLocked,
    /// The daemon is locked.
    Locked,
    /// A person has to confirm the loan and has not.
    NotConfirmed,
    /// The server refused the credential.
    UpstreamDenied,
    /// May work again later.
    SourceUnavailable,
    /// Another program continues in place of the daemon: reconnect at once.
    Handover,
    /// The daemon is stopping or gone.
    ShuttingDown,
    /// It took too long.
    SourceTimeout,
    /// The request is too large.
    Limits,
    /// The caller disconnected.
    Cancelled,
    /// A bug in claviger.
    Bug,
}

/// All reasons, for lookups and tables.
pub const REASONS: [Reason; 24] = [
    Reason::PeerRejected,
    Reason::PeerUnknown,
    Reason::ForeignCaller,
    Reason::StaleCookie,
    Reason::StaleSession,
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
    Reason::NotConfirmed,
    Reason::UpstreamDenied,
    Reason::SourceUnavailable,
    Reason::Handover,
    Reason::ShuttingDown,
    Reason::SourceTimeout,
    Reason::Limits,
    Reason::Cancelled,
    Reason::Bug,
];

/// Kind of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A settings file is broken; its previous content is used.
    SettingsKept,
    /// A login policy is in a file that other users could have written.
    PolicyIneffective,
    /// Several clouds are switched on.
    TwoClouds,
    /// The credential travels unencrypted.
    EndpointPlaintext,
    /// Another variable overrides `ANTHROPIC_VERTEX_PROJECT_ID`.
    VertexProjectOverridden,
    /// A helper prints white space around its key.
    OutputTrimmed,
    /// The administrator's configuration locks the key of a value.
    Overruled,
}

/// Position of a value or a mistake in a settings file.
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

// === impl Reason ===

impl Reason {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerRejected => "peer-rejected",
            Self::PeerUnknown => "peer-unknown",
            Self::ForeignCaller => "foreign-caller",
            Self::StaleCookie => "stale-cookie",
            Self::StaleSession => "stale-session",
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
            Self::NotConfirmed => "not-confirmed",
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

    /// Encoded for the API.
    pub fn to_proto(self) -> v1::Reason {
        match self {
            Self::PeerRejected => v1::Reason::PeerRejected,
            Self::PeerUnknown => v1::Reason::PeerUnknown,
            Self::ForeignCaller => v1::Reason::ForeignCaller,
            Self::StaleCookie => v1::Reason::StaleCookie,
            Self::StaleSession => v1::Reason::StaleSession,
            Self::MalformedRequest => v1::Reason::MalformedRequest,
            Self::NoCredential => v1::Reason::NoCredential,
            Self::LoginRequired => v1::Reason::LoginRequired,
            Self::WorkspaceUntrusted => v1::Reason::WorkspaceUntrusted,
            Self::SettingsInvalid => v1::Reason::SettingsInvalid,
            Self::PolicyBlocked => v1::Reason::PolicyBlocked,
            Self::CommandFailed => v1::Reason::CommandFailed,
            Self::CommandOutputInvalid => v1::Reason::CommandOutputInvalid,
            Self::KeyringLocked => v1::Reason::KeyringLocked,
            Self::Locked => v1::Reason::Locked,
            Self::NotConfirmed => v1::Reason::NotConfirmed,
            Self::UpstreamDenied => v1::Reason::UpstreamDenied,
            Self::SourceUnavailable => v1::Reason::SourceUnavailable,
            Self::Handover => v1::Reason::Handover,
            Self::ShuttingDown => v1::Reason::ShuttingDown,
            Self::SourceTimeout => v1::Reason::SourceTimeout,
            Self::Limits => v1::Reason::Limits,
            Self::Cancelled => v1::Reason::Cancelled,
            Self::Bug => v1::Reason::Bug,
        }
    }

    /// Decoded from the API; `None` if it is not set, or from a later release.
    pub fn from_proto(reason: v1::Reason) -> Option<Self> {
        REASONS.into_iter().find(|known| known.to_proto() == reason)
    }

    /// The gRPC code a reason travels with.
    pub fn code(self) -> Code {
        match self {
            Self::PeerRejected | Self::ForeignCaller | Self::UpstreamDenied => Code::PermissionDenied,
            Self::PeerUnknown | Self::StaleCookie => Code::Unauthenticated,
            Self::StaleSession => Code::Aborted,
            Self::MalformedRequest => Code::InvalidArgument,
            Self::NoCredential => Code::NotFound,
            Self::LoginRequired
            | Self::WorkspaceUntrusted
            | Self::SettingsInvalid
            | Self::PolicyBlocked
            | Self::CommandFailed
            | Self::CommandOutputInvalid
            | Self::KeyringLocked
            | Self::Locked
            | Self::NotConfirmed => Code::FailedPrecondition,
            Self::SourceUnavailable | Self::Handover | Self::ShuttingDown => Code::Unavailable,
            Self::SourceTimeout => Code::DeadlineExceeded,
            Self::Limits => Code::ResourceExhausted,
            Self::Cancelled => Code::Cancelled,
            Self::Bug => Code::Internal,
        }
    }

    /// Whether only a person can change the result.
    pub fn needs_human(self) -> bool {
        matches!(
            self,
            Self::LoginRequired
                | Self::WorkspaceUntrusted
                | Self::SettingsInvalid
                | Self::KeyringLocked
                | Self::Locked
                | Self::NotConfirmed
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
