//! `service_account`: a private key that signs an assertion (RFC 7523), which is exchanged for a token.
//!
//! gcp_auth reads the key and signs. The exchange is our own: gcp_auth would try five times without a deadline, ignore
//! the session's proxy, and hide the server's error.

use super::{
    Declined,
    file::Fields,
    http,
    token::{Token, Whose},
    universe, url,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use claviger::{reason::Reason, secret::Secret};
use gcp_auth::CustomServiceAccount;
use reqwest::Method;
use rustls::pki_types::{PrivatePkcs1KeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Lifetime of an assertion, the longest that Google accepts.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Audience of an assertion, whatever `token_uri` is, as in google-auth.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Version 0 of PKCS #8, and the algorithm rsaEncryption, in DER (RFC 5958, section 2; RFC 8017, appendix A.1).
const RSA: [u8; 18] = [2, 1, 0, 0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
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
    // Only Google's own universe has a token server. In others the assertion itself is the token.
    if !universe::is_own(fields)? {
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
    let key = fields.text("private_key")?;
    let key = as_pkcs8(key).unwrap_or_else(|| Zeroizing::new(key.to_owned()));
    let file = json!({
        "client_email": fields.text("client_email")?, "private_key": key.as_str(),
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
    fields.wrong("private_key", "is not an RSA key in PEM (PKCS #8, as Google makes them, or PKCS #1)")
}

/// A key in PKCS #1 (`BEGIN RSA PRIVATE KEY`) as PKCS #8 (RFC 5958), the form that gcp_auth reads: the same numbers in a frame.
fn as_pkcs8(pem: &str) -> Option<Zeroizing<String>> {
    let key = PrivatePkcs1KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    let numbers = framed(0x04, key.secret_pkcs1_der())?;
    let whole = framed(0x30, &[&RSA[..], &numbers].concat())?;
    let text = Zeroizing::new(STANDARD.encode(&whole));
    Some(Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        text.as_str()
    )))
}

/// A value of DER whose length takes two bytes, as for any RSA key of 1,024 bits or more.
fn framed(tag: u8, content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let [high, low] = u16::try_from(content.len()).ok().filter(|length| *length > 255)?.to_be_bytes();
    Some(Zeroizing::new([&[tag, 0x82, high, low], content].concat()))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
