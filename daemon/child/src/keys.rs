//! Keys of AWS, and their text form for messages and the cache.

use claviger::secret::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Keys that sign requests to AWS. Their text is JSON; the cache holds it as a [`Secret`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: String,
    /// Session token of temporary keys.
    pub token: Option<String>,
}

// === impl Keys ===

impl Keys {
    /// As text.
    pub fn to_text(&self) -> Secret<String> {
        // A struct of strings always has a JSON text.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// From its text.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Checks that all parts are valid in a header, a variable and an INI file. The error names the invalid part.
    ///
    /// # Errors
    /// The name of that part.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        match self {
            _ if !is_plain(&self.id) => Err("AccessKeyId"),
            _ if !is_plain(&self.secret) => Err("SecretAccessKey"),
            _ if self.token.as_deref().is_some_and(|token| !is_plain(token)) => Err("SessionToken"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(REDACTED)")
    }
}
