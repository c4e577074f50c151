//! Record of one account. Pure.

use claviger_child::{Text, account::Kind};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Version of the format that this code writes and reads.
pub(crate) const VERSION: u32 = 1;

/// A record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) version: u32,
    /// Random identity of the login, as in the list of accounts.
    pub(crate) login: String,
    /// Counts the secrets of this account from 1, over all its logins.
    pub(crate) generation: u64,
    pub(crate) kind: Kind,
    /// The secret that is lent: an access token, a long-lived token, an API key. `None` if the server's was unusable.
    pub(crate) secret: Option<Text>,
    /// When it was issued, in milliseconds since 1970.
    pub(crate) issued_at_ms: u64,
    /// When it expires; `None` if unknown.
    pub(crate) expires_at_ms: Option<u64>,
    /// The refresh token for the next one.
    pub(crate) refresh: Option<Refresh>,
    /// Why the server does not accept the refresh token any more. Kept for diagnosis.
    pub(crate) quarantine: Option<Quarantine>,
}

/// A refresh token, and its server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) token: Text,
    pub(crate) client: Client,
    /// Whether the server accepted this token once without replacing it: then it may be sent any number of times.
    #[serde(default)]
    pub(crate) is_lasting: bool,
}

/// The client that made a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) token_endpoint: String,
    pub(crate) revocation_endpoint: Option<String>,
    /// Whether the client secret is sent in the body, for servers that accept it nowhere else.
    pub(crate) secret_in_body: bool,
}

/// A refresh token that is not usable any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quarantine {
    /// The problem for a person.
    pub(crate) why: String,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
}

impl Record {
    /// When the secret expires.
    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.expires_at_ms?))
    }

    /// When it was issued.
    pub(crate) fn issued_at(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.issued_at_ms)).unwrap_or(UNIX_EPOCH)
    }
}

/// Milliseconds since 1970.
pub(crate) fn milliseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
