//! Entry points for `fuzz/`: parsers of servers' answers, files and pasted input. The program itself calls none of
//! these.

use crate::{
    account::login::browser::Expected,
    azure::{certificate::Identity, codes},
    gcp::{
        executable::{Answer, subject_of},
        file::Fields,
        kind, service_account,
        token::{Token, Whose},
        url,
    },
    http::{self, Reply},
    oauth, store,
};
use claviger::secret::Secret;
use claviger_child::{Declined, Provided, Text};
use oauth2::CsrfToken;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use zeroize::Zeroizing;

/// Usable parts of a token endpoint's grant.
pub struct Granted {
    /// Access token and refresh token.
    pub tokens: [Option<Text>; 2],
    /// When the access token expires, in milliseconds since 1970, if it was granted at [`now`].
    pub expires_at_ms: Option<u64>,
    /// Its Debug text.
    pub shown: String,
}

/// The fixed time of these functions.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// The answer of a token endpoint of a login.
pub fn granted(body: &[u8]) -> Option<Granted> {
    let granted = serde_json::from_slice::<oauth::Reply>(body).ok()?.granted();
    let shown = format!("{granted:?}");
    let expires_at_ms = granted.expires_at_ms(now());
    Some(Granted { tokens: [granted.access, granted.refresh], expires_at_ms, shown })
}

/// The answer of Google's token servers, from both kinds of them.
pub fn google(status: u16, body: &[u8]) -> Option<[Result<Provided, Declined>; 2]> {
    let (host, body) = ("token.example".to_owned(), Zeroizing::new(body.to_vec()));
    let reply = Reply { status: StatusCode::from_u16(status).ok()?, headers: HeaderMap::new(), body, host };
    let provided = |token: Result<Token, Declined>| Ok(token?.provided(None));
    Some([
        provided(Token::from_oauth(&reply, Whose::Person, now())),
        provided(Token::from_iam(&reply, Whose::Machine("hint"), now())),
    ])
}

/// The person in an ID token for the client `client` of the issuer `https://issuer`.
///
/// # Errors
/// Its fault.
pub fn id_token(text: &str) -> Result<[Option<String>; 2], Declined> {
    let expected = oauth::Expected {
        issuer: Some("https://issuer"),
        client_id: "client",
        nonce: None,
        organization_claim: Some("org"),
    };
    let person = oauth::person(&Text(Secret::new(text.to_owned())), &expected, now())?;
    Ok([person.subject, person.organization])
}

/// The code in a pasted address, for a login with the state `state`; `None` if it is not of that login.
///
/// # Errors
/// If it reports that the login failed.
pub fn pasted(text: &str) -> Result<Option<Secret<String>>, Declined> {
    let state = CsrfToken::new("state".to_owned());
    let expected = Expected { state, issuer: Some("https://issuer".to_owned()), names_issuer: false };
    expected.pasted(&Secret::new(text.to_owned()))
}

/// The URLs that secrets are sent to or requested from, as far as a credentials file of Google is read without a
/// request.
///
/// # Errors
/// Its fault.
pub fn credentials_file(content: &Value) -> Result<Vec<String>, Declined> {
    let fields = Fields::of(Path::new("/credentials.json"), content);
    kind::account(&fields)?;
    fields.scopes()?;
    fields.texts("delegates")?;
    let mut urls = Vec::new();
    if let Some(text) = fields.optional("token_url")? {
        urls.push(url::secure(&fields, "token_url", text)?.to_string());
    }
    if let Some(source) = fields.object("credential_source")? {
        if let Some(text) = source.optional("url")? {
            urls.push(url::platform(&source, "url", text)?.to_string());
        }
        source.object("headers")?.map(|headers| headers.pairs()).transpose()?;
        source.object("executable")?.map(|program| program.count("timeout_millis")).transpose()?;
    }
    if fields.optional("private_key")?.is_some() {
        service_account::assertion(&fields, &json!({}))?;
    }
    Ok(urls)
}

/// The subject token in the output of a credentials file's program.
///
/// # Errors
/// Its fault.
pub fn executable(output: &[u8]) -> Result<Secret<String>, Declined> {
    subject_of(output).map_err(Answer::trouble)
}

/// Whether a PEM file holds an identity that can sign.
pub fn certificate(pem: &[u8]) -> bool {
    let signed = |identity: Identity| identity.sign("client", "audience", Duration::from_secs(1), true);
    Identity::parse(pem).is_ok_and(|identity| signed(identity).is_some())
}

/// The error codes of Entra's answer: the only part that is repeated.
pub fn entra_codes(body: &Value) -> Vec<String> {
    codes::codes(body)
}

/// A stored record, read and written again.
pub fn record(text: &[u8]) -> Option<Secret<Vec<u8>>> {
    let record = store::file::decode(text).ok()?;
    let _ = (record.expires_at(), record.issued_at());
    store::file::encode(&record).ok()
}

/// The pause that a server asks for.
pub fn retry_after(text: &str, date: &str) -> Option<Duration> {
    http::pause(text, Some(date))
}

/// Name and settings of a profile.
pub type ProfileOfAws = (String, Vec<(String, String)>);

/// The profiles of AWS's two files and their settings, or the invalid line, of the configuration or else of the
/// credentials file.
///
/// # Errors
/// The message about it.
pub fn aws_profiles(config: &str, credentials: &str) -> Result<Vec<ProfileOfAws>, String> {
    crate::aws::profiles(config, credentials)
}
