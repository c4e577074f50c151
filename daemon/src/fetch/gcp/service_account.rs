//! `service_account`: a private key that signs an assertion (RFC 7523), which is exchanged for a token.

use super::{
    Trouble,
    file::Fields,
    http,
    token::{Token, Whose},
    url,
};
use crate::fetch::jwt;
use claviger::secret::Secret;
use reqwest::Method;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
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
pub(super) async fn token(fields: &Fields<'_>, scopes: &[&str]) -> Result<Token, Trouble> {
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

/// An assertion, signed with the file's key.
fn assertion(fields: &Fields<'_>, claims: &Value) -> Result<String, Trouble> {
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = fields.optional("private_key_id")? {
        header["kid"] = json!(id);
    }
    let key = PrivatePkcs8KeyDer::from_pem_slice(fields.text("private_key")?.as_bytes()).ok();
    key.and_then(|key| RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok())
        .and_then(|key| jwt::sign(&header, claims, &key, &RSA_PKCS1_SHA256))
        .ok_or_else(|| fields.wrong("private_key", "is not an RSA key as Google makes them (PKCS #8 in PEM)"))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
