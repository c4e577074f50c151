//! Accounts of the local store, in terms shared by the daemon and the children that hold their secrets.

use crate::Text;
use claviger::reason::{Problem, Reason};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Longest name of an account.
const MAX_NAME: usize = 64;
/// Longest line for a person, in bytes. A link to sign in with can be long.
pub const MAX_LINE: usize = 4096;

/// Kind of an account's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Access token and refresh token of an OAuth login.
    Oauth,
    /// A long-lived OAuth token.
    Token,
    /// An API key.
    ApiKey,
}

/// The store of an account's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// Secret Service or Keychain.
    Keyring,
    /// A sealed file.
    File,
}

/// Where new secrets of the local store are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StoreChoice {
    /// In the keyring if it answers, else in files.
    #[default]
    Auto,
    /// In the keyring.
    Keyring,
    /// In files.
    File,
}

/// Place of an account's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The account.
    pub account: String,
    /// Directory of the file store.
    pub directory: PathBuf,
    /// Key of the service manager that seals the file store.
    pub seal: Option<PathBuf>,
}

/// Lends the secret of an account, refreshed first if that is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lend {
    /// The record.
    pub record: Record,
    /// Identity of the login.
    pub login: String,
    /// Generation that is not good enough any more.
    pub held: Option<u64>,
    /// Whether the API rejected it.
    pub rejected: bool,
    /// Where the record should be.
    pub kept: Storage,
    /// Secret of the OAuth client, if it has one.
    pub client_secret: Option<Text>,
}

/// Signs a person in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// The record.
    pub record: Record,
    /// Where to keep it.
    pub place: StoreChoice,
    /// The flow.
    pub flow: Flow,
    /// Server and client. Boxed: it is much larger than any other request.
    pub registration: Box<Registration>,
    /// Secret of the client, if it has one.
    pub client_secret: Option<Text>,
}

/// Saves a secret that the user provides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Save {
    /// The record.
    pub record: Record,
    /// Where to keep it.
    pub place: StoreChoice,
    /// Token or API key.
    pub kind: Kind,
    /// The secret.
    pub secret: Text,
}

/// Signs out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Logout {
    /// The record.
    pub record: Record,
    /// Where it should be.
    pub kept: Storage,
    /// Secret of the OAuth client, if it has one.
    pub client_secret: Option<Text>,
}

/// Moves a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Relocate {
    /// The record.
    pub record: Record,
    /// Its current store.
    pub kept: Storage,
    /// Its new store.
    pub to: Storage,
}

/// Sign-in flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Authorization code over a loopback redirect.
    Browser,
    /// Device flow.
    Device,
}

/// An event for the person during a login: a line of JSON on stderr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Open this URL in a browser.
    Url(String),
    /// Type this code in elsewhere.
    Code(Code),
    /// A message.
    Notice(String),
}

/// A code of the device flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Where to type it in.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: Option<String>,
    /// The code.
    pub user_code: String,
    /// How long it is valid.
    pub expires_in_seconds: u64,
}

/// The person's input: a line of JSON after the call of a login.
#[derive(Serialize, Deserialize)]
pub struct Pasted {
    /// The address the browser ended at.
    pub redirect: Text,
}

/// Result of a login or a saved secret.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignedIn {
    /// Identity of the login.
    pub login: String,
    /// Where the record is.
    pub place: Storage,
    /// Messages for the person.
    pub notices: Vec<String>,
    /// The issuer.
    pub issuer: Option<String>,
    /// The person, as the issuer names them.
    pub subject: Option<String>,
    /// Organisation.
    pub organization: Option<String>,
}

/// Result of a logout.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SignedOut {
    /// Whether the server revoked its tokens.
    pub revoked: bool,
    /// Why it did not.
    pub not_revoked: Option<String>,
    /// Why the record could not be removed.
    pub left_behind: Option<Problem>,
}

/// A section `[oauth.NAME]`, as written. docs/configuration.md shows these comments as the description of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The server. Its metadata (RFC 8414, OpenID Connect Discovery) name its endpoints.
    pub issuer: Option<String>,
    /// Where a browser signs in, if the issuer's metadata do not name it.
    pub authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens are exchanged, if the issuer's metadata do not name it.
    pub token_endpoint: Option<String>,
    /// Where `claviger login --device` begins (RFC 8628), if the issuer's metadata do not name it.
    pub device_authorization_endpoint: Option<String>,
    /// Where `claviger logout` revokes tokens (RFC 7009), if the issuer's metadata do not name it.
    pub revocation_endpoint: Option<String>,
    /// The id of claviger's client at the server: a native client with a loopback redirect.
    pub client_id: String,
    /// For a client that has a secret: a file of mode 0600. Not with `client_secret_command`.
    pub client_secret_file: Option<String>,
    /// A shell command that prints the secret.
    pub client_secret_command: Option<String>,
    /// Requested scopes. Many servers issue a refresh token only for `offline_access`, and identify you only for
    /// `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The only origin that the token may be sent to.
    pub audience: String,
    /// The loopback redirect that is registered, without port (default `http://127.0.0.1/callback`); the port is chosen at each
    /// login.
    pub redirect_uri: Option<String>,
    /// The login method that it counts as for `forceLoginMethod`: `claudeai`, `console` or `gateway`.
    pub method: Option<String>,
    /// The claim of the ID token that names the organisation, for `forceLoginOrgUUID`.
    pub organization_claim: Option<String>,
    /// Whether a new login revokes the tokens of the one before. Some servers end the new one with them.
    #[serde(default)]
    pub revoke_replaced: bool,
    /// Additional parameters of the authorization request, such as `prompt` or `resource`. Parameters of the protocol
    /// itself are refused.
    #[serde(default)]
    pub authorization_parameters: BTreeMap<String, String>,
}

// === impl Flow ===

impl Flow {
    /// Time limit for a person. A code of the device flow usually expires sooner.
    pub fn patience(self) -> Duration {
        match self {
            Self::Browser => Duration::from_secs(600),
            Self::Device => Duration::from_secs(24 * 3600),
        }
    }
}

// === impl Kind ===

impl Kind {
    /// Whether it is an OAuth credential, the only kind that managed sessions and login policies permit.
    pub fn is_oauth(self) -> bool {
        self != Self::ApiKey
    }
}

// === impl Place ===

impl Storage {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::File => "file",
        }
    }
}

// === impl StoreChoice ===

impl StoreChoice {
    /// As in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Keyring => "keyring",
            Self::File => "file",
        }
    }
}

impl From<Storage> for StoreChoice {
    fn from(place: Storage) -> Self {
        match place {
            Storage::Keyring => Self::Keyring,
            Storage::File => Self::File,
        }
    }
}

/// Checks a name: it becomes part of a file name and of a keyring's label.
///
/// # Errors
/// `malformed-request`.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= MAX_NAME && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Problem::new(Reason::MalformedRequest, "that is not a name for an account")
        .hint(format!("use letters, digits and . _ @ + -, at most {MAX_NAME}, with a letter or digit first")))
}
