//! Accounts of the local store, as the daemon and the children that hold their secrets name them.

use crate::Text;
use claviger::reason::{Problem, Reason};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Longest name of an account.
const MAX_NAME: usize = 64;
/// Longest line that is passed on to a person, in bytes. A link to sign in with can be long.
pub const MAX_LINE: usize = 4096;

/// What an account holds.
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

/// Where an account's secret is kept.
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

/// Where the record of an account is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The account.
    pub account: String,
    /// Directory of the file store.
    pub directory: PathBuf,
    /// Credential of the service manager that seals the file store.
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
    /// Whether the API rejected that one.
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
    /// How.
    pub flow: Flow,
    /// Where, and as which client. Boxed: it is much larger than any other request.
    pub registration: Box<Registration>,
    /// Secret of the client, if it has one.
    pub client_secret: Option<Text>,
}

/// Keeps a secret that the user brings.
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
    /// Where it should be now.
    pub kept: Storage,
    /// Where it goes.
    pub to: Storage,
}

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// Authorization code over a loopback redirect.
    Browser,
    /// Device flow.
    Device,
}

/// What the person has to know during a login: a line of JSON on stderr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Open this in a browser.
    Url(String),
    /// Type this in elsewhere.
    Code(Code),
    /// A line to read.
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
    /// How long it is good for.
    pub expires_in_seconds: u64,
}

/// What a person pasted: a line of JSON that follows the call of a login.
#[derive(Serialize, Deserialize)]
pub struct Pasted {
    /// The address the browser ended at.
    pub redirect: Text,
}

/// What a child has kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignedIn {
    /// Identity of the login.
    pub login: String,
    /// Where the record is.
    pub place: Storage,
    /// What the person should know of it.
    pub notices: Vec<String>,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Who signed in.
    pub subject: Option<String>,
    /// Organisation.
    pub organization: Option<String>,
}

/// What became of a record at logout.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SignedOut {
    /// Whether the server revoked its tokens.
    pub revoked: bool,
    /// Why it did not.
    pub not_revoked: Option<String>,
    /// Why the record could not be removed.
    pub left_behind: Option<Problem>,
}

/// A section `[oauth.NAME]`, as written. These comments are what docs/configuration.md says of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The server. What it publishes (RFC 8414, OpenID Connect Discovery) names its endpoints.
    pub issuer: Option<String>,
    /// Where a browser signs in, if not where the issuer publishes.
    pub authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens are exchanged, if not where the issuer publishes.
    pub token_endpoint: Option<String>,
    /// Where `claviger login --device` begins (RFC 8628), if not where the issuer publishes.
    pub device_authorization_endpoint: Option<String>,
    /// Where `claviger logout` revokes tokens (RFC 7009), if not where the issuer publishes.
    pub revocation_endpoint: Option<String>,
    /// Who claviger is there: a native client with a loopback redirect.
    pub client_id: String,
    /// For a client that has a secret: a file of mode 0600. Not with `client_secret_command`.
    pub client_secret_file: Option<String>,
    /// A shell command that prints the secret.
    pub client_secret_command: Option<String>,
    /// What to ask for. Many servers give a refresh token for `offline_access` only, and say who you are for `openid` only.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The origin that the token may be sent to, and no other.
    pub audience: String,
    /// The loopback redirect that is registered, without port (default `http://127.0.0.1/callback`); the port is chosen at each
    /// login.
    pub redirect_uri: Option<String>,
    /// What a login counts as for `forceLoginMethod`: `claudeai`, `console` or `gateway`.
    pub method: Option<String>,
    /// The claim of the ID token that names the organisation, for `forceLoginOrgUUID`.
    pub organization_claim: Option<String>,
    /// Whether a new login revokes the tokens of the one before. Some servers end the new one with them.
    #[serde(default)]
    pub revoke_replaced: bool,
    /// More parameters of the authorization request, such as `prompt` or `resource`. Those of the protocol itself are refused.
    #[serde(default)]
    pub authorization_parameters: BTreeMap<String, String>,
}

// === impl Flow ===

impl Flow {
    /// How long a person may take at most. A code of the device flow ends when its server says, which is sooner.
    pub fn patience(self) -> Duration {
        match self {
            Self::Browser => Duration::from_secs(600),
            Self::Device => Duration::from_secs(24 * 3600),
        }
    }
}

// === impl Kind ===

impl Kind {
    /// Whether it is an OAuth credential: all that managed sessions and login policies allow.
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
    /// As the configuration writes it.
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
