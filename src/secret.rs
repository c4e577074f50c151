//! A wrapper for secret material: no `Display`, a redacting `Debug`, zeroed when dropped. It is the message `Secret` of the API, too.

use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{DecodeContext, WireType, skip_field, string},
};
use std::fmt;
use zeroize::Zeroize;

/// Secret material. The only way to the content is [`Secret::expose`].
///
/// ```
/// let secret = claviger::Secret::from("sk-1");
/// assert_eq!(format!("{secret:?}"), "Secret(REDACTED)");
/// assert_eq!(secret.expose(), "sk-1");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret<T: Zeroize = String>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The content. Each call marks a place where a secret leaves its wrapper.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The content, for filling it in. The caller must ensure that growing leaves no copy behind.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(REDACTED)")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Number of the field `value` in the message `Secret` (`credentials.proto`).
const VALUE: u32 = 1;

impl Message for Secret {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        if !self.0.is_empty() {
            string::encode(VALUE, &self.0, buffer);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            VALUE => string::merge(wire_type, &mut self.0, buffer, context),
            _ => skip_field(wire_type, tag, buffer, context),
        }
    }

    fn encoded_len(&self) -> usize {
        if self.0.is_empty() { 0 } else { string::encoded_len(VALUE, &self.0) }
    }

    fn clear(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;
    use prost::Message as _;

    #[test]
    fn it_is_the_message_of_the_api() {
        // Field 1, length-delimited, as protoc encodes it; a field of a later release is skipped.
        let encoded = b"\x0a\x06canary";
        assert_eq!(Secret::from("canary").encode_to_vec(), encoded);
        assert_eq!(Secret::decode(&[&encoded[..], b"\x10\x07"].concat()[..]), Ok(Secret::from("canary")));
        assert!(Secret::<String>::default().encode_to_vec().is_empty());
    }

    #[test]
    fn debug_text_is_pinned() {
        let secret = Secret::new(String::from("canary"));
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(REDACTED) Some(Secret(REDACTED))");
    }
}
