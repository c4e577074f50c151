//! Requests to an authorization server, and the meaning of its refusals.

use super::reply::{Granted, Reply};
use crate::{codes, http, store::Client};
use claviger::reason::Reason;
use claviger_child::{Declined, Text};
use claviger_private::lock;
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RefreshToken,
    RequestTokenError, RevocationUrl, TokenUrl,
    basic::{
        BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
        BasicTokenIntrospectionResponse,
    },
};
use reqwest::{Method, StatusCode, Url, header::WWW_AUTHENTICATE};
use std::{fmt, sync::Mutex, time::Duration};

/// Time limit of an answer that a person waits for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time limit of the answer to a refresh: it contains a token that the server issues only once.
const REFRESH_PATIENCE: Duration = Duration::from_secs(30);

/// Error code of an invalid token (RFC 6750, section 3.1).
const INVALID_TOKEN: &str = "invalid_token";

/// The crate's client, with our parser of a grant.
pub(crate) type Protocol<Auth = EndpointNotSet, Device = EndpointNotSet> = oauth2::Client<
    BasicErrorResponse,
    Reply,
    BasicTokenIntrospectionResponse,
    oauth2::StandardRevocableToken,
    BasicRevocationErrorResponse,
    Auth,
    Device,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// An authorization server, for one client.
pub(crate) struct Server {
    pub(crate) client: Client,
    secret: Option<Text>,
    /// Time limit of an answer.
    patience: Duration,
    /// Facts about the last answer.
    seen: Mutex<Option<LastReply>>,
}

#[derive(Clone, Copy)]
struct LastReply {
    status: StatusCode,
    retry_after: Option<Duration>,
    /// Whether it calls the token invalid in its header (RFC 6750, section 3.1).
    says_invalid_token: bool,
}

/// Why nothing was granted.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server does not accept this code or token any more: `invalid_grant`.
    Spent(Declined),
    /// It was asked without an answer: it may have processed the request in any case.
    Unanswered(Declined),
    /// It could not be asked.
    Unsent(Declined),
    /// Anything else.
    Other(Declined),
}

/// No answer, in the form that the crate requires.
#[derive(Debug)]
pub(crate) struct NoAnswer(http::Unanswered);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.declined.problem.message)
    }
}

impl std::error::Error for NoAnswer {}

impl NoAnswer {
    /// From a server that reports that it cannot answer.
    pub(crate) fn passing() -> Self {
        let declined =
            Declined::new(Reason::SourceUnavailable, "the authorization server has a problem of its own");
        Self(http::Unanswered { declined, is_sent: true })
    }

    fn unsent(declined: Declined) -> Self {
        Self(http::Unanswered { declined, is_sent: false })
    }
}

