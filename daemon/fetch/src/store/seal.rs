//! Seals records for the file store, so that a copy of the file alone (a backup, a synchronised directory) reveals
//! nothing.
//!
//! It protects against stray copies, not against other processes of this user: those can read the key as well, unless it
//! is a credential of the service manager.

use claviger::secret::Secret;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
    error::Unspecified,
    rand::{SecureRandom as _, SystemRandom},
};

/// Start of every sealed file; the last byte is the version. Then the kind of its key follows.
const MAGIC: &[u8; 4] = b"CLV1";
/// Length of a key, in bytes.
pub(super) const KEY_LEN: usize = 32;

/// Why a sealed text cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// Another version of claviger wrote it.
    Version,
    /// It was truncated, changed, is another account's, or was sealed with another key.
    Damaged,
}

/// Origin of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The file beside the sealed ones.
    File = b'f' as isize,
    /// A credential of the service manager.
    Credential = b'c' as isize,
}

/// A key for sealing.
pub(super) struct Key {
    key: LessSafeKey,
    origin: Origin,
}

/// The key that a sealed text needs.
pub(super) fn origin(sealed: &[u8]) -> Result<Origin, Unopened> {
    match sealed.split_at_checked(MAGIC.len()) {
        Some((magic, [b'f', ..])) if magic == MAGIC => Ok(Origin::File),
        Some((magic, [b'c', ..])) if magic == MAGIC => Ok(Origin::Credential),
        Some((magic, _)) if magic != MAGIC && magic.starts_with(b"CLV") => Err(Unopened::Version),
        _ => Err(Unopened::Damaged),
    }
}

impl Key {
    /// From secret bytes of any length.
    pub(super) fn new(bytes: &Secret<Vec<u8>>, origin: Origin) -> Result<Self, Unspecified> {
        // Hashed, so that a credential of any length will do.
        let key = digest(&SHA256, bytes.expose());
        Ok(Self { key: LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_ref())?), origin })
    }

    /// Random bytes for a new key.
    pub(super) fn random() -> Result<Secret<Vec<u8>>, Unspecified> {
        let mut bytes = Secret::new(vec![0; KEY_LEN]);
        SystemRandom::new().fill(bytes.expose_mut())?;
        Ok(bytes)
    }

    /// Seals `text` for `account`. Nonces are random: 96 bits, for the few thousand texts of an account.
    pub(super) fn seal(&self, account: &str, text: &Secret<Vec<u8>>) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce)?;
        // With room for the tag, because growing would leave a copy of the plain text behind.
        let mut body = Secret::new(Vec::with_capacity(text.expose().len() + CHACHA20_POLY1305.tag_len()));
        body.expose_mut().extend_from_slice(text.expose());
        let sealed = body.expose_mut();
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(account), sealed)?;
        Ok([&MAGIC[..], &[self.origin as u8], &nonce[..], body.expose()].concat())
    }

    /// Opens a text that was sealed for `account`.
    pub(super) fn open(&self, account: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, Unopened> {
        if origin(sealed)? != self.origin {
            return Err(Unopened::Damaged);
        }
        let rest = &sealed[MAGIC.len() + 1..];
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unopened::Damaged)?;
        let mut body = Secret::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(account), body.expose_mut());
        let len = opened.map_err(|Unspecified| Unopened::Damaged)?.len();
        body.expose_mut().truncate(len);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Origin, Secret, Unopened};

    fn key(byte: u8) -> Key {
        Key::new(&Secret::new(vec![byte; 5]), Origin::File).expect("a key")
    }

    #[test]
    fn only_the_same_key_and_account_open_it() {
        let text = Secret::new(b"canary".to_vec());
        let sealed = key(1).seal("a", &text).expect("sealed");
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_ne!(sealed, key(1).seal("a", &text).expect("sealed"));
        assert_eq!(key(1).open("a", &sealed).expect("opened").expose(), b"canary");
        assert_eq!(key(2).open("a", &sealed).err(), Some(Unopened::Damaged));
        assert_eq!(key(1).open("b", &sealed).err(), Some(Unopened::Damaged));
    }

    #[test]
    fn damage_is_noticed_at_every_byte() {
        let sealed = key(1).seal("a", &Secret::new(b"canary".to_vec())).expect("sealed");
        for len in 0..sealed.len() {
            assert!(key(1).open("a", &sealed[..len]).is_err(), "cut to {len}");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key(1).open("a", &changed).is_err(), "changed at {at}");
        }
        assert_eq!(key(1).open("a", b"CLV2xxxx").err(), Some(Unopened::Version));
    }
}
