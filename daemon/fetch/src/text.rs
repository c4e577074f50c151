//! The part of a server's text that is passed on: short error codes. Pure.

/// Longest error code that is repeated.
const MAX_CODE: usize = 64;

/// Whether `text` has the form of an error code: then it can be shown.
pub(super) fn is_code(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !text.is_empty() && text.len() <= MAX_CODE && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::{MAX_CODE, is_code};

    #[test]
    fn codes_are_words() {
        assert!(is_code("invalid_grant") && is_code("AADSTS50076") && is_code(&"c".repeat(MAX_CODE)));
        for bad in ["", "a sentence", "sk:1", "ä", "a\n", &"c".repeat(MAX_CODE + 1)] {
            assert!(!is_code(bad), "{bad:?}");
        }
    }
}
