//! Checks for `claviger doctor`: whether an endpoint answers, and whether the keyring does.
//!
//! The client itself starts this child with its session's environment, so that proxies and certificates are the
//! session's, and the client needs no TLS. It changes nothing, and no answer repeats a server's text.

use super::{file, http::date_of, proxy, store::keyring_answers};
use claviger::reason::Reason;
use claviger_child::{Probe, ProbeResult, Sight, Text};
use reqwest::{
    Certificate, Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect, retry,
};
use rustls::CertificateError;
use std::{
    env,
    error::Error,
    io,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

/// Time limit of a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// Time limit of all checks.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Most bytes of certificates that are read.
const MAX_CERTIFICATES: usize = 4 * 1024 * 1024;
/// Additional certificate authorities, as in Node.
const EXTRA: &str = "NODE_EXTRA_CA_CERTS";

/// Looks once.
pub(super) async fn look(probe: &Probe) -> ProbeResult {
    match probe {
        Probe::Endpoint { url, headers } => endpoint(url, headers).await,
        Probe::Keyring => match keyring_answers() {
            Ok(()) => ProbeResult::of(Sight::Answered),
            Err(declined) => ProbeResult {
                problem: Some(declined.problem.clone()),
                ..ProbeResult::of(if declined.is(Reason::KeyringLocked) {
                    Sight::Locked
                } else {
                    Sight::Silent
                })
            },
        },
    }
}

async fn endpoint(url: &str, headers: &[Text]) -> ProbeResult {
    let (Ok(url), Some(headers)) = (Url::parse(url), header_map(headers)) else {
        return ProbeResult::of(Sight::Malformed);
    };
    let Ok(client) = client(&url) else { return ProbeResult::of(Sight::NotSetUp) };
    match client.get(url).headers(headers).send().await {
        Ok(response) => ProbeResult {
            status: Some(response.status().as_u16()),
            date: date_of(response.headers())
                .and_then(|at| Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs())),
            ..ProbeResult::of(Sight::Answered)
        },
        Err(error) => ProbeResult::of(kind(&error)),
    }
}

/// As `http::request`, but with a person's patience, and with the additional authorities of Node.
fn client(url: &Url) -> reqwest::Result<Client> {
    let builder = Client::builder().redirect(redirect::Policy::none()).retry(retry::never());
    let builder = builder.connect_timeout(CONNECT).timeout(TIMEOUT);
    match url.scheme() {
        "http" => builder.no_proxy().tls_certs_only([]).build(),
        _ => builder.proxy(proxy::of_environment()).https_only(true).tls_certs_merge(extra()).build(),
    }
}

fn extra() -> Vec<Certificate> {
    let path = env::var_os(EXTRA).filter(|path| !path.is_empty());
    let text = path.and_then(|path| file::read(Path::new(&path), MAX_CERTIFICATES).ok());
    text.and_then(|text| Certificate::from_pem_bundle(&text).ok()).unwrap_or_default()
}

fn header_map(lines: &[Text]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.0.expose().split_once(": ")?;
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    Some(headers)
}

/// The stage that failed. hyper-util returns it as text only, which is never shown: it can contain addresses.
fn kind(error: &reqwest::Error) -> Sight {
    let texts = causes(error).map(|cause| cause.to_string()).collect::<Vec<_>>().join("; ").to_lowercase();
    let says = |part: &str| texts.contains(part);
    if let Some(kind) = causes(error).find_map(certificate) {
        kind
    } else if says("proxy authorization") || says("proxy auth") {
        Sight::ProxyWantsLogin
    } else if says("tunnel") && says("unsuccessful") {
        Sight::ProxyRefused
    } else if says("tunnel") || says("socks") {
        Sight::ProxyUnreachable
    } else if says("dns error") {
        Sight::UnknownHost
    } else if says("tls handshake") {
        Sight::TlsFailed
    } else if error.is_timeout() {
        if error.is_connect() { Sight::ConnectTimeout } else { Sight::AnswerTimeout }
    } else if says("connection refused") {
        Sight::Refused
    } else if error.is_connect() {
        Sight::Unreachable
    } else {
        Sight::BrokenOff
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // An `io::Error` does not report its inner error as source.
        Some(wrapper) => wrapper.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

fn certificate(error: &(dyn Error + 'static)) -> Option<Sight> {
    match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(why) => Some(match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Sight::CertificateExpired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Sight::CertificateNotYetValid
            }
            CertificateError::UnknownIssuer => Sight::CertificateUnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Sight::CertificateWrongName
            }
            _ => Sight::TlsFailed,
        }),
        _ => Some(Sight::TlsFailed),
    }
}
