//! Signed assertions: JWTs (RFC 7515, compact; RFC 7523).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{RsaEncoding, RsaKeyPair},
};
use serde_json::Value;

/// An assertion with `header` and `claims`, signed with `key`.
pub(super) fn sign(
    header: &Value,
    claims: &Value,
    key: &RsaKeyPair,
    how: &'static dyn RsaEncoding,
) -> Option<String> {
    let text = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(format!("{text}.{}", encode(&signature)))
}

/// Bytes as JWTs have them.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
