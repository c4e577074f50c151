//! What helpers of the user print.

use crate::check_message;
use claviger::credential::MAX_SECRET_LEN;
use claviger_child::{Keys, is_token, refresh_at};
use clavigerd::sources::{api_key_helper, aws_export::output};
use serde_json::json;
use std::time::{Duration, SystemTime};

/// The output of `apiKeyHelper` and of `awsCredentialExport`.
pub fn helpers(input: &[u8]) {
    match api_key_helper::token(input) {
        Ok(token) => {
            let text = token.secret.expose();
            assert!(is_token(text) && text.len() <= MAX_SECRET_LEN);
            assert_eq!(text.as_bytes(), input.trim_ascii());
            assert_eq!(token.trimmed, input.strip_suffix(b"\n").unwrap_or(input) != text.as_bytes());
        }
        Err(wrong) => {
            check_message(&wrong.what);
            let text = std::str::from_utf8(input).unwrap_or_default().trim_ascii();
            assert!(!is_token(text) || text.starts_with('{'), "a token is refused: {wrong:?}");
        }
    }
    match output::parse(input) {
        Ok((keys, expires_at)) => exported(&keys, expires_at),
        Err(what) => check_message(&what),
    }
}

/// The keys can stand in a header, a variable and an INI file, and are the same when they are read again.
fn exported(keys: &Keys, expires_at: Option<SystemTime>) {
    let token = keys.token.as_deref().unwrap_or_default();
    for part in [&keys.id, &keys.secret, token] {
        assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    assert_eq!(Keys::from_text(keys.to_text().expose()).as_ref(), Some(keys));
    let printed =
        json!({"Version": 1, "AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "SessionToken": token});
    let again = output::parse(printed.to_string().as_bytes());
    assert_eq!(again, Ok((keys.clone(), None)));
    if let Some(at) = expires_at {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let due = refresh_at(now, at, Duration::from_secs(30), 1.0);
        assert!(due <= at && (due >= now || at < now));
        assert_eq!(claviger::wire::system_time(&claviger::wire::timestamp(at)), Some(at));
    }
}
