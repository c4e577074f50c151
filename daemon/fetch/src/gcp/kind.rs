//! The kinds of credentials files, by their `type`.

use super::{
    Declined, external, file::Fields, impersonated, service_account, session::Session, token::Token,
    universe, user,
};
use std::pin::Pin;

/// Greatest depth of nested files (`source_credentials`).
const MAX_DEPTH: usize = 3;
const SERVICE_ACCOUNT: &str = "service_account";
const IMPERSONATED: &str = "impersonated_service_account";

/// The token of a credentials file.
///
/// # Errors
/// Why there is none.
pub(super) fn token<'a>(
    fields: &'a Fields<'_>,
    scopes: &'a [&'a str],
    session: Session<'a>,
    depth: usize,
) -> Pin<Box<dyn Future<Output = Result<Token, Declined>> + 'a>> {
    Box::pin(async move {
        let kind = fields.text("type")?;
        // The quota project of an impersonated account is that of its source credentials.
        if kind != IMPERSONATED {
            universe::check_file(fields)?;
        }
        match kind {
            SERVICE_ACCOUNT => service_account::token(fields, scopes).await,
            "authorized_user" => user::authorized_user(fields).await,
            "external_account_authorized_user" => user::external_account(fields).await,
            "external_account" => external::token(fields, scopes, session).await,
            IMPERSONATED if depth < MAX_DEPTH => impersonated(fields, scopes, session, depth).await,
            IMPERSONATED => Err(fields.wrong("type", "is nested too deeply")),
            "gdch_service_account" => Err(fields
                .wrong("type", "is gdch_service_account, which is not supported: Vertex is not part of GDC")),
            _ => Err(fields.wrong("type", "is not a kind of Google credentials")),
        }
    })
}

/// The token of `impersonated_service_account`, which holds another file.
async fn impersonated(
    fields: &Fields<'_>,
    scopes: &[&str],
    session: Session<'_>,
    depth: usize,
) -> Result<Token, Declined> {
    fields.text(impersonated::URL)?;
    let source = fields.object("source_credentials")?;
    let source = source.ok_or_else(|| fields.wrong("source_credentials", "is missing"))?;
    let own = fields.scopes()?;
    let first = token(&source, &[impersonated::IAM_SCOPE], session, depth + 1).await?;
    impersonated::exchange(fields, &first, own.as_deref().unwrap_or(scopes), fields.texts("delegates")?, None)
        .await
}

/// Whether the file is a service account's key.
pub(super) fn is_service_account(fields: &Fields<'_>) -> bool {
    fields.optional("type").ok().flatten() == Some(SERVICE_ACCOUNT)
}

/// The owner of the file's token, if the file names it.
pub(crate) fn account(fields: &Fields<'_>) -> Result<Option<String>, Declined> {
    if let Some(url) = fields.optional(impersonated::URL)? {
        return Ok(impersonated::principal(url).map(str::to_owned));
    }
    Ok(fields.optional("client_email")?.or(fields.optional("account")?).map(str::to_owned))
}
