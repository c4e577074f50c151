//! Anthropic's API, and gateways that speak it: the shape of its errors, and which of them mean the credential
//! (docs.anthropic.com, "Errors"). Pure.

use http::StatusCode;
use serde_json::{Value, json};

/// Longest error that is read, in bytes.
pub(crate) const MAX_ERROR: usize = 64 * 1024;

/// An error in the API's own shape.
pub(crate) fn error(status: StatusCode, message: &str) -> Value {
    let kind = match status.as_u16() {
        // The latter is of a gate without a credential.
        401 | 424 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

/// Whether an answer with `status` may mean that the credential was rejected; its body decides.
pub(crate) fn may_reject(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Whether an answer means that the credential was rejected: each 401, and a 403 unless it is about a model or an organisation.
pub(crate) fn rejects(status: StatusCode, body: &[u8]) -> bool {
    if status != StatusCode::FORBIDDEN {
        return status == StatusCode::UNAUTHORIZED;
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_ascii_lowercase();
    let message = text("message");
    text("type") == "authentication_error"
        || message.contains("token") && ["revoked", "expired"].iter().any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{error, rejects};
    use http::StatusCode;

    #[test]
    fn errors_have_the_shape_of_the_api() {
        let text = error(StatusCode::UNAUTHORIZED, "log in").to_string();
        assert_eq!(text, r#"{"error":{"message":"log in","type":"authentication_error"},"type":"error"}"#);
        assert_eq!(error(StatusCode::BAD_GATEWAY, "")["error"]["type"], "api_error");
        assert_eq!(error(StatusCode::BAD_REQUEST, "")["error"]["type"], "invalid_request_error");
    }

    #[test]
    fn a_403_is_about_a_model_as_a_rule() {
        for (status, body, expected) in [
            (401, "", true),
            (403, "", false),
            (403, "<html>", false),
            (
                403,
                r#"{"error": {"type": "permission_error", "message": "Your API key may not use this model"}}"#,
                false,
            ),
            (
                403,
                r#"{"error": {"type": "permission_error", "message": "OAuth token has been revoked."}}"#,
                true,
            ),
            (403, r#"{"error": {"type": "authentication_error"}}"#, true),
            (429, r#"{"error": {"type": "authentication_error"}}"#, false),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(rejects(status, body.as_bytes()), expected, "{status} {body}");
        }
    }
}
