//! Identity of a cache entry, of an account's child, and of a command that signs a person in.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Identity of a cache entry: a digest of exactly the inputs a provider was bound with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey([u8; 16]);

const HEX: &[u8; 16] = b"0123456789abcdef";

// === impl SourceKey ===

impl SourceKey {
    /// Digest over `source` and `inputs`. Each is preceded by its length, so that no two lists share a digest.
    pub fn of<'a>(source: &'a str, inputs: impl IntoIterator<Item = &'a str>) -> Self {
        let mut digest = Sha256::new();
        for input in std::iter::once(source).chain(inputs) {
            digest.update((input.len() as u64).to_le_bytes());
            digest.update(input);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&digest.finalize()[..16]);
        Self(key)
    }

    /// From its hex text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written by hand: a warm request shows its key twice, and a number's formatting takes ten times as long.
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

// As text: what one daemon writes, another of any release reads.
impl Serialize for SourceKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("it is not a key"))
    }
}

impl fmt::Debug for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::SourceKey;

    #[test]
    fn keys_differ_where_inputs_do() {
        let key = |inputs: &[&str]| SourceKey::of("s", inputs.iter().copied());
        assert_ne!(key(&["a", "b"]), key(&["ab"]));
        assert_ne!(key(&["a", ""]), key(&["", "a"]));
        assert_ne!(SourceKey::of("s", ["a"]), SourceKey::of("t", ["a"]));
        assert_eq!(key(&["a"]), key(&["a"]));
    }

    #[test]
    fn text_parses_back() {
        let key = SourceKey::of("s", ["a"]);
        assert_eq!(SourceKey::parse(&key.to_string()), Some(key));
        for bad in ["", "1", "+0000000000000000000000000000001", "zz"] {
            assert_eq!(SourceKey::parse(bad), None, "{bad}");
        }
    }
}
