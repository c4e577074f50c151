//! A token, and the meaning of a token server's answer. Of an answer that is not a token only a documented error code
//! is repeated.

use super::Declined;
use crate::{codes, http::Reply};
use aws_smithy_types::{DateTime, date_time::Format};
use claviger::{reason::Reason, secret::Secret};
use claviger_child::{Facts, Provided, is_token};
use reqwest::StatusCode;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Scope of every token. Vertex accepts no narrower one.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// A longer lifetime is a mistake: Google's tokens are valid for twelve hours at most.
const MAX_LIFETIME: f64 = 366.0 * 86_400.0;
/// Codes of a temporary error, whatever the status.
const PASSING: [&str; 3] = ["internal_failure", "server_error", "temporarily_unavailable"];
/// From this difference on a clock counts as wrong: Google accepts assertions with a smaller one.
const MAX_SKEW: Duration = Duration::from_secs(300);

/// An access token.
pub(crate) struct Token {
    pub(super) secret: Secret<String>,
    /// `None` if its server does not report it.
    pub(super) expires_at: Option<SystemTime>,
}

/// Owner of the credentials sent, which decides what may fix a refusal.
#[derive(Clone, Copy)]
pub(crate) enum Whose {
    /// A person's: signing in again replaces them.
    Person,
    /// A machine's or a service account's; with a hint.
    Machine(&'static str),
}

impl Token {
    /// From an OAuth server's answer (RFC 6749, section 5) to a request that was sent at `asked_at`.
    ///
    /// # Errors
    /// Meaning of an answer that is not a token.
    pub(crate) fn from_oauth(reply: &Reply, whose: Whose, asked_at: SystemTime) -> Result<Self, Declined> {
        let answer = success(reply, whose)?;
        let secret = secret(reply, answer.get("access_token"))?;
        let lifetime = match answer.get("expires_in") {
            None | Some(Value::Null) => None,
            Some(value) => Some(lifetime(reply, value)?),
        };
        Ok(Self { secret, expires_at: lifetime.and_then(|lifetime| asked_at.checked_add(lifetime)) })
    }

    /// From the answer of Google's generateAccessToken.
    ///
    /// # Errors
    /// Meaning of an answer that is not a token.
    pub(crate) fn from_iam(reply: &Reply, whose: Whose, asked_at: SystemTime) -> Result<Self, Declined> {
        let answer = success(reply, whose)?;
        let secret = secret(reply, answer.get("accessToken"))?;
        let text = answer.get("expireTime").and_then(Value::as_str).ok_or_else(|| no_token(reply))?;
        let time = DateTime::from_str(text, Format::DateTime).map_err(|_| no_token(reply))?;
        let expires_at = SystemTime::try_from(time).map_err(|_| no_token(reply))?;
        match expires_at > asked_at {
            true => Ok(Self { secret, expires_at: Some(expires_at) }),
            false => Err(expired(reply)),
        }
    }

    /// In the form of a link's answer.
    pub(crate) fn provided(self, quota_project: Option<String>) -> Provided {
        let facts = Facts { quota_project, ..Facts::default() };
        Provided { facts, ..Provided::new(self.secret, self.expires_at) }
    }
}

fn success(reply: &Reply, whose: Whose) -> Result<Value, Declined> {
    if let Some(page) = reply.page() {
        return Err(page);
    }
    if !reply.status.is_success() {
        return Err(refusal(reply, whose));
    }
    serde_json::from_slice(&reply.body).map_err(|_| no_token(reply))
}

fn secret(reply: &Reply, value: Option<&Value>) -> Result<Secret<String>, Declined> {
    let text = value.and_then(Value::as_str).filter(|text| is_token(text)).ok_or_else(|| no_token(reply))?;
    Ok(Secret::new(text.to_owned()))
}

/// Seconds; some servers write them as a text.
fn lifetime(reply: &Reply, value: &Value) -> Result<Duration, Declined> {
    let seconds =
        value.as_f64().or_else(|| value.as_str()?.parse::<u64>().ok().map(|seconds| seconds as f64));
    match seconds {
        Some(seconds) if seconds <= 0.0 => Err(expired(reply)),
        Some(seconds) if seconds <= MAX_LIFETIME => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(no_token(reply)),
    }
}

fn expired(reply: &Reply) -> Declined {
    let trouble = Declined::new(
        Reason::SourceUnavailable,
        format!("{} answered with a token that has expired", reply.host),
    );
    with_clock(trouble, reply)
}

/// The problem of an answer that is not a token.
pub(super) fn no_token(reply: &Reply) -> Declined {
    let (host, status) = (&reply.host, reply.status.as_u16());
    Declined::new(Reason::SourceUnavailable, format!("{host} answered with something that is not a token (status {status})"))
        .hint("check the URLs of the credentials file, and whether a proxy or a sign-in page answers instead of the server")
}

/// Meaning of an answer that is not a success.
pub(super) fn refusal(reply: &Reply, whose: Whose) -> Declined {
    let (host, status) = (&reply.host, reply.status);
    let unavailable = |message: String| Declined::new(Reason::SourceUnavailable, message);
    match (status, code(&reply.body)) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => {
            unavailable(format!("{host} is overloaded (status {})", status.as_u16()))
                .retry_after(reply.retry_after())
        }
        (status, _) if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            unavailable(format!("{host} has a problem of its own (status {})", status.as_u16()))
        }
        (status, _) if status.is_redirection() => {
            unavailable(format!("{host} answered with a redirect, and secrets are not sent elsewhere"))
        }
        // As in google-auth, which retries.
        (_, Some(code)) if PASSING.contains(&code) => {
            unavailable(format!("{host} has a problem of its own ({code})"))
        }
        (_, Some(code)) => denied(reply, whose, code),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => denied(reply, whose, "no code"),
        _ => no_token(reply),
    }
}

fn denied(reply: &Reply, whose: Whose, code: &str) -> Declined {
    let host = &reply.host;
    match whose {
        // Revoked, expired, or of a deleted client: a new sign-in replaces all of it.
        Whose::Person if ["invalid_grant", "invalid_client", "unauthorized_client"].contains(&code) => {
            Declined::sign_in(format!("{host} does not accept the stored sign-in any more ({code})"))
        }
        Whose::Person => Declined::new(Reason::UpstreamDenied, format!("{host} refuses a token ({code})"))
            .hint("check with the administrator of your organisation's Google Cloud"),
        Whose::Machine(hint) => {
            let trouble = Declined::new(Reason::UpstreamDenied, format!("{host} refuses a token ({code})"));
            with_clock(trouble.hint(hint), reply)
        }
    }
}

/// A signature contains a time, so a wrong clock explains a refusal.
fn with_clock(trouble: Declined, reply: &Reply) -> Declined {
    let Some(theirs) = reply.date() else { return trouble };
    let skew = SystemTime::now().duration_since(theirs).unwrap_or_else(|ahead| ahead.duration());
    match skew > MAX_SKEW {
        true => {
            let minutes = (skew.as_secs() + 30) / 60;
            trouble.hint(format!("the clock of this machine is off by {minutes} min: set it, and try again"))
        }
        false => trouble,
    }
}

/// The error code of an answer: OAuth's, or that of Google's APIs.
fn code(body: &[u8]) -> Option<&'static str> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let error = answer.get("error")?;
    let code = error.as_str().or_else(|| error.get("status")?.as_str())?;
    Some(codes::google(code))
}
