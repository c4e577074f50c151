//! What of a stranger's text is passed on: tokens, and short error codes. Pure.

use claviger::credential::MAX_SECRET_LEN;

/// Longest error code that is repeated.
const MAX_CODE: usize = 64;

/// Whether `text` can be a bearer token: it goes into a header (RFC 6750, section 2.1).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_SECRET_LEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `text` has the form of an error code: then it can be shown.
pub(super) fn is_code(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !text.is_empty() && text.len() <= MAX_CODE && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::{MAX_CODE, MAX_SECRET_LEN, is_code, is_token};

    #[test]
    fn tokens_fit_into_a_header() {
        assert!(is_token("eyJ0.a-b_c~+/=.x") && is_token(&"t".repeat(MAX_SECRET_LEN)));
        for bad in ["", "a b", "a\r\nX: y", "ä", &"t".repeat(MAX_SECRET_LEN + 1)] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }

    #[test]
    fn codes_are_words() {
        assert!(is_code("invalid_grant") && is_code("AADSTS50076") && is_code(&"c".repeat(MAX_CODE)));
        for bad in ["", "a sentence", "sk:1", "ä", "a\n", &"c".repeat(MAX_CODE + 1)] {
            assert!(!is_code(bad), "{bad:?}");
        }
    }
}
