//! `authorized_user` and `external_account_authorized_user`: a stored sign-in, a refresh token (RFC 6749, section
//! 6).
//!
//! A server may issue a new refresh token. It is ignored: the file belongs to gcloud, and Google and its workforce
//! pools keep accepting the old one. google-auth relies on that, too: it discards the new one when it ends.

use super::{
    Declined,
    file::Fields,
    http,
    token::{Token, Whose},
    universe, url,
};
use reqwest::Method;
use std::time::SystemTime;

/// Google's token server.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "refresh_token";

/// The token for a Google account's sign-in.
///
/// # Errors
/// Why there is none.
pub(super) async fn authorized_user(fields: &Fields<'_>) -> Result<Token, Declined> {
    if !universe::is_own(fields)? {
        return Err(
            fields.wrong(universe::FIELD, "is not googleapis.com, and elsewhere there are no user accounts")
        );
    }
    let server = url::secure(fields, "token_uri", fields.optional("token_uri")?.unwrap_or(TOKEN_URI))?;
    let scopes = fields.scopes()?.map(|scopes| scopes.join(" "));
    let mut form = vec![
        ("grant_type", GRANT),
        ("client_id", fields.text("client_id")?),
        ("client_secret", fields.text("client_secret")?),
        ("refresh_token", fields.text("refresh_token")?),
    ];
    form.extend(scopes.as_deref().filter(|scopes| !scopes.is_empty()).map(|scopes| ("scope", scopes)));
    // Proof of a recent sign-in, if an organisation requires it.
    form.extend(fields.optional("rapt_token")?.map(|proof| ("rapt", proof)));
    let (now, request) = (SystemTime::now(), http::request(Method::POST, &server)?.form(&form));
    Token::from_oauth(&http::send(&server, request).await?, Whose::Person, now)
}

/// The token for the sign-in of a workforce pool's user.
///
/// # Errors
/// Why there is none.
pub(super) async fn external_account(fields: &Fields<'_>) -> Result<Token, Declined> {
    let server = url::secure(fields, "token_url", fields.text("token_url")?)?;
    let form = [("grant_type", GRANT), ("refresh_token", fields.text("refresh_token")?)];
    let (id, secret) = (fields.text("client_id")?, fields.text("client_secret")?);
    let request = http::request(Method::POST, &server)?.basic_auth(id, Some(secret)).form(&form);
    let now = SystemTime::now();
    Token::from_oauth(&http::send(&server, request).await?, Whose::Person, now)
}
