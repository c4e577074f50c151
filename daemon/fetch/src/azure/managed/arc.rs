//! Azure Arc: a client proves its permission by reading a file that only members of a group can read (Azure
//! documentation, "Authenticate against Azure resources with Azure Arc-enabled servers").
//!
//! The answering server names that file, so only files that Arc itself can name are read and sent.

use super::{super::Declined, CLIENT};
use crate::file;
use claviger::reason::Reason;
use claviger_child::is_token;
use serde_json::Value;
use std::path::Path;
use zeroize::Zeroizing;

/// Directory of the Arc agent's keys.
const DIRECTORY: &str = "/var/opt/azcmagent/tokens";
/// Largest key file, in bytes; Azure's libraries have the same limit.
const MAX_KEY: usize = 4096;

/// The key requested by a challenge.
///
/// # Errors
/// If it names a file that is not Arc's, or the file cannot be used.
pub(super) fn key(challenge: &str) -> Result<Zeroizing<String>, Declined> {
    let path = path(challenge).ok_or_else(|| {
        Declined::new(
            Reason::SettingsInvalid,
            "the server that answers for Azure Arc asks for a file that is not one of its keys",
        )
        .hint("check IDENTITY_ENDPOINT: it must be the address of the agent of Azure Arc")
    })?;
    let refused = |why: &str| {
        Declined::new(Reason::SettingsInvalid, format!("the key of Azure Arc, {path}, {why}"))
            .hint("members of the group himds can read it: add yourself, and sign in again")
    };
    let bytes = file::read(Path::new(path), MAX_KEY).map_err(|unread| refused(&unread.to_string()))?;
    let text = std::str::from_utf8(&bytes).map(str::trim).ok().filter(|text| is_token(text));
    text.map(|text| Zeroizing::new(text.to_owned())).ok_or_else(|| refused("holds no key"))
}

/// The file of a challenge, if it is one of Arc's keys.
fn path(challenge: &str) -> Option<&str> {
    let (scheme, rest) = challenge.trim().split_once(' ')?;
    let (name, value) = rest.trim().split_once('=')?;
    let path = value.trim().trim_matches('"');
    let name_of_file = path.strip_prefix(DIRECTORY)?.strip_prefix('/')?.strip_suffix(".key")?;
    let is_basic = scheme.eq_ignore_ascii_case("basic") && name.trim().eq_ignore_ascii_case("realm");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (is_basic && !name_of_file.is_empty() && name_of_file.bytes().all(is_plain)).then_some(path)
}

/// The problem of an answer without a challenge.
pub(super) fn unchallenged() -> Declined {
    Declined::new(Reason::SettingsInvalid, "the server that answers for Azure Arc does not ask for its key")
        .hint("check IDENTITY_ENDPOINT: it must be the address of the agent of Azure Arc")
}

/// An old agent ignores the requested identity, and answers with that of the machine.
///
/// # Errors
/// If `answer` does not confirm the app `client`.
pub(super) fn confirm(answer: &Value, client: &str) -> Result<(), Declined> {
    let said = answer.get("client_id").and_then(Value::as_str);
    match said.is_some_and(|said| said.eq_ignore_ascii_case(client)) {
        true => Ok(()),
        false => Err(Declined::new(
            Reason::SettingsInvalid,
            format!("the agent of Azure Arc does not confirm that its token belongs to {CLIENT}"),
        )
        .hint(format!("unset {CLIENT} for the identity of the machine, or update the agent"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{confirm, path};
    use serde_json::json;

    #[test]
    fn only_keys_of_the_agent_are_read() {
        let key = "/var/opt/azcmagent/tokens/7b795fb9-09d3.key";
        for good in ["Basic realm=", "basic Realm=", " Basic  realm = "] {
            assert_eq!(path(&format!("{good}{key}")), Some(key), "{good}");
        }
        assert_eq!(path(&format!("Basic realm=\"{key}\"")), Some(key));
        for bad in [
            "/etc/shadow",
            "/home/me/x.key",
            "/var/opt/azcmagent/tokens/../../../../home/me/x.key",
            "/var/opt/azcmagent/tokens/sub/x.key",
            "/var/opt/azcmagent/tokens//x.key",
            "/var/opt/azcmagent/tokens/.key",
            "/var/opt/azcmagent/tokens/x.key.pem",
            "/var/opt/azcmagent/tokens/x\0.key",
            "/var/opt/azcmagent/tokensx.key",
            "var/opt/azcmagent/tokens/x.key",
            "",
        ] {
            assert_eq!(path(&format!("Basic realm={bad}")), None, "{bad:?}");
        }
        for bad in [key.to_owned(), format!("Bearer realm={key}"), format!("Basic x={key}"), String::new()] {
            assert_eq!(path(&bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_agent_says_whose_token_it_is() {
        assert!(confirm(&json!({ "client_id": "APP-1" }), "app-1").is_ok());
        for other in [json!({}), json!({ "client_id": "app-2" }), json!({ "client_id": 1 })] {
            assert!(confirm(&other, "app-1").is_err(), "{other}");
        }
    }
}
