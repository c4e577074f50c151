//! What `claviger doctor` asks about the outside: whether an endpoint answers, and whether the keyring does.
//!
//! The client starts this by itself, with its session's environment, so that proxies and certificates are those of the
//! session, and the client needs no TLS. Nothing here changes anything, and no answer holds what a server said.

use super::{answer::Trouble, file, http::date_of, store::keyring_answers};
use clap::Subcommand;
use claviger::reason::Reason;
use reqwest::{
    Certificate, Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect, retry,
};
use rustls::CertificateError;
use serde::Serialize;
use std::{
    env,
    error::Error,
    io::{self, Read as _},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};
use zeroize::Zeroizing;

/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Most that is read from stdin: a few headers.
const MAX_HEADERS: u64 = 128 * 1024;
/// Most that is read of certificates.
const MAX_CERTIFICATES: usize = 4 * 1024 * 1024;
/// More certificate authorities, as Node takes them.
const EXTRA: &str = "NODE_EXTRA_CA_CERTS";

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum Probe {
    /// Send one GET, with the headers that stdin has as `name: value` lines
    Endpoint {
        /// Where to
        url: String,
    },
    /// Ask the keyring whether it is there and open
    Keyring,
}

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Seen {
    /// "answered", or what kind of failure it was.
    outcome: &'static str,
    /// Status of the answer.
    status: Option<u16>,
    /// The server's clock, in seconds since 1970.
    date: Option<u64>,
    /// With trouble: its sentence.
    message: Option<String>,
    /// With trouble: what to do next.
    hint: Option<String>,
}

/// Looks once.
pub(super) async fn look(probe: &Probe) -> Seen {
    match probe {
        Probe::Endpoint { url } => endpoint(url).await,
        Probe::Keyring => match keyring_answers() {
            Ok(()) => Seen::of("answered"),
            Err(trouble) => Seen::trouble(trouble),
        },
    }
}

async fn endpoint(url: &str) -> Seen {
    let (Ok(url), Some(headers)) = (Url::parse(url), headers()) else { return Seen::of("malformed") };
    let Ok(client) = client(&url) else { return Seen::of("not-set-up") };
    match client.get(url).headers(headers).send().await {
        Ok(response) => Seen {
            outcome: "answered",
            status: Some(response.status().as_u16()),
            date: date_of(response.headers())
                .and_then(|at| Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs())),
            ..Seen::default()
        },
        Err(error) => Seen::of(kind(&error)),
    }
}

/// As `http::request`, but patient for a person, and with the authorities that Node would take as well.
fn client(url: &Url) -> reqwest::Result<Client> {
    let builder = Client::builder().redirect(redirect::Policy::none()).retry(retry::never());
    let builder = builder.connect_timeout(CONNECT).timeout(TIMEOUT);
    match url.scheme() {
        "http" => builder.no_proxy().tls_certs_only([]).build(),
        _ => builder.https_only(true).tls_certs_merge(extra()).build(),
    }
}

fn extra() -> Vec<Certificate> {
    let path = env::var_os(EXTRA).filter(|path| !path.is_empty());
    let text = path.and_then(|path| file::read(Path::new(&path), MAX_CERTIFICATES).ok());
    text.and_then(|text| Certificate::from_pem_bundle(&text).ok()).unwrap_or_default()
}

fn headers() -> Option<HeaderMap> {
    let mut text = Zeroizing::new(String::new());
    io::stdin().take(MAX_HEADERS).read_to_string(&mut text).ok()?;
    let mut headers = HeaderMap::new();
    for line in text.lines() {
        let (name, value) = line.split_once(": ")?;
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    Some(headers)
}

/// The stage that failed. The texts are those of hyper-util and are told to nobody: they can hold addresses.
fn kind(error: &reqwest::Error) -> &'static str {
    let texts = causes(error).map(|cause| cause.to_string()).collect::<Vec<_>>().join("; ").to_lowercase();
    let says = |part: &str| texts.contains(part);
    if let Some(kind) = causes(error).find_map(certificate) {
        kind
    } else if says("proxy authorization") || says("proxy auth") {
        "proxy-wants-login"
    } else if says("tunnel") && says("unsuccessful") {
        "proxy-refused"
    } else if says("tunnel") || says("socks") {
        "proxy-unreachable"
    } else if says("dns error") {
        "unknown-host"
    } else if says("tls handshake") {
        "tls-failed"
    } else if error.is_timeout() {
        if error.is_connect() { "connect-timeout" } else { "answer-timeout" }
    } else if says("connection refused") {
        "refused"
    } else if error.is_connect() {
        "unreachable"
    } else {
        "broken-off"
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // What an `io::Error` wraps is not among its sources.
        Some(wrapper) => wrapper.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

fn certificate(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(why) => Some(match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "certificate-expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "certificate-not-yet-valid"
            }
            CertificateError::UnknownIssuer => "certificate-unknown-issuer",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "certificate-wrong-name"
            }
            _ => "tls-failed",
        }),
        _ => Some("tls-failed"),
    }
}

impl Seen {
    fn of(outcome: &'static str) -> Self {
        Self { outcome, ..Self::default() }
    }

    fn trouble(trouble: Trouble) -> Self {
        let outcome = if trouble.is(Reason::KeyringLocked) { "locked" } else { "silent" };
        Self { outcome, message: Some(trouble.message), hint: trouble.hint, ..Self::default() }
    }
}
