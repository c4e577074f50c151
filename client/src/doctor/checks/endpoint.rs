//! The endpoint in use: what its answer means, or why there is none.

use crate::doctor::{
    facts::{Endpoint, Facts},
    finding::Finding,
};
use claviger_child::Sight;

/// Clocks may differ by this much, in seconds, before a signed request fails (AWS Signature Version 4: 5 minutes).
const SKEW_BREAKS: i64 = 300;
/// And by this much before anybody should care: an answer takes a second, and `Date` has whole ones.
const SKEW_SHOWS: i64 = 60;

/// Judges one request.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(endpoint) = &facts.endpoint else { return Vec::new() };
    status(endpoint).or_else(|| silence(endpoint)).into_iter().chain(skew(endpoint)).collect()
}

fn status(endpoint: &Endpoint) -> Option<Finding> {
    let (origin, status) = (&endpoint.origin, endpoint.seen.status?);
    Some(match status {
        401 if endpoint.authenticated => {
            Finding::error("credential-refused", format!("{origin} answers 401: it does not take the credential"))
                .because("a key that expired or was revoked, a login that ended, or a key of another service")
                .mend("claviger report --status 401 && claviger get")
        }
        403 if endpoint.authenticated => {
            Finding::error("access-denied", format!("{origin} answers 403: it knows who asks, and says no"))
                .because("the account may not use this service or model, or a proxy on the way forbids it")
                .mend("claviger explain")
        }
        407 => proxy(format!("the proxy on the way to {origin} wants a login (407)")),
        500.. => Finding::warning("endpoint-failing", format!("{origin} answers {status}"))
            .because("the service, or a gateway before it, has trouble of its own; the credential is not the reason")
            .mend("claviger doctor"),
        _ => return None,
    })
}

fn proxy(what: String) -> Finding {
    Finding::error("endpoint-proxy", what)
        .because("HTTPS_PROXY, HTTP_PROXY or ALL_PROXY leads there; NO_PROXY leads past it")
        .mend("env | grep -io '^[a-z]*_proxy'")
}

fn tls(what: String, cause: &str, mend: &str) -> Finding {
    Finding::error("endpoint-tls", what).because(cause).mend(mend)
}

const AUTHORITY: &str = "export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt";

fn silence(endpoint: &Endpoint) -> Option<Finding> {
    let origin = &endpoint.origin;
    let unreachable = |what: String, cause: &str, mend: String| {
        Finding::error("endpoint-unreachable", what).because(cause).mend(mend)
    };
    let host = host(origin);
    Some(match endpoint.seen.sight {
        Sight::UnknownHost => unreachable(
            format!("the host of {origin} has no address"),
            "a typing mistake in the base URL, no network, or a name server that does not know it",
            format!("getent hosts {host}"),
        ),
        Sight::Refused => unreachable(
            format!("nobody listens at {origin}"),
            "the service does not run, or the port is wrong",
            "claviger explain".into(),
        ),
        Sight::Unreachable => unreachable(
            format!("{origin} cannot be reached"),
            "no network, no route, or a firewall",
            format!("getent hosts {host}"),
        ),
        Sight::BrokenOff => unreachable(
            format!("{origin} broke off its answer"),
            "what listens there may not speak HTTP",
            "claviger explain".into(),
        ),
        Sight::ConnectTimeout => timeout(format!("{origin} takes no connection in time")),
        Sight::AnswerTimeout => timeout(format!("{origin} takes the request and does not answer")),
        Sight::CertificateExpired => tls(
            format!("the certificate of {origin} has expired"),
            "its owner has to renew it; or the clock of this machine is ahead",
            "date -u",
        ),
        Sight::CertificateNotYetValid => tls(
            format!("the certificate of {origin} is not valid yet"),
            "the clock of this machine is behind",
            "date -u",
        ),
        Sight::CertificateUnknownIssuer => tls(
            format!("nobody we trust vouches for the certificate of {origin}"),
            "a gateway or proxy with an authority of its own: name its certificate in SSL_CERT_FILE and NODE_EXTRA_CA_CERTS",
            AUTHORITY,
        ),
        Sight::CertificateWrongName => tls(
            format!("the certificate of {origin} is for another host"),
            "the base URL names the wrong host, or something on the way answers in its place",
            "claviger explain",
        ),
        Sight::TlsFailed => tls(
            format!("no TLS with {origin}"),
            "it speaks no TLS there, or only an old one",
            "claviger explain",
        ),
        Sight::ProxyUnreachable => proxy(format!("the proxy on the way to {origin} cannot be reached")),
        Sight::ProxyRefused => proxy(format!("the proxy on the way to {origin} refuses to go there")),
        Sight::ProxyWantsLogin => proxy(format!("the proxy on the way to {origin} wants a login")),
        // What could not be set up has a reason of its own among the variables.
        Sight::Answered | Sight::Malformed | Sight::NotSetUp | Sight::Locked | Sight::Silent => return None,
    })
}

fn timeout(what: String) -> Finding {
    Finding::error("endpoint-timeout", what)
        .because("a firewall that drops packets, a proxy that has to be used, or a server that hangs")
        .mend("env | grep -io '^[a-z]*_proxy'")
}

fn host(origin: &str) -> String {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let host = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(host, _)| host);
    crate::quote::shell(host)
}

fn skew(endpoint: &Endpoint) -> Option<Finding> {
    let ahead = endpoint.ahead.filter(|ahead| ahead.abs() > SKEW_SHOWS)?;
    let way = if ahead > 0 { "behind" } else { "ahead of" };
    let what = format!("the clock here is {} s {way} that of {}", ahead.abs(), endpoint.origin);
    let finding = match ahead.abs() > SKEW_BREAKS {
        true => Finding::error("clock-skew", what)
            .because("signed requests are refused, and expiries are misjudged"),
        false => Finding::warning("clock-skew", what).because("expiries are misjudged by as much"),
    };
    Some(finding.mend("timedatectl set-ntp true"))
}
