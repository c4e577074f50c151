//! `service_account`: a private key that signs an assertion (RFC 7523), which is exchanged for a token.
//!
//! gcp_auth reads the key and signs. The exchange is our own: gcp_auth would try five times without a deadline, past the
//! session's proxy, and keep the server's error to itself.

use super::{
    Declined,
    file::Fields,
    http,
    token::{Token, Whose},
    url,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use claviger::{reason::Reason, secret::Secret};
use gcp_auth::CustomServiceAccount;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// For how long an assertion is good, the longest that Google takes.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Whom an assertion is for, whatever `token_uri` says: as google-auth has it.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google's own universe, which has a token server. In others the assertion itself is the token.
pub(super) const UNIVERSE: &str = "googleapis.com";
const HINT: &str = "the key may be revoked, or the service account disabled: `gcloud iam service-accounts keys list` \
                    shows them";

/// The token for a key.
///
/// # Errors
/// Why there is none.
pub(super) async fn token(fields: &Fields<'_>, scopes: &[&str]) -> Result<Token, Declined> {
    let (email, token_uri) = (fields.text("client_email")?, fields.text("token_uri")?);
    let server = url::secure(fields, "token_uri", token_uri)?;
    let now = SystemTime::now();
    let mut claims = json!({
        "iss": email, "scope": scopes.join(" "), "iat": seconds(now), "exp": seconds(now + LIFETIME),
    });
    if fields.optional("universe_domain")?.is_some_and(|domain| domain != UNIVERSE) {
        claims["sub"] = json!(email);
        let secret = Secret::new(assertion(fields, &claims)?);
        return Ok(Token { secret, expires_at: Some(now + LIFETIME) });
    }
    claims["aud"] = json!(AUDIENCE);
    let assertion = assertion(fields, &claims)?;
    let form = [("assertion", assertion.as_str()), ("grant_type", GRANT)];
    let request = http::request(Method::POST, &server)?.form(&form);
    Token::from_oauth(&http::send(&server, request).await?, Whose::Machine(HINT), now)
}

/// A signed JWT (RFC 7515, compact).
pub(crate) fn assertion(fields: &Fields<'_>, claims: &Value) -> Result<String, Declined> {
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = fields.optional("private_key_id")? {
        header["kid"] = json!(id);
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(claims));
    let key = key(fields)?;
    let signature = key.signer().sign(text.as_bytes()).map_err(|_| no_key(fields))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn key(fields: &Fields<'_>) -> Result<CustomServiceAccount, Declined> {
    let file = json!({
        "client_email": fields.text("client_email")?, "private_key": fields.text("private_key")?,
        "token_uri": fields.text("token_uri")?,
    });
    CustomServiceAccount::from_json(&file.to_string()).map_err(|error| match error {
        gcp_auth::Error::Io(..) => {
            Declined::new(Reason::SettingsInvalid, "the certificates to trust cannot be loaded")
                .hint("check SSL_CERT_FILE and SSL_CERT_DIR")
        }
        _ => no_key(fields),
    })
}

fn no_key(fields: &Fields<'_>) -> Declined {
    fields.wrong("private_key", "is not an RSA key as Google makes them (PKCS #8 in PEM)")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
