//! Secrets that a lease leaves in the environment of this process.

use crate::{
    credential::{AWS_EXPIRATION, AWS_KEYS, AWS_OLD_TOKEN, AwsKeys},
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    variables::{self, Use},
    wire,
};
use prost_types::Timestamp;
use std::{env, time::SystemTime};

/// The value of a secret variable of this process. Others are refused: the daemon must not be able to ask for them.
pub(super) fn secret(name: &str) -> Result<Secret, Problem> {
    if variables::usage(name) != Some(Use::Secret) {
        return Err(Problem::new(
            Reason::Bug,
            "the daemon asks for a variable that is not on the list of secrets",
        ));
    }
    env::var(name).map(Secret::new).map_err(|error| match error {
        env::VarError::NotPresent => {
            Problem::new(Reason::Bug, format!("{name} is not set, but was a moment ago"))
        }
        env::VarError::NotUnicode(_) => {
            Problem::new(Reason::MalformedRequest, format!("{name} is not UTF-8"))
        }
    })
}

/// The session's own keys, as AWS's tools find them.
pub(super) fn keys() -> Result<AwsKeys, Problem> {
    let [id, secret, token] = AWS_KEYS;
    // Of these only the token may be missing.
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let token = [AWS_OLD_TOKEN, token].into_iter().find(is_set);
    let keys = AwsKeys {
        access_key_id: key(id)?.expose().clone(),
        secret_access_key: key(secret)?,
        session_token: token.map(key).transpose()?,
    };
    match expiry()? {
        Some(at) if at <= SystemTime::now() => {
            let message = format!("the keys in {id} have expired, according to {AWS_EXPIRATION}");
            Err(Problem::new(Reason::LoginRequired, message)
                .hint("set new ones, or take these away to use your profile")
                .remedy(Remedy::unset(&[id, secret, AWS_KEYS[2], AWS_EXPIRATION])))
        }
        _ => Ok(keys),
    }
}

/// When the session's own keys expire, if a variable has it.
pub(super) fn expiry() -> Result<Option<SystemTime>, Problem> {
    let Some(text) = env::var_os(AWS_EXPIRATION).filter(|value| !value.is_empty()) else { return Ok(None) };
    let at = text.to_str().and_then(|text| text.parse::<Timestamp>().ok());
    at.as_ref().and_then(wire::system_time).map(Some).ok_or_else(|| {
        Problem::new(Reason::SettingsInvalid, format!("{AWS_EXPIRATION} is not an instant"))
            .hint("write it as 2030-01-31T12:00:00Z, or take it away")
    })
}

/// Checks that a key can be sent in a header.
fn key(name: &str) -> Result<Secret, Problem> {
    let value = secret(name)?;
    match value.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(value),
        false => Err(Problem::new(
            Reason::SettingsInvalid,
            format!("{name} has white space, or a character that no key has"),
        )
        .hint("set it to the key and nothing else")),
    }
}
