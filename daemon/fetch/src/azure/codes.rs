//! Error codes: of what a server says, they alone are repeated. Pure.

use crate::text::is_code;
use serde_json::Value;

/// Most codes that are repeated.
const MAX_CODES: usize = 4;

/// The error codes of an answer: OAuth's word (RFC 6749, section 5.2), then Entra's numbers.
pub(crate) fn codes(answer: &Value) -> Vec<String> {
    let word = answer.get("error").and_then(Value::as_str).filter(|word| is_code(word));
    let numbers = answer.get("error_codes").and_then(Value::as_array);
    let numbers =
        numbers.into_iter().flatten().filter_map(Value::as_u64).map(|number| format!("AADSTS{number}"));
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
        let digits: String = rest.chars().take_while(char::is_ascii_digit).take(10).collect();
        (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
    })
}

#[cfg(test)]
mod tests {
    use super::codes;
    use serde_json::json;

    #[test]
    fn only_codes_are_repeated() {
        let answer = json!({
            "error": "invalid_client", "error_codes": [7_000_215],
            "error_description": "AADSTS7000215: Invalid client secret sk-1 provided.\r\nTrace AADSTS50 x",
        });
        assert_eq!(codes(&answer), ["invalid_client", "AADSTS7000215", "AADSTS50"]);
        assert!(codes(&json!({ "error": "a secret, no code" })).is_empty());
        assert!(codes(&json!({ "error": { "code": 1 }, "error_codes": "x" })).is_empty());
    }
}
