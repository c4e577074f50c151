//! Checks that a child makes for `claviger doctor`, because the client links neither TLS nor a keyring.

use crate::Text;
use serde::{Deserialize, Serialize};

/// The check.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// Send one GET.
    Endpoint {
        /// Its URL.
        url: String,
        /// `name: value` lines.
        headers: Vec<Text>,
    },
    /// Ask whether the keyring exists and is unlocked.
    Keyring,
}

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// Its outcome.
    pub sight: Sight,
    /// Status of the answer.
    pub status: Option<u16>,
    /// The server's clock, in seconds since 1970.
    pub date: Option<u64>,
    /// Why a keyring does not answer.
    pub problem: Option<claviger::reason::Problem>,
}

/// Outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// It answered.
    Answered,
    /// The URL or a header cannot be sent.
    Malformed,
    /// The TLS library could not be set up.
    NotSetUp,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificate's issuer is not trusted.
    CertificateUnknownIssuer,
    /// The certificate is for another name.
    CertificateWrongName,
    /// TLS failed in another way.
    TlsFailed,
    /// The proxy requires a login.
    ProxyWantsLogin,
    /// The proxy refused the connection.
    ProxyRefused,
    /// The proxy could not be reached.
    ProxyUnreachable,
    /// The name of the host is unknown.
    UnknownHost,
    /// The connection was not accepted in time.
    ConnectTimeout,
    /// The answer did not come in time.
    AnswerTimeout,
    /// The connection was refused.
    Refused,
    /// The host could not be reached.
    Unreachable,
    /// The connection broke.
    BrokenOff,
    /// The keyring is locked.
    Locked,
    /// The keyring does not answer.
    Silent,
}

// === impl Seen ===

impl ProbeResult {
    /// A result with only an outcome.
    pub fn of(sight: Sight) -> Self {
        Self { sight, status: None, date: None, problem: None }
    }
}
