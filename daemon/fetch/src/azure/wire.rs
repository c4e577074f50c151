//! Transport of the SDK's requests. It records the outcome of the last one, because the SDK's own errors contain too
//! little.
//!
//! It does not retry: the daemon does, with its pauses.

use super::{Declined, codes::codes};
use crate::{
    busy,
    http::{inflated, pause},
    proxy,
};
use azure_core::{
    credentials::{AccessToken, TokenCredential},
    error::{Error, ErrorKind},
    http::{
        AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, StatusCode, Transport,
        headers::{HeaderName, Headers},
    },
};
use claviger::reason::Reason;
use claviger_child::is_token;
use claviger_private::lock;
use serde_json::Value;
use std::{
    error::Error as StdError,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use zeroize::Zeroizing;

/// Time limit of a link as a whole.
const LINK: Duration = Duration::from_secs(10);
/// Time limits for accepting a connection, and for an answer.
const CONNECT: Duration = Duration::from_secs(4);
const ANSWER: Duration = Duration::from_secs(6);
/// Largest answer, in bytes. One with a token has a few thousand.
const MAX_BODY: usize = 256 * 1024;
/// Longest lifetime of a token that is accepted, in seconds: ten years. Larger numbers would overflow in the SDK.
const MAX_LIFE: i64 = 10 * 365 * 24 * 3600;

/// The transport.
#[derive(Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
    last: Mutex<Last>,
}

/// Outcome of the last request.
#[derive(Clone, Debug, Default)]
pub(super) enum Last {
    /// None was sent.
    #[default]
    Nothing,
    /// There was no answer in time.
    Silence,
    /// The server's certificate is not trusted.
    Untrusted,
    /// The server cannot be reached, or closed the connection.
    Unreachable,
    /// It answered.
    Reply(Reply),
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// When to try again.
    pub(super) retry_after: Option<Duration>,
    /// Error codes, safe to show.
    pub(super) codes: Vec<String>,
    /// Whether it is JSON, as the answers of token services are.
    pub(super) is_json: bool,
    /// Whether it reports that the real server cannot be reached: Docker Desktop answers like that in its place.
    pub(super) says_unreachable: bool,
}

/// An answer as it came.
struct Answer {
    status: StatusCode,
    headers: Headers,
    bytes: Vec<u8>,
    /// Null if it is not JSON.
    value: Value,
    reply: Reply,
}

impl Wire {
    /// A transport to a server on the internet, through the proxies of the environment.
    ///
    /// # Errors
    /// If the certificates to trust cannot be used.
    pub(super) fn outward() -> Result<Arc<Self>, Declined> {
        Self::of(reqwest::Client::builder().https_only(true).proxy(proxy::of_environment()))
    }

    /// A transport to a service of this machine, without a proxy.
    ///
    /// # Errors
    /// If the certificates to trust cannot be used.
    pub(super) fn inward() -> Result<Arc<Self>, Declined> {
        Self::of(reqwest::Client::builder().no_proxy())
    }

    fn of(builder: reqwest::ClientBuilder) -> Result<Arc<Self>, Declined> {
        let builder = builder.redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0);
        let client = builder.connect_timeout(CONNECT).timeout(ANSWER).build().map_err(|_| {
            Declined::new(
                Reason::SettingsInvalid,
                "no connection can be made with these certificates and proxies",
            )
            .hint("check SSL_CERT_FILE, SSL_CERT_DIR and HTTPS_PROXY")
        })?;
        Ok(Arc::new(Self { client, last: Mutex::default() }))
    }

    /// Client options for an SDK's credential.
    pub(super) fn options(self: &Arc<Self>) -> ClientOptions {
        ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(self.clone())),
            ..ClientOptions::default()
        }
    }

    /// Asks a credential that uses this transport.
    ///
    /// # Errors
    /// Outcome of the last request.
    pub(super) async fn ask(
        &self,
        credential: &dyn TokenCredential,
        scope: &str,
    ) -> Result<AccessToken, Last> {
        match timeout(LINK, credential.get_token(&[scope], None)).await {
            Ok(Ok(token)) if is_token(token.token.secret()) => Ok(token),
            Ok(_) => Err(lock(&self.last).clone()),
            // The SDK may have been between two attempts, for a reason.
            Err(_) => match lock(&self.last).clone() {
                Last::Reply(reply) if reply.status >= 400 => Err(Last::Reply(reply)),
                _ => Err(Last::Silence),
            },
        }
    }

    /// Sends a request of our own: returns the outcome, the answer's JSON, and the challenge of one with status 401
    /// (RFC 9110, section 11.6.1).
    ///
    /// # Errors
    /// If there is no answer.
    pub(super) async fn exchange(&self, request: &Request) -> Result<(Reply, Value, Option<String>), Last> {
        let answer = self.answer(request).await?;
        let challenge = answer.headers.get_optional_string(&HeaderName::from_static("www-authenticate"));
        Ok((answer.reply, answer.value, challenge))
    }

    async fn send(&self, request: &Request) -> Result<AsyncRawResponse, Last> {
        let Answer { status, headers, mut bytes, mut value, reply } = self.answer(request).await?;
        if counts(&mut value) {
            bytes = value.to_string().into_bytes();
        }
        if !is_credible(&value) {
            return Err(Last::Reply(reply));
        }
        *lock(&self.last) = Last::Reply(reply);
        Ok(AsyncRawResponse::from_bytes(status, headers, bytes))
    }

    async fn answer(&self, request: &Request) -> Result<Answer, Last> {
        if let Some(left) = busy::left(request.url()) {
            let status = busy::STATUS.as_u16();
            return Err(Last::Reply(Reply { status, retry_after: Some(left), ..Reply::default() }));
        }
        let answered = self.client.execute_request(request).await.map_err(|error| ended(&error))?;
        let (status, headers, mut body) = answered.deconstruct();
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| ended(&error))?);
            if bytes.len() > MAX_BODY {
                return Err(Last::Reply(Reply { status: status.into(), ..Reply::default() }));
            }
        }
        let header = |name| headers.get_optional_str(&HeaderName::from_static(name));
        let Some(bytes) = inflated(bytes, header("content-encoding"), MAX_BODY) else {
            return Err(Last::Reply(Reply { status: status.into(), ..Reply::default() }));
        };
        let text = String::from_utf8_lossy(&bytes);
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let reply = Reply {
            status: status.into(),
            retry_after: header("retry-after").and_then(|text| pause(text, header("date"))),
            codes: codes(&value),
            is_json: value.is_object(),
            says_unreachable: says_unreachable(&text),
        };
        busy::note(request.url(), reply.status, reply.retry_after);
        Ok(Answer { status, headers, bytes: bytes.to_vec(), value, reply })
    }
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        *lock(&self.last) = Last::Nothing;
        self.send(request).await.map_err(|last| {
            *lock(&self.last) = last;
            Error::with_message(ErrorKind::Other, "no answer to use")
        })
    }
}

