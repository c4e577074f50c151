//! Terms for a credential that both sides use.

use crate::secret::Secret;

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
