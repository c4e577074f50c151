//! What servers answer, what credentials files hold, and what a person pastes during a login.

use crate::{CANARY, check_problem, choice};
use claviger_child::{Declined, is_token};
use clavigerd_fetch::fuzz;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A first line that says what it is, and the rest. What is not said is everything.
pub fn servers(input: &[u8]) {
    let (what, rest) = choice(input);
    match what {
        b"token" => token(rest),
        b"file" => file(rest),
        b"pasted" => pasted(rest),
        b"program" => program(rest),
        b"pem" => drop(fuzz::certificate(rest)),
        b"record" => record(rest),
        b"pause" => pause(rest),
        _ => {
            for target in [token, file, pasted, program, record, pause] {
                target(input);
            }
        }
    }
}

/// The answer of a token endpoint: what is lent can stand in a header and has not expired, and no message repeats it.
fn token(body: &[u8]) {
    if let Some(granted) = fuzz::granted(body) {
        assert!(granted.tokens.iter().flatten().all(|token| is_token(token.0.expose())));
        assert!(!granted.shown.contains(CANARY), "{}", granted.shown);
        let now = milliseconds(fuzz::now());
        assert!(granted.expires_at_ms.is_none_or(|at| (now..now + (10 << 40)).contains(&at)));
    }
    for status in [200, 302, 400, 401, 429, 500] {
        for provided in fuzz::google(status, body).into_iter().flatten() {
            match provided {
                Ok(provided) => {
                    assert!(status == 200 && is_token(provided.secret.expose()));
                    assert!(provided.expires_at.is_none_or(|at| at >= fuzz::now()));
                }
                Err(declined) => check_problem(&declined.problem),
            }
        }
    }
    let Ok(text) = std::str::from_utf8(body) else { return };
    match fuzz::id_token(text.trim()) {
        Ok(names) => assert!(!names.iter().flatten().any(|name| name.chars().any(char::is_control))),
        Err(declined) => check_problem(&declined.problem),
    }
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let codes = fuzz::entra_codes(&value);
        assert!(codes.len() <= 4 && !codes.concat().contains(CANARY));
    }
}

/// A credentials file: secrets are sent to https or to this machine, whatever the file says.
fn file(content: &[u8]) {
    let Ok(content) = serde_json::from_slice::<Value>(content) else { return };
    match fuzz::credentials_file(&content) {
        Ok(urls) => {
            let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
            assert!(urls.iter().all(is_url));
            assert!(!urls.iter().any(|url| url.split('/').nth(2).unwrap_or_default().contains('@')));
        }
        Err(declined) => check_problem(&declined.problem),
    }
}

/// A code counts beside the state of the login, or alone, and nothing of an address is repeated.
fn pasted(address: &[u8]) {
    let Ok(address) = std::str::from_utf8(address) else { return };
    match fuzz::pasted(address) {
        Ok(Some(code)) => {
            assert!(!code.expose().is_empty());
            let is_alone = address.trim() == code.expose();
            assert!(is_alone || address.contains("state") || address.contains('%'));
        }
        Ok(None) => {}
        Err(declined) => check_problem(&declined.problem),
    }
}

fn program(output: &[u8]) {
    match fuzz::executable(output) {
        Ok(token) => assert!(!token.expose().is_empty()),
        Err(declined) => check_problem(&declined.problem),
    }
}

fn record(text: &[u8]) {
    if let Some(written) = fuzz::record(text) {
        let again = fuzz::record(written.expose()).expect("what was written is read");
        assert!(again == written, "a record changes by being written");
    }
}

fn pause(text: &[u8]) {
    let (after, date) = choice(text);
    if let (Ok(after), Ok(date)) = (std::str::from_utf8(after), std::str::from_utf8(date)) {
        let declined = Declined::sign_in("x").retry_after(fuzz::retry_after(after, date));
        assert!(declined.problem.retry_after.is_none_or(|pause| pause <= Duration::from_secs(300)));
    }
}

fn milliseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