/// Whether an answer is Docker Desktop's: it answers for the metadata service with status 403 and a message of the
/// operating system, and only that distinguishes it from a refusal. It has no structured form; azure-identity searches
/// for the same word (`imds.py`).
fn says_unreachable(answer: &str) -> bool {
    answer.contains("unreachable")
}

/// Converts a lifetime that is text, as in AD FS, to a number, which the SDK requires. Returns whether there was one.
fn counts(answer: &mut Value) -> bool {
    let number =
        answer.get("expires_in").and_then(Value::as_str).and_then(|text| text.trim().parse::<i64>().ok());
    let Some(number) = number else { return false };
    answer["expires_in"] = number.into();
    true
}

/// Whether the lifetime in an answer is within the SDK's range.
fn is_credible(answer: &Value) -> bool {
    let life = answer.get("expires_in").filter(|life| life.is_number());
    life.is_none_or(|life| life.as_i64().is_some_and(|life| (1..=MAX_LIFE).contains(&life)))
}

fn ended(error: &Error) -> Last {
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => Last::Silence,
        Some(error) if is_of_tls(error) => Last::Untrusted,
        _ => Last::Unreachable,
    }
}

/// Whether an error was caused by TLS. An I/O error does not report its inner error as source.
fn is_of_tls(error: &(dyn StdError + 'static)) -> bool {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>()
        || wrapped.is_some_and(|inner| is_of_tls(inner))
        || error.source().is_some_and(is_of_tls)
}

#[cfg(test)]
mod tests {
    use super::{counts, is_credible, says_unreachable};
    use serde_json::json;

    #[test]
    fn docker_desktop_answers_in_place_of_the_metadata_service() {
        // The words of Windows for WSAENETUNREACH, as a program in Go passes them on.
        let answer = "dial tcp 169.254.169.254:80: connectex: A socket operation was attempted to an unreachable network.";
        assert!(says_unreachable(answer));
        assert!(!says_unreachable(r#"{"error": "forbidden"}"#));
    }

    #[test]
    fn a_life_may_be_text() {
        let mut answer = json!({ "expires_in": "3599", "access_token": "t" });
        assert!(counts(&mut answer));
        assert_eq!(answer, json!({ "expires_in": 3599, "access_token": "t" }));
        for mut other in
            [json!({ "expires_in": 3599 }), json!({ "expires_in": "soon" }), json!({}), json!([])]
        {
            assert!(!counts(&mut other), "{other}");
        }
        let mut forever = json!({ "expires_in": i64::MAX.to_string() });
        assert!(counts(&mut forever) && !is_credible(&forever));
    }

    #[test]
    fn lives_that_the_sdk_cannot_count_are_not_believed() {
        assert!(is_credible(&json!({ "expires_in": 3599 })) && is_credible(&json!({ "error": "x" })));
        for life in [json!(i64::MAX), json!(u64::MAX), json!(0), json!(-1), json!(1.5e300)] {
            assert!(!is_credible(&json!({ "expires_in": life })), "{life}");
        }
    }
}
