//! Foreign text: secrets as JSON, and text for headers or host names. Pure.

use claviger::{credential::MAX_SECRET_LEN, secret::Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret that is serialised as JSON text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(#[serde(serialize_with = "serialize", deserialize_with = "deserialize")] pub Secret<String>);

pub(crate) fn serialize<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

/// Whether `text` can be a bearer token: it goes into a header (RFC 6750, section 2.1).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_SECRET_LEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `text` can be one label of a host name: then it cannot lead to another host.
pub fn is_label(text: &str) -> bool {
    let edges = text.bytes().next().zip(text.bytes().last());
    text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && edges.is_some_and(|(first, last)| first != b'-' && last != b'-')
}

/// Whether a host, as written in a URL, is this machine.
pub fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::{MAX_SECRET_LEN, is_token};

    #[test]
    fn tokens_fit_into_a_header() {
        assert!(is_token("eyJ0.a-b_c~+/=.x") && is_token(&"t".repeat(MAX_SECRET_LEN)));
        for bad in ["", "a b", "a\r\nX: y", "ä", &"t".repeat(MAX_SECRET_LEN + 1)] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }
}
