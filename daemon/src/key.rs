//! Identity of a cache entry, of an account's child, and of a command that signs a person in.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Identity of a cache entry: a digest of exactly the inputs a provider was bound with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey([u8; 16]);

/// A key with its inputs, so that the difference of two keys of one source can be described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The key.
    pub key: SourceKey,
    /// Name and digest of each input; the value may be a secret.
    inputs: BTreeMap<Cow<'static, str>, u64>,
}

/// Name of the input for a command's text.
pub const COMMAND: &str = "the command";
/// Name of the input for its working directory.
pub const DIRECTORY: &str = "its directory";
/// Name of the input for the sign-in command.
pub const SIGNER: &str = "the command that signs in";
/// Name of the input for the request to an SDK.
pub const REQUEST: &str = "what the SDK is asked";

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

// === impl Identity ===

impl Identity {
    /// Of `source`, with the name and value of each input.
    pub fn of<'a>(source: &'a str, inputs: impl IntoIterator<Item = (Cow<'static, str>, &'a str)>) -> Self {
        let inputs: Vec<_> = inputs.into_iter().collect();
        let key = SourceKey::of(source, inputs.iter().flat_map(|(name, value)| [&**name, value]));
        let digest = |value: &str| {
            let SourceKey(digest) = SourceKey::of("", [value]);
            digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        Self { key, inputs: inputs.into_iter().map(|(name, value)| (name, digest(value))).collect() }
    }

    /// The names of the inputs in which it differs from `other`.
    pub fn differs_from<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let here = self.inputs.iter().filter(|(name, value)| other.inputs.get(*name) != Some(value));
        let there = other.inputs.keys().filter(|name| !self.inputs.contains_key(*name));
        here.map(|(name, _)| &**name).chain(there.map(|name| &**name)).collect()
    }
}

impl Identity {
    /// The inputs in which it differs from the one of `others` that is most alike.
    pub fn apart<'a>(&'a self, others: impl Iterator<Item = &'a Self>) -> BTreeSet<&'a str> {
        let others = others.filter(|other| other.key != self.key);
        others.map(|other| self.differs_from(other)).min_by_key(BTreeSet::len).unwrap_or_default()
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written by hand: a warm request formats its key twice, and the standard formatting takes ten times as long.
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

// As text: any release reads it.
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
    use super::{Identity, SourceKey};

    #[test]
    fn two_identities_differ_by_names() {
        let of = |inputs: &[(&'static str, &'static str)]| {
            Identity::of("s", inputs.iter().map(|(name, value)| ((*name).into(), *value)))
        };
        let one = of(&[("command", "op"), ("HOME", "/h")]);
        assert_eq!(one, of(&[("command", "op"), ("HOME", "/h")]));
        let other = of(&[("command", "op"), ("HOME", "/i"), ("LANG", "C")]);
        assert_ne!(one.key, other.key);
        let names: Vec<_> = one.differs_from(&other).into_iter().collect();
        assert_eq!(names, ["HOME", "LANG"]);
        assert_eq!(one.differs_from(&other), other.differs_from(&one));
    }

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
