//! Error codes: the only part of a server's message that is repeated. Pure.

use crate::codes::azure;
use serde_json::Value;
use std::ops::RangeInclusive;

/// Most codes that are repeated.
const MAX_CODES: usize = 4;
/// The numbers of Entra's codes ("Microsoft Entra authentication and authorization error codes").
const NUMBERS: RangeInclusive<u64> = 10_000..=9_999_999;

/// The error codes of an answer: OAuth's word (RFC 6749, section 5.2), then Entra's numbers.
pub(crate) fn codes(answer: &Value) -> Vec<String> {
    let word = answer.get("error").and_then(Value::as_str).map(azure);
    let numbers = answer.get("error_codes").and_then(Value::as_array);
    let numbers = numbers.into_iter().flatten().filter_map(Value::as_u64).filter_map(entra_code);
    let text = answer.get("error_description").and_then(Value::as_str).unwrap_or_default();
    let mut codes: Vec<String> = word.map(str::to_owned).into_iter().collect();
    for code in numbers.chain(entra_codes(text)) {
        if !codes.contains(&code) && codes.len() < MAX_CODES {
            codes.push(code);
        }
    }
    codes
}

/// Entra's error codes in a text.
pub(super) fn entra_codes(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("AADSTS").skip(1).filter_map(|rest| {
        let digits = rest.find(|char: char| !char.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
        entra_code(digits.parse().ok()?)
    })
}

/// Entra has some thousand codes, and new ones every month, so they are recognised by their form.
fn entra_code(number: u64) -> Option<String> {
    NUMBERS.contains(&number).then(|| format!("AADSTS{number}"))
}

#[cfg(test)]
mod tests {
    use super::codes;
    use serde_json::json;

    #[test]
    fn only_codes_are_repeated() {
        let answer = json!({
            "error": "invalid_client", "error_codes": [7_000_215],
            "error_description": "AADSTS7000215: Invalid client secret sk-1 provided.\r\nTrace AADSTS50 x AADSTS50076, AADSTS12345678901",
        });
        assert_eq!(codes(&answer), ["invalid_client", "AADSTS7000215", "AADSTS50076"]);
        let planted = json!({ "error": "sk-secret", "error_codes": [1, 12_345_678_901_u64] });
        assert_eq!(codes(&planted), ["an unknown error code"]);
        assert!(codes(&json!({ "error": { "code": 1 }, "error_codes": "x" })).is_empty());
    }
}
