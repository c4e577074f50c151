//! Network access of this child's own flows: the session's proxies and certificate authorities, one attempt, no
//! redirects, short answers, a deadline.

use crate::{busy, proxy};
use aws_smithy_types::date_time::Format;
use claviger::reason::Reason;
use claviger_child::Declined;
use flate2::read::MultiGzDecoder;
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER},
    redirect, retry,
};
use std::{
    io::Read as _,
    sync::LazyLock,
    time::{Duration, SystemTime},
};
use zeroize::Zeroizing;

/// Time limit of one request, with its answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer, in bytes: tokens have 16 KiB at most.
const MAX_BODY: usize = 64 * 1024;

/// For `https`, through a proxy if the session has one.
static SECURE: LazyLock<reqwest::Result<Client>> =
    LazyLock::new(|| builder().https_only(true).proxy(proxy::of_environment()).build());
/// For `http` to this machine or its link: never through a proxy, and without certificates.
static PLAIN: LazyLock<reqwest::Result<Client>> =
    LazyLock::new(|| builder().no_proxy().tls_certs_only([]).build());

/// An answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// The server that answered.
    pub(super) host: String,
}

fn builder() -> reqwest::ClientBuilder {
    let builder = Client::builder().redirect(redirect::Policy::none()).retry(retry::never());
    // A server may close an idle connection just when it is used again.
    let builder = builder.pool_max_idle_per_host(0);
    // A separate error, to distinguish an unsent request from one without an answer.
    builder.timeout(TIMEOUT).connect_timeout(TIMEOUT)
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// The problem for a person.
    pub(super) declined: Declined,
    /// Whether the request may have reached the server.
    pub(super) is_sent: bool,
}

/// A request to `url`.
///
/// # Errors
/// If the certificates to trust cannot be loaded.
pub(super) fn request(method: Method, url: &Url) -> Result<RequestBuilder, Declined> {
    let client = if url.scheme() == "http" { &*PLAIN } else { &*SECURE };
    match client {
        Ok(client) => Ok(client.request(method, url.clone())),
        Err(_) => Err(Declined::new(
            Reason::SettingsInvalid,
            "the certificates or the proxy to use cannot be loaded",
        )
        .hint("check SSL_CERT_FILE, SSL_CERT_DIR and HTTPS_PROXY")),
    }
}

/// Sends a request and reads the answer.
///
/// # Errors
/// If there is no answer, or one that is too long.
pub(super) async fn send(url: &Url, request: RequestBuilder) -> Result<Reply, Declined> {
    exchange(url, request, TIMEOUT).await.map_err(|unanswered| unanswered.declined)
}

/// As [`send`], with another deadline.
///
/// # Errors
/// As [`send`].
pub(super) async fn send_within(
    url: &Url,
    request: RequestBuilder,
    patience: Duration,
) -> Result<Reply, Unanswered> {
    exchange(url, request.timeout(patience), patience).await
}

/// A request may have its own deadline, which is kept.
async fn exchange(url: &Url, request: RequestBuilder, patience: Duration) -> Result<Reply, Unanswered> {
    let host = host(url);
    let failed = |error: reqwest::Error| Unanswered {
        declined: unreachable(&host, &error, if error.is_connect() { TIMEOUT } else { patience }),
        is_sent: !error.is_connect() && !error.is_builder(),
    };
    if let Some(left) = busy::left(url) {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, left.as_secs().into())]);
        return Ok(Reply { status: busy::STATUS, headers, body: Zeroizing::default(), host });
    }
    let mut response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let coding = headers.get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    let body = body(&mut response, coding, &host, patience).await;
    let body = body.map_err(|declined| Unanswered { declined, is_sent: true })?;
    let reply = Reply { status, headers, body, host };
    busy::note(url, status.as_u16(), reply.retry_after());
    Ok(reply)
}

async fn body(
    response: &mut Response,
    coding: Option<&str>,
    host: &str,
    patience: Duration,
) -> Result<Zeroizing<Vec<u8>>, Declined> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(host, &error, patience))? {
        if body.len() + chunk.len() > MAX_BODY {
            let message = format!("{host} answered with more than {} KiB", MAX_BODY / 1024);
            return Err(Declined::new(Reason::SourceUnavailable, message));
        }
        body.extend_from_slice(&chunk);
    }
    inflated(body, coding, MAX_BODY).ok_or_else(|| {
        let message = format!("{host} answered in a compressed form that cannot be read, or is too long");
        Declined::new(Reason::SourceUnavailable, message)
    })
}

/// An answer without the compression that its server chose. The request names none, and then a server may choose (RFC
/// 9110, section 12.5.3). `None` if it is damaged, or has more than `most` bytes.
pub(super) fn inflated(
    body: Zeroizing<Vec<u8>>,
    coding: Option<&str>,
    most: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let is_gzip = |coding: &str| ["gzip", "x-gzip"].iter().any(|it| coding.trim().eq_ignore_ascii_case(it));
    if !coding.is_some_and(is_gzip) || body.is_empty() {
        return Some(body);
    }
    // Allocated at full size, because growing would leave a copy behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(most + 1));
    MultiGzDecoder::new(&**body).take(most as u64 + 1).read_to_end(&mut plain).ok()?;
    (plain.len() <= most).then_some(plain)
}

