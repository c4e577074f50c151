//! `external_account`: a token of another identity provider, exchanged at Google's Security Token Service (RFC 8693).

use super::{
    Declined, aws, executable,
    file::Fields,
    http, impersonated,
    session::Session,
    subject,
    token::{Token, Whose},
    universe, url,
};
use claviger::{reason::Reason, secret::Secret};
use claviger_child::cloud_file::UNIVERSE;
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, SystemTime};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Type of a subject token that is a signed request to AWS.
const AWS: &str = "urn:ietf:params:aws:token-type:aws4_request";
/// Google's service, as in its documentation of `token_url`; the universe is inserted.
const TOKEN_URL: &str = "https://sts.{universe_domain}/v1/token";
const HINT: &str =
    "check audience and provider of the pool, and whether the platform's own token is still valid";
/// How long an exchange whose answer was lost is not repeated, unless a file changes.
const PAUSE: Duration = Duration::from_secs(10);
const SOURCE: &str = "credential_source";
const USER_PROJECT: &str = "workforce_pool_user_project";

/// The token of a file of this kind.
///
/// # Errors
/// Why there is none.
pub(super) async fn token(
    fields: &Fields<'_>,
    scopes: &[&str],
    session: Session<'_>,
) -> Result<Token, Declined> {
    let audience = fields.text("audience")?;
    if fields.optional(USER_PROJECT)?.is_some() && !is_workforce(audience) {
        return Err(fields.wrong(USER_PROJECT, "is for workforce pools only, and audience names none"));
    }
    if fields.optional(impersonated::URL)?.is_none() {
        return exchange(fields, audience, scopes, session).await;
    }
    let options = fields.object("service_account_impersonation")?;
    let lifetime = options.map(|options| options.count("token_lifetime_seconds")).transpose()?.flatten();
    let first = exchange(fields, audience, &[impersonated::IAM_SCOPE], session).await?;
    impersonated::exchange(fields, &first, scopes, None, lifetime.filter(|lifetime| *lifetime > 0)).await
}

async fn exchange(
    fields: &Fields<'_>,
    audience: &str,
    scopes: &[&str],
    session: Session<'_>,
) -> Result<Token, Declined> {
    let server = url::secure(fields, "token_url", &token_url(fields)?)?;
    let (kind, scopes) = (fields.text("subject_token_type")?, scopes.join(" "));
    let (client, options) = (fields.optional("client_id")?, options(fields)?);
    let subject = subject_token(fields, kind, session).await?;
    let mut form = vec![
        ("grant_type", GRANT),
        ("audience", audience),
        ("scope", &scopes),
        ("requested_token_type", ACCESS_TOKEN),
        ("subject_token", subject.expose()),
        ("subject_token_type", kind),
    ];
    // With a client of its own the pool's project is known.
    form.extend(options.as_deref().filter(|_| client.is_none()).map(|options| ("options", options)));
    let mut request = http::request(Method::POST, &server)?.form(&form);
    if let Some(client) = client {
        request = request.basic_auth(client, Some(fields.optional("client_secret")?.unwrap_or_default()));
    }
    let now = SystemTime::now();
    let sent = http::send_within(&server, request, http::TIMEOUT).await;
    let reply = sent.map_err(|unanswered| once(unanswered.declined, unanswered.is_sent))?;
    Token::from_oauth(&reply, Whose::Machine(HINT), now)
        .map_err(|declined| once(declined, reply.page().is_none()))
}

/// A subject token may be valid for one exchange: if the service may have received it, it is not sent again at once.
fn once(declined: Declined, is_seen: bool) -> Declined {
    match declined.problem.retry_after {
        None if is_seen && declined.is(Reason::SourceUnavailable) => declined.retry_after(Some(PAUSE)),
        _ => declined,
    }
}

/// The subject token, from the file's source.
async fn subject_token(
    fields: &Fields<'_>,
    kind: &str,
    session: Session<'_>,
) -> Result<Secret<String>, Declined> {
    let source = fields.object(SOURCE)?.ok_or_else(|| fields.wrong(SOURCE, "is missing"))?;
    if kind == AWS {
        return aws::subject_token(fields, &source, session).await;
    }
    match source.object("executable")? {
        Some(executable) => executable::subject_token(fields, &executable, kind).await,
        None => subject::token(&source).await,
    }
}

/// The project to bill, in the form that Google's service requires: percent-encoded JSON.
fn options(fields: &Fields<'_>) -> Result<Option<String>, Declined> {
    let project = fields.optional(USER_PROJECT)?;
    Ok(project.map(|project| aws::percent_encoded(&json!({"userProject": project}).to_string())))
}

fn token_url(fields: &Fields<'_>) -> Result<String, Declined> {
    let universe = fields.optional(universe::FIELD)?.unwrap_or(UNIVERSE);
    Ok(fields.optional("token_url")?.unwrap_or(TOKEN_URL).replace("{universe_domain}", universe))
}

fn is_workforce(audience: &str) -> bool {
    let rest = audience.strip_prefix("//iam.googleapis.com/locations/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(location, rest)| !location.is_empty() && rest.starts_with("workforcePools/"))
}
