//! `[oauth.NAME]` of `~/.config/claviger/config.toml`: the authorization server, the client, and the audience of the
//! token.
//!
//! None is built in (DESIGN §8): an organisation or a person writes its own section.

use crate::{config, endpoint::Endpoint, settings::METHODS};
use claviger::reason::{Problem, Reason};
pub use claviger_child::account::Registration;
use claviger_child::is_loopback;
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// Parameters of the authorization request that claviger itself sets.
const OWN_PARAMETERS: [&str; 8] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];

/// The part of the file that is read here.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    oauth: BTreeMap<String, Registration>,
}

/// Whether `account` was signed in at the authorization server of `section`. A section can be rewritten, and the secret
/// of a client must not be sent to the previous server.
pub(super) fn signed_in(section: &Registration, account: &super::Account) -> bool {
    let own = section.issuer.as_ref().or(section.authorization_endpoint.as_ref());
    let trimmed = |url: &'_ String| url.trim_end_matches('/').to_owned();
    own.map(trimmed) == account.issuer.as_ref().map(trimmed)
}

/// Every section of the file at `path`, by name.
///
/// # Errors
/// `settings-invalid` with file, line and column.
pub fn read(path: &Path) -> Result<BTreeMap<String, Registration>, Problem> {
    parse(&path.display().to_string(), &config::read(path)?)
}

/// Every section of a file's text.
///
/// # Errors
/// `settings-invalid`.
pub fn parse(path: &str, text: &str) -> Result<BTreeMap<String, Registration>, Problem> {
    let hint = "`claviger login --help` shows a complete section";
    let file: File =
        toml_edit::de::from_str(text).map_err(|error| config::invalid(path, text, &error).hint(hint))?;
    let mut sections = BTreeMap::new();
    for (name, mut section) in file.oauth {
        let at = config::location(path, text, text.find(&format!("[oauth.{name}]")).unwrap_or_default());
        let wrong = |why: String| {
            Problem::new(Reason::SettingsInvalid, format!("[oauth.{name}]: {why}")).hint(hint).at(&at)
        };
        super::check_name(&name).map_err(|_| wrong("that is not a name for an account".to_owned()))?;
        section.audience = check(&section).map_err(wrong)?;
        sections.insert(name, section);
    }
    Ok(sections)
}

/// Checks a section, and returns the origin of its audience.
fn check(section: &Registration) -> Result<String, String> {
    if section.client_id.trim().is_empty() {
        return Err("client_id is empty".into());
    }
    if section.issuer.is_none() && section.token_endpoint.is_none() {
        return Err("it needs an issuer, or a token_endpoint with an authorization_endpoint".into());
    }
    if section.client_secret_file.is_some() && section.client_secret_command.is_some() {
        return Err("client_secret_file and client_secret_command are both set".into());
    }
    if let Some(method) = &section.method
        && !METHODS.contains(&method.as_str())
    {
        return Err("method is not one of claudeai, console and gateway".into());
    }
    if let Some(name) =
        OWN_PARAMETERS.into_iter().find(|name| section.authorization_parameters.contains_key(*name))
    {
        return Err(format!("authorization_parameters may not set {name}: each login has its own"));
    }
    let urls = [
        ("issuer", &section.issuer),
        ("authorization_endpoint", &section.authorization_endpoint),
        ("token_endpoint", &section.token_endpoint),
        ("device_authorization_endpoint", &section.device_authorization_endpoint),
        ("revocation_endpoint", &section.revocation_endpoint),
    ];
    for (key, url) in urls {
        url.as_deref().map_or(Ok(()), |url| check_url(key, url))?;
    }
    if let Some(redirect) = &section.redirect_uri {
        check_redirect(redirect)?;
    }
    origin("audience", &section.audience)
}

/// A redirect must lead to this machine (RFC 8252, section 7.3); the port is added at each login.
fn check_redirect(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
    match rest {
        Some((host, path)) if is_loopback(host) && !path.contains(['?', '#', ' ']) => Ok(()),
        _ => {
            Err("redirect_uri is not like http://127.0.0.1/callback: a loopback host, no port, a path".into())
        }
    }
}

fn check_url(key: &str, url: &str) -> Result<(), String> {
    let base = url.split(['?', '#']).next().unwrap_or_default();
    let endpoint = Endpoint::parse(base, None).map_err(|why| format!("{key} is not a usable URL: {why}"))?;
    match endpoint.is_private() {
        true => Ok(()),
        false => Err(format!("{key} is neither https nor on this machine")),
    }
}

/// The origin of a URL that a secret may be sent to.
///
/// # Errors
/// The fault, as the rest of a sentence.
pub fn origin(key: &str, url: &str) -> Result<String, String> {
    check_url(key, url)?;
    Endpoint::parse(url, None).map(|endpoint| endpoint.origin).map_err(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::parse;

    const GOOD: &str = "[oauth.work]\nissuer = \"https://login.example.com\"\nclient_id = \"c\"\naudience = \"https://API.example.com:443/v1\"\n";

    #[test]
    fn a_section_is_read_and_its_audience_is_an_origin() {
        let sections = parse("c.toml", &format!("[settings]\nx = 1\n{GOOD}")).expect("valid");
        assert_eq!(sections["work"].audience, "https://api.example.com");
        assert!(parse("c.toml", "").expect("valid").is_empty());
    }

    #[test]
    fn mistakes_are_located_and_named() {
        for (text, what) in [
            ("issuer = \"http://login.example.com\"", "neither https"),
            ("issuer = \"login\"", "issuer is not a usable URL"),
            ("clientid = \"x\"", "unknown field"),
            ("redirect_uri = \"http://example.com/callback\"", "redirect_uri"),
            ("redirect_uri = \"http://127.0.0.1:80/callback\"", "redirect_uri"),
            ("method = \"sso\"", "method is not one of"),
            ("client_secret_file = \"a\"\nclient_secret_command = \"b\"", "both set"),
            ("authorization_parameters.state = \"1\"", "may not set state"),
        ] {
            let good = if text.starts_with("issuer") { GOOD.replacen("issuer", "#", 1) } else { GOOD.into() };
            let problem = parse("c.toml", &format!("{good}{text}\n")).expect_err(text);
            assert!(problem.message.contains(what), "{text}: {problem}");
            let at = problem.location.expect("a place");
            assert!(at.file == "c.toml" && at.line > 0, "{text}: {at}");
        }
        assert!(parse("c", "[oauth.work]\nclient_id = \"c\"\naudience = \"https://a\"\n").is_err());
    }
}
