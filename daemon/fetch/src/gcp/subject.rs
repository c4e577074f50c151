//! Subject tokens that a platform writes into a file or returns at a URL, as plain text or as a field of JSON.

use super::{
    Declined,
    file::{self, Fields},
    http, url,
};
use claviger::{reason::Reason, secret::Secret};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// The subject token of a `credential_source`.
///
/// # Errors
/// Why there is none.
pub(super) async fn token(source: &Fields<'_>) -> Result<Secret<String>, Declined> {
    let field = field(source)?;
    let (content, whence) = match (source.optional("file")?, source.optional("url")?) {
        (Some(_), Some(_)) => {
            return Err(source.wrong("file", "and url are both set, but only one can be used"));
        }
        (Some(path), None) => (file::read_subject(source.absolute("file", path)?)?, path.to_owned()),
        (None, Some(url)) => ask(source, url).await?,
        (None, None) if source.object("certificate")?.is_some() => {
            return Err(source
                .wrong(
                    "certificate",
                    "is not supported: a certificate (X.509 federation) cannot sign in here",
                )
                .hint("use a credential_source with file, url or executable"));
        }
        (None, None) => return Err(source.wrong("file", "or url is missing, or executable")),
    };
    let text = std::str::from_utf8(&content).ok();
    let token = match field {
        None => text.map(str::to_owned),
        Some(field) => text.and_then(|text| member(text, field)),
    };
    let token = token.filter(|token| !token.trim().is_empty()).map(Secret::new);
    token.ok_or_else(|| {
        Declined::new(Reason::SourceUnavailable, format!("{whence} contains no subject token"))
            .hint("check credential_source.format: text, or json with subject_token_field_name")
    })
}

/// The field of JSON with the token; `None` if the whole text is the token.
fn field<'a>(source: &Fields<'a>) -> Result<Option<&'a str>, Declined> {
    let Some(format) = source.object("format")? else { return Ok(None) };
    match format.optional("type")? {
        None | Some("text") => Ok(None),
        Some("json") => format.text("subject_token_field_name").map(Some),
        Some(_) => Err(format.wrong("type", "must be text or json")),
    }
}

fn member(text: &str, field: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(value.get(field)?.as_str()?.to_owned())
}

async fn ask(source: &Fields<'_>, text: &str) -> Result<(zeroize::Zeroizing<Vec<u8>>, String), Declined> {
    let url = url::platform(source, "url", text)?;
    let mut request = http::request(Method::GET, &url)?;
    for (name, value) in
        source.object("headers")?.map(|headers| headers.pairs()).transpose()?.unwrap_or_default()
    {
        request = request.header(name, value);
    }
    let reply = http::send(&url, request).await?;
    if let Some(page) = reply.page() {
        return Err(page);
    }
    match reply.status {
        StatusCode::OK => Ok((reply.body, reply.host)),
        status => {
            let message = format!("{} gave no subject token (status {})", reply.host, status.as_u16());
            Err(Declined::new(Reason::SourceUnavailable, message)
                .retry_after(reply.retry_after())
                .hint("check url and headers of credential_source"))
        }
    }
}