/// Host and port, for messages.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The error's own text contains the URL, which may contain anything.
fn unreachable(host: &str, error: &reqwest::Error, patience: Duration) -> Declined {
    if error.is_timeout() {
        let message = format!("{host} did not answer within {} s", patience.as_secs());
        return Declined::new(Reason::SourceTimeout, message)
            .hint("check the network, and proxies (HTTPS_PROXY, NO_PROXY)");
    }
    let what =
        if error.is_connect() { "cannot be reached" } else { "closed the connection during its answer" };
    Declined::new(Reason::SourceUnavailable, format!("{host} {what}"))
        .hint("check the network, proxies (HTTPS_PROXY, NO_PROXY) and certificates (SSL_CERT_FILE)")
}

/// The server's clock, if an answer's headers have it.
pub(super) fn date_of(headers: &HeaderMap) -> Option<SystemTime> {
    time(headers.get(DATE)?.to_str().ok()?)
}

impl Reply {
    /// The pause that the server asks for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        pause(self.header(&RETRY_AFTER)?, self.header(&DATE))
    }

    /// The server's clock.
    pub(super) fn date(&self) -> Option<SystemTime> {
        time(self.header(&DATE)?)
    }

    /// The problem of an answer that is a web page, for servers that have none: a captive portal or a proxy sent it. A
    /// page for a missing path, or about a server's own problem, can be the server's.
    pub(super) fn page(&self) -> Option<Declined> {
        let can_be_its_own = self.status.is_client_error()
            && ![StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::PROXY_AUTHENTICATION_REQUIRED]
                .contains(&self.status)
            || self.status.is_server_error() && self.status != StatusCode::NETWORK_AUTHENTICATION_REQUIRED;
        if can_be_its_own || !is_page(self.header(&CONTENT_TYPE), &self.body) {
            return None;
        }
        let message = format!(
            "{} answered with a web page (status {}): a proxy answers in its place",
            self.host,
            self.status.as_u16()
        );
        Some(Declined::new(Reason::SourceUnavailable, message).hint(
            "sign in to the network in a browser, or check proxies (HTTPS_PROXY, NO_PROXY) and the URLs of the credentials file",
        ))
    }

    /// A header's text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Whether an answer is HTML, by its type or its content.
fn is_page(kind: Option<&str>, body: &[u8]) -> bool {
    let begins = |text: &[u8], with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    let kind = kind.unwrap_or_default().as_bytes();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    ["text/html", "application/xhtml+xml"].iter().any(|html| begins(kind, html))
        || ["<!doctype html", "<html"].iter().any(|html| begins(body, html))
}

/// The pause in a `Retry-After` header (RFC 9110, section 10.2.3). A date refers to the server's clock, whose time is
/// in the header `Date`.
pub(super) fn pause(text: &str, date: Option<&str>) -> Option<Duration> {
    let seconds = text.trim().parse().ok().map(Duration::from_secs);
    let now = || date.and_then(time).unwrap_or_else(SystemTime::now);
    seconds.or_else(|| time(text)?.duration_since(now()).ok())
}

/// A date in the format of HTTP (RFC 9110, section 5.6.7).
fn time(text: &str) -> Option<SystemTime> {
    let time = aws_smithy_types::DateTime::from_str(text.trim(), Format::HttpDate).ok()?;
    SystemTime::try_from(time).ok()
}

#[cfg(test)]
mod tests {
    use super::{Reply, pause};
    use reqwest::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderMap, HeaderValue},
    };
    use std::time::Duration;

    #[test]
    fn a_page_in_place_of_an_answer_is_a_proxys() {
        for (status, kind, body, expected) in [
            (200, "text/html; charset=utf-8", "", true),
            (200, "Text/HTML", "{}", true),
            (200, "", "\u{feff}\n <!DOCTYPE HTML><p>", true),
            (200, "text/plain", "<html lang='en'>", true),
            (302, "text/html", "moved", true),
            (401, "text/html", "", true),
            (403, "text/html", "", true),
            (407, "text/html", "", true),
            (511, "text/html", "", true),
            // Google's own pages.
            (400, "text/html", "<html>", false),
            (404, "text/html", "<html>", false),
            (500, "text/html", "<html>", false),
            (502, "text/html", "<html>", false),
            (200, "application/json", "{}", false),
            (200, "text/plain", "<htm", false),
            (200, "", "", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).expect("a header"));
            let status = StatusCode::from_u16(status).expect("a status");
            let reply = Reply { status, headers, body: body.as_bytes().to_vec().into(), host: "h".into() };
            assert_eq!(reply.page().is_some(), expected, "{status} {kind} {body}");
        }
    }

    #[test]
    fn pauses_are_seconds_or_dates_of_the_server() {
        let date = Some("Sat, 31 Jan 2026 12:00:00 GMT");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(pause(" 7 ", None), seconds(7));
        assert_eq!(pause("Sat, 31 Jan 2026 12:01:30 GMT", date), seconds(90));
        for bad in ["", "-1", "soon", "7.5", "Sat, 31 Jan 2026 11:00:00 GMT"] {
            assert_eq!(pause(bad, date), None, "{bad:?}");
        }
    }
}
