//! Subject tokens from AWS: a signed GetCallerIdentity request that Google forwards
//! (<https://google.aip.dev/auth/4117>, "Determining the subject token in AWS").

use super::{Declined, file::Fields, http, session::Session, url, variable};
use crate::environment::lent;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use claviger::{credential::AWS_KEYS, reason::Reason, secret::Secret};
use claviger_child::{Lent, is_label};
use reqwest::{Method, Url, header::HeaderValue};
use serde_json::{Value, json};
use std::time::SystemTime;
use zeroize::Zeroizing;

/// How long a session with the metadata service lasts, in seconds.
const SESSION: &str = "300";
const SESSION_LENGTH: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const SESSION_TOKEN: &str = "x-aws-ec2-metadata-token";
/// Binds the signed request to one audience.
const TARGET: &str = "x-goog-cloud-target-resource";
const VERIFICATION: &str = "regional_cred_verification_url";
const WITHHELD: &str = "the credentials file signs with AWS keys, but the session does not send its own";

/// The subject token.
///
/// # Errors
/// Why there is none.
pub(super) async fn subject_token(
    fields: &Fields<'_>,
    source: &Fields<'_>,
    session: Session<'_>,
) -> Result<Secret<String>, Declined> {
    match source.text("environment_id")? {
        "aws1" => {}
        _ => return Err(source.wrong("environment_id", "is not aws1, the only version")),
    }
    let own = keys_of(session.lent);
    if own.is_none() && session.keeps_aws_keys {
        return Err(Declined::new(Reason::SettingsInvalid, WITHHELD).hint(
            "export GOOGLE_APPLICATION_CREDENTIALS beside AWS_ACCESS_KEY_ID, or unset that to let the instance's role sign",
        ));
    }
    let template = source.text(VERIFICATION)?;
    let mut service = Service { source, token: None };
    let region = region(&mut service).await?;
    let keys = match own {
        Some(keys) => keys,
        None => service.keys().await?,
    };
    let text = template.replace("{region}", &region);
    let url = Url::parse(&text).ok().filter(|url| url.scheme() == "https");
    let url = url.ok_or_else(|| source.wrong(VERIFICATION, "must be an https URL"))?;
    signed(&url, &text, &region, keys, fields.text("audience")?)
        .ok_or_else(|| Declined::new(Reason::Bug, "the request to AWS could not be signed"))
}

/// The keys that a session lends. An id without a secret counts as none, as in Google's libraries.
fn keys_of(keys: &Lent) -> Option<Credentials> {
    let [id, secret, token] = AWS_KEYS.map(|name| lent(keys, name).map(str::to_owned));
    Some(Credentials::new(id?, secret?, token, None, "session"))
}

/// The region of the signature: from the environment, else from the instance.
async fn region(service: &mut Service<'_>) -> Result<String, Declined> {
    let region = match variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) {
        Some(region) => region,
        None => service.region().await?,
    };
    match is_label(&region) {
        true => Ok(region),
        // It becomes part of a host name.
        false => Err(Declined::new(Reason::SettingsInvalid, "the AWS region is malformed")
            .hint("set AWS_REGION as AWS writes it, for example us-east-1")),
    }
}

/// The signed request in the form that Google requires: JSON, percent-encoded.
fn signed(url: &Url, text: &str, region: &str, keys: Credentials, audience: &str) -> Option<Secret<String>> {
    let host = url.host_str()?;
    let service = host.split('.').next()?;
    let identity = keys.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service.strip_suffix("-fips").unwrap_or(service))
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .ok()?
        .into();
    let request =
        SignableRequest::new("POST", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[])).ok()?;
    let (instructions, _) = sign(request, &params).ok()?.into_parts();
    let header = |key: &str, value: &str| {
        // As Google's libraries write it.
        let key = if key == "authorization" { "Authorization" } else { key };
        json!({"key": key, "value": value})
    };
    let mut headers: Vec<Value> = instructions.headers().map(|(key, value)| header(key, value)).collect();
    headers.extend([header("host", host), header(TARGET, audience)]);
    let request = Zeroizing::new(json!({"url": text, "method": "POST", "headers": headers}).to_string());
    Some(Secret::new(percent_encoded(&request)))
}

/// Everything but RFC 3986's unreserved characters and slashes is encoded.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"_.-~/".contains(&byte) => encoded.push(byte.into()),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The metadata service of an AWS instance.
struct Service<'a> {
    source: &'a Fields<'a>,
    /// Token of the session with it, if it requires one.
    token: Option<HeaderValue>,
}

impl Service<'_> {
    /// The region: the zone without its letter.
    async fn region(&mut self) -> Result<String, Declined> {
        let Some(text) = self.source.optional("region_url")? else {
            return Err(self.source.wrong("region_url", "is missing, and AWS_REGION is not set"));
        };
        let zone = self.get("region_url", text).await?;
        let mut region = String::from_utf8_lossy(&zone).trim().to_owned();
        region.pop();
        Ok(region)
    }

    /// Keys of the instance's role.
    async fn keys(&mut self) -> Result<Credentials, Declined> {
        let text = self.source.text("url")?;
        let role = self.get("url", text).await?;
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(byte);
        let role = std::str::from_utf8(&role).unwrap_or_default().trim();
        if role.is_empty() || !role.as_bytes().iter().all(is_plain) {
            return Err(nothing("the AWS metadata service names no role"));
        }
        let answer = self.get("url", &format!("{text}/{role}")).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let part = |name: &str| answer.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let keys = part("AccessKeyId").zip(part("SecretAccessKey"));
        let (id, secret) = keys.ok_or_else(|| nothing("the AWS metadata service gave no keys"))?;
        Ok(Credentials::new(id, secret, part("Token"), None, "metadata"))
    }

    async fn get(&mut self, name: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, Declined> {
        self.open().await?;
        let url = url::platform(self.source, name, text)?;
        let mut request = http::request(Method::GET, &url)?;
        if let Some(token) = &self.token {
            request = request.header(SESSION_TOKEN, token);
        }
        answer(http::send(&url, request).await?)
    }

    /// Opens a session, if the file has a URL for that.
    async fn open(&mut self) -> Result<(), Declined> {
        const NAME: &str = "imdsv2_session_token_url";
        let Some(text) = self.source.optional(NAME)?.filter(|_| self.token.is_none()) else { return Ok(()) };
        let url = url::platform(self.source, NAME, text)?;
        let request = http::request(Method::PUT, &url)?.header(SESSION_LENGTH, SESSION);
        let token = answer(http::send(&url, request).await?)?;
        let token = HeaderValue::from_bytes(&token)
            .map_err(|_| nothing("the AWS metadata service gave no session"))?;
        self.token = Some(token);
        Ok(())
    }
}

fn answer(reply: http::Reply) -> Result<Zeroizing<Vec<u8>>, Declined> {
    if let Some(page) = reply.page() {
        return Err(page);
    }
    match reply.status.is_success() {
        true => Ok(reply.body),
        false => {
            let message = format!(
                "the AWS metadata service at {} answered with status {}",
                reply.host,
                reply.status.as_u16()
            );
            Err(nothing(&message).retry_after(reply.retry_after()))
        }
    }
}

fn nothing(message: &str) -> Declined {
    Declined::new(Reason::SourceUnavailable, message)
        .hint("check that the instance has a role, and credential_source")
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn encoding() {
        assert_eq!(percent_encoded(r#"{"a": "b/c~d"}"#), "%7B%22a%22%3A%20%22b/c~d%22%7D");
    }
}
