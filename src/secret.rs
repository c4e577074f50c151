//! A wrapper for secret material: no `Display`, a redacting `Debug`, zeroed when dropped.

use std::fmt;
use zeroize::Zeroize;

/// Secret material. The only way to the content is [`Secret::expose`].
///
/// ```
/// let secret = claviger::secret::Secret::new(String::from("sk-1"));
/// assert_eq!(format!("{secret:?}"), "Secret(REDACTED)");
/// assert_eq!(secret.expose(), "sk-1");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

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

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_text_is_pinned() {
        let secret = Secret::new(String::from("canary"));
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(REDACTED) Some(Secret(REDACTED))");
    }
}
