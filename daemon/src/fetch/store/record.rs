//! What is kept of one account. Pure.

use crate::{accounts::Kind, fetch::secret::Text};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Layout that this code writes and understands.
pub(in crate::fetch) const VERSION: u32 = 1;

/// A record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::fetch) struct Record {
    pub(in crate::fetch) version: u32,
    /// Random identity of the login, as in the list of accounts.
    pub(in crate::fetch) login: String,
    /// Counts the secrets of this account from 1, over all its logins.
    pub(in crate::fetch) generation: u64,
    pub(in crate::fetch) kind: Kind,
    /// What is lent: an access token, a long-lived token, an API key. `None` if the server's was of no use.
    pub(in crate::fetch) secret: Option<Text>,
    /// When it was issued, in milliseconds since 1970.
    pub(in crate::fetch) issued_at_ms: u64,
    /// When it expires; `None` if that is unknown.
    pub(in crate::fetch) expires_at_ms: Option<u64>,
    /// How to get the next one.
    pub(in crate::fetch) refresh: Option<Refresh>,
    /// Why the server takes the refresh token no more. It is kept to find out what happened.
    pub(in crate::fetch) quarantine: Option<Quarantine>,
}

/// A refresh token, and who takes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::fetch) struct Refresh {
    pub(in crate::fetch) token: Text,
    pub(in crate::fetch) client: Client,
}

/// The client that a login was made as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::fetch) struct Client {
    pub(in crate::fetch) client_id: String,
    pub(in crate::fetch) token_endpoint: String,
    pub(in crate::fetch) revocation_endpoint: Option<String>,
    /// Whether the client secret goes into the body, for servers that take it nowhere else.
    pub(in crate::fetch) secret_in_body: bool,
}

/// A refresh token that is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::fetch) struct Quarantine {
    /// What a person is told.
    pub(in crate::fetch) why: String,
    /// When, in milliseconds since 1970.
    pub(in crate::fetch) at_ms: u64,
}

impl Record {
    /// When the secret expires.
    pub(in crate::fetch) fn expires_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.expires_at_ms?))
    }

    /// When it was issued.
    pub(in crate::fetch) fn issued_at(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.issued_at_ms)).unwrap_or(UNIX_EPOCH)
    }
}

/// Milliseconds since 1970.
pub(in crate::fetch) fn milliseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
