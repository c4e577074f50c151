//! Impersonation: exchanges one credential's token for another's at Google's generateAccessToken. It is the last step
//! of an external account, and of files of the kind `impersonated_service_account`.

use super::{
    Declined,
    file::Fields,
    http,
    token::{Token, Whose},
    url,
};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;
use std::time::SystemTime;

/// Field with the URL to ask.
pub(super) const URL: &str = "service_account_impersonation_url";
/// Scope of the first credential's token.
pub(super) const IAM_SCOPE: &str = "https://www.googleapis.com/auth/iam";
/// Requested lifetime in seconds, if the file has none.
const LIFETIME: u64 = 3600;
/// Suffix of the URL, after the service account.
const VERB: &str = ":generateAccessToken";
const HINT: &str = "the account that impersonates needs the role roles/iam.serviceAccountTokenCreator on the service \
                    account";

/// Exchanges a token.
///
/// # Errors
/// Why there is no other token.
pub(super) async fn exchange(
    fields: &Fields<'_>,
    first: &Token,
    scopes: &[&str],
    delegates: Option<Vec<&str>>,
    lifetime: Option<u64>,
) -> Result<Token, Declined> {
    let text = fields.text(URL)?;
    principal(text)
        .ok_or_else(|| fields.wrong(URL, "does not end with a service account and :generateAccessToken"))?;
    let server = url::secure(fields, URL, text)?;
    let lifetime = format!("{}s", lifetime.unwrap_or(LIFETIME));
    let body = json!({"delegates": delegates, "scope": scopes, "lifetime": lifetime});
    let request = http::request(Method::POST, &server)?.bearer_auth(first.secret.expose());
    let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
    let now = SystemTime::now();
    Token::from_iam(&http::send(&server, request).await?, Whose::Machine(HINT), now)
}

/// The service account that a URL names.
pub(super) fn principal(url: &str) -> Option<&str> {
    let (before, _) = url.split_once(VERB)?;
    let (_, account) = before.rsplit_once('/')?;
    Some(account).filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::principal;

    #[test]
    fn principals() {
        let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.example:generateAccessToken";
        assert_eq!(principal(url), Some("a@b.example"));
        for bad in
            ["", "https://x/", "https://x/:generateAccessToken", ":generateAccessToken", "https://x/a@b"]
        {
            assert_eq!(principal(bad), None, "{bad}");
        }
    }
}
