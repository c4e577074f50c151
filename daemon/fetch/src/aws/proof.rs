//! Proof that a renewal comes from the client that signed in (RFC 9449, DPoP): a token signed with the key in the file
//! of `aws login`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer as _},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The header `DPoP` of a `POST` to `url`; `None` for an invalid key, and on a system without random numbers.
pub(super) fn of(key: &SecretKey, url: &str, now: SystemTime) -> Option<String> {
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).ok()?;
    let point = SigningKey::from(key).verifying_key().to_encoded_point(false);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": encoded(point.x()?), "y": encoded(point.y()?)});
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let issued_at = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let claims = json!({"jti": encoded(id), "htm": "POST", "htu": url, "iat": issued_at});
    let part = |part: Value| encoded(part.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature: Signature = SigningKey::from(key).sign(message.as_bytes());
    Some(format!("{message}.{}", encoded(signature.to_bytes())))
}

/// The key in the form of the file (SEC 1, PEM).
pub(super) fn key(pem: &str) -> Option<SecretKey> {
    SecretKey::from_sec1_pem(&pem.replace("\\n", "\n")).ok()
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
