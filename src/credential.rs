//! Terms for a credential that both sides use.

use crate::{proto::v1::issued, secret::Secret};

/// How a secret goes into an HTTP request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// As header `x-api-key`.
    #[default]
    ApiKey,
    /// As header `authorization: Bearer …`.
    Bearer,
    /// As both headers: how an `apiKeyHelper`'s output is sent (`spec/behaviour.md` D).
    ApiKeyAndBearer,
    /// Not sent: requests are signed with it (AWS Signature Version 4).
    SigV4,
}

/// Why a lease is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the first one of the stream.
    Initial,
    /// The previous one was due for refresh.
    Refreshed,
    /// Settings or trust changed.
    SettingsChanged,
    /// The API rejected the previous one.
    Rejected,
}

/// Keys that sign requests to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKeys {
    /// Access key id. Not a secret by itself.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: Secret,
    /// Session token; `None` for long-lived keys.
    pub session_token: Option<Secret>,
}

/// The variables of a session that hold its AWS keys: id, secret, and the token of temporary ones. A lease that names
/// the first means all of them.
pub const AWS_KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The old name of the token; AWS's tools read it first.
pub const AWS_OLD_TOKEN: &str = "AWS_SECURITY_TOKEN";
/// The variable with the expiry of the AWS keys of a session.
pub const AWS_EXPIRATION: &str = "AWS_CREDENTIAL_EXPIRATION";

/// Longest secret a command may print (`spec/behaviour.md` A2, `apiKeyHelper`).
pub const MAX_SECRET_LEN: usize = 16_384;

/// Prefix of the tokens from Anthropic's own login and from `claude setup-token`.
const OAUTH_TOKEN: &str = "sk-ant-oat";
/// The header that accompanies such a token, and its value.
pub const OAUTH_HEADER: (&str, &str) = ("anthropic-beta", "oauth-2025-04-20");

/// Whether `secret` is an OAuth token of Anthropic's, which the API accepts only with [`OAUTH_HEADER`].
pub fn is_oauth_token(secret: &str) -> bool {
    secret.starts_with(OAUTH_TOKEN)
}

impl Scheme {
    /// The word for people and for JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Bearer => "bearer",
            Self::ApiKeyAndBearer => "api-key-and-bearer",
            Self::SigV4 => "sigv4",
        }
    }

    /// The HTTP headers that carry `secret`, as (name, value); none if requests are signed with it.
    pub fn headers(self, secret: &str) -> Vec<(&'static str, String)> {
        let key = || ("x-api-key", secret.to_owned());
        let bearer = || ("authorization", format!("Bearer {secret}"));
        match self {
            Self::ApiKey => vec![key()],
            Self::Bearer => vec![bearer()],
            Self::ApiKeyAndBearer => vec![key(), bearer()],
            Self::SigV4 => Vec::new(),
        }
    }
}

impl Why {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Refreshed => "refreshed",
            Self::SettingsChanged => "settings-changed",
            Self::Rejected => "rejected",
        }
    }

    /// Decoded; an unknown one counts as a refresh.
    #[doc(hidden)]
    pub fn from_proto(reason: issued::Reason) -> Self {
        match reason {
            issued::Reason::Unspecified | issued::Reason::Refreshed => Self::Refreshed,
            issued::Reason::Initial => Self::Initial,
            issued::Reason::SettingsChanged => Self::SettingsChanged,
            issued::Reason::Rejected => Self::Rejected,
        }
    }

    /// Encoded.
    #[doc(hidden)]
    pub fn to_proto(self) -> issued::Reason {
        match self {
            Self::Initial => issued::Reason::Initial,
            Self::Refreshed => issued::Reason::Refreshed,
            Self::SettingsChanged => issued::Reason::SettingsChanged,
            Self::Rejected => issued::Reason::Rejected,
        }
    }
}