/// Whether a status means that the server cannot answer now.
pub(crate) fn is_in_trouble(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

impl Failure {
    /// The problem for a person.
    pub(crate) fn trouble(self) -> Declined {
        match self {
            Self::Spent(trouble)
            | Self::Unanswered(trouble)
            | Self::Unsent(trouble)
            | Self::Other(trouble) => trouble,
        }
    }
}

impl Server {
    pub(crate) fn new(client: Client, secret: Option<Text>) -> Self {
        Self { client, secret, patience: PATIENCE, seen: Mutex::new(None) }
    }

    /// The crate's client.
    ///
    /// # Errors
    /// If the token endpoint is not a URL.
    pub(crate) fn protocol(&self) -> Result<Protocol, Declined> {
        let mut client = oauth2::Client::new(ClientId::new(self.client.client_id.clone()));
        if let Some(secret) = &self.secret {
            client = client.set_client_secret(ClientSecret::new(secret.0.expose().clone()));
        }
        let by = if self.client.secret_in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        Ok(client.set_auth_type(by).set_token_uri(self.url()?))
    }

    fn url(&self) -> Result<TokenUrl, Declined> {
        TokenUrl::new(self.client.token_endpoint.clone())
            .map_err(|_| Declined::new(Reason::SettingsInvalid, "the token endpoint is not a URL"))
    }

    /// Sends a request of the crate's, which has no network access of its own.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let url: Url = request.uri().to_string().parse().map_err(|_| {
            NoAnswer::unsent(Declined::new(
                Reason::SettingsInvalid,
                "an endpoint of the authorization server is not a URL",
            ))
        })?;
        let method = Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or(Method::POST);
        let (parts, body) = request.into_parts();
        let sent = http::request(method, &url).map_err(NoAnswer::unsent)?.headers(parts.headers).body(body);
        let reply = http::send_within(&url, sent, self.patience).await.map_err(NoAnswer)?;
        let challenge = reply.header(&WWW_AUTHENTICATE).unwrap_or_default();
        let seen = LastReply {
            status: reply.status,
            retry_after: reply.retry_after(),
            says_invalid_token: challenge.contains(INVALID_TOKEN),
        };
        *lock(&self.seen) = Some(seen);
        // Without its content type, which some servers set wrongly: invalid JSON is detected later anyway.
        let mut response = HttpResponse::new(reply.body.to_vec());
        *response.status_mut() = reply.status;
        Ok(response)
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refresh(mut self, token: &Text) -> Result<Granted, Failure> {
        self.patience = REFRESH_PATIENCE;
        let protocol = self.protocol().map_err(Failure::Other)?;
        let token = RefreshToken::new(token.0.expose().clone());
        let granted =
            protocol.exchange_refresh_token(&token).request_async(&|request| self.send(request)).await;
        granted.map(Reply::granted).map_err(|error| self.failure("the refresh", error))
    }

    /// Revokes a refresh token.
    pub(crate) async fn revoke(&self, token: &Text) -> Result<(), Declined> {
        let bad_url = || Declined::new(Reason::SettingsInvalid, "the revocation endpoint is not a URL");
        let endpoint = self.client.revocation_endpoint.clone().unwrap_or_default();
        let uri: oauth2::http::Uri = endpoint.parse().map_err(|_| bad_url())?;
        // The crate requires https here, which a server on this machine need not have (`discovery::check`).
        let secure =
            RevocationUrl::new(endpoint.replacen("http://", "https://", 1)).map_err(|_| bad_url())?;
        let protocol = self.protocol()?.set_revocation_url(secure);
        let token = RefreshToken::new(token.0.expose().clone());
        let request = protocol.revoke_token(token.into()).map_err(|_| bad_url())?;
        let send = |mut request: HttpRequest| {
            request.uri_mut().clone_from(&uri);
            self.send(request)
        };
        let revoked = request.request_async(&send).await;
        revoked.map_err(|error| match error {
            RequestTokenError::Request(NoAnswer(trouble)) => trouble.declined,
            _ => {
                let status = lock(&self.seen).map_or(String::new(), |seen| format!(" ({})", seen.status));
                Declined::new(
                    Reason::UpstreamDenied,
                    format!("the server refused to revoke the token{status}"),
                )
            }
        })
    }

    /// Meaning of a refusal of `what`.
    pub(crate) fn failure(
        &self,
        what: &str,
        error: RequestTokenError<NoAnswer, BasicErrorResponse>,
    ) -> Failure {
        let host = self
            .client
            .token_endpoint
            .parse()
            .map_or_else(|_| "the server".to_owned(), |url| http::host(&url));
        let seen = *lock(&self.seen);
        let code = match error {
            RequestTokenError::Request(NoAnswer(http::Unanswered { declined, is_sent })) => {
                return if is_sent { Failure::Unanswered(declined) } else { Failure::Unsent(declined) };
            }
            RequestTokenError::ServerResponse(refusal) => Some(refusal.error().clone()),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => None,
        };
        refusal(&host, what, code.as_ref(), seen)
    }
}

/// RFC 6749, section 5.2, and other answers of servers with problems.
fn refusal(
    host: &str,
    what: &str,
    code: Option<&BasicErrorResponseType>,
    seen: Option<LastReply>,
) -> Failure {
    let status = seen.map_or(StatusCode::OK, |seen| seen.status);
    let retry_after = seen.and_then(|seen| seen.retry_after);
    let word = code.map_or(codes::UNKNOWN, |code| codes::oauth(code.as_ref()));
    let unavailable = |message: String| {
        let trouble = Declined::new(Reason::SourceUnavailable, message).retry_after(retry_after);
        Failure::Other(trouble.hint("claviger tries again; nothing that was saved is lost"))
    };
    // Whatever its body is: only a 4xx is a refusal (RFC 6749, section 5.2).
    if is_in_trouble(status) || !status.is_client_error() && code.is_some() {
        return unavailable(format!("{host} answered {what} with {status}"));
    }
    let spent = |word: &str| {
        Failure::Spent(Declined::new(Reason::LoginRequired, format!("{host} refused {what}: {word}")))
    };
    match code {
        Some(BasicErrorResponseType::InvalidGrant) => spent(word),
        // From RFC 6750; some servers use it where RFC 6749 has `invalid_grant`.
        Some(BasicErrorResponseType::Extension(other)) if other == INVALID_TOKEN => spent(word),
        None if seen.is_some_and(|seen| seen.says_invalid_token) => spent(INVALID_TOKEN),
        Some(BasicErrorResponseType::Extension(other))
            if ["temporarily_unavailable", "server_error", "slow_down"].contains(&other.as_str()) =>
        {
            unavailable(format!("{host} answered {what} with {word}"))
        }
        Some(_) => Failure::Other(
            Declined::new(Reason::UpstreamDenied, format!("{host} refused {what}: {word}"))
                .hint("check client id, client secret and scopes of the [oauth.NAME] section"),
        ),
        None if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Failure::Other(
            Declined::new(Reason::UpstreamDenied, format!("{host} refused {what}: {status}"))
                .hint("check client id and client secret of the [oauth.NAME] section"),
        ),
        None => unavailable(format!("{host} answered {what} with {status}, and not with an OAuth error")),
    }
}
