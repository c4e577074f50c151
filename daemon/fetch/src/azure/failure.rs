//! Meaning of a failed request for a person. Of a server's message, only error codes are repeated.

use super::{
    Declined,
    wire::{Last, Reply},
};
use crate::codes::UNKNOWN;
use claviger::reason::Reason;

/// Hint for an error code (Microsoft Entra documentation, "Authentication and authorization error codes").
const HINTS: [(&str, &str); 9] = [
    ("AADSTS7000215", "AZURE_CLIENT_SECRET must be the value of a client secret, not its id"),
    ("AADSTS7000222", "the client secret has expired: add a new one to the app registration"),
    ("AADSTS700016", "check that AZURE_CLIENT_ID is an app of the tenant AZURE_TENANT_ID"),
    ("AADSTS90002", "check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST: there is no such tenant"),
    ("AADSTS900023", "check AZURE_TENANT_ID: it is neither the id nor a domain of a tenant"),
    ("AADSTS700027", "add the certificate of AZURE_CLIENT_CERTIFICATE_PATH to the app registration"),
    ("AADSTS70021", "add a federated credential for this issuer and subject to the app registration"),
    ("AADSTS700213", "add a federated credential for this issuer and subject to the app registration"),
    ("AADSTS500011", "check CLAVIGER_AZURE_SCOPE: the tenant has no such resource"),
];

/// The problem of `whom`.
pub(super) fn trouble(whom: &str, last: &Last) -> Declined {
    match last {
        Last::Nothing => Declined::new(Reason::Bug, format!("{whom} was never asked")),
        Last::Silence => Declined::new(Reason::SourceTimeout, format!("{whom} did not answer in time"))
            .hint("check the network and its proxies (HTTPS_PROXY, NO_PROXY)"),
        Last::Untrusted => {
            Declined::new(Reason::SourceUnavailable, format!("{whom} has a certificate that is not trusted"))
                .hint("name the file of your organisation's certificates in SSL_CERT_FILE")
        }
        Last::Unreachable => Declined::new(Reason::SourceUnavailable, format!("{whom} cannot be reached"))
            .hint("check the network and its proxies (HTTPS_PROXY, NO_PROXY)"),
        Last::Reply(reply) => replied(whom, reply),
    }
}

fn replied(whom: &str, reply: &Reply) -> Declined {
    let status = reply.status;
    let is_busy = reply.codes.iter().any(|code| code == "temporarily_unavailable");
    match status {
        408 | 429 | 500.. => later(whom, reply),
        400..=499 if is_busy => later(whom, reply),
        400..=499 => Declined::new(Reason::UpstreamDenied, format!("{whom} refused: {}", said(reply)))
            .hint(hint(&reply.codes)),
        _ => Declined::new(Reason::SourceUnavailable, format!("{whom} answered, but not with a token"))
            .hint("check that no proxy answers in its place (HTTPS_PROXY, AZURE_AUTHORITY_HOST)"),
    }
}

fn later(whom: &str, reply: &Reply) -> Declined {
    let message = match reply.status {
        429 => format!("{whom} received too many requests"),
        _ => format!("{whom} has a problem of its own: {}", said(reply)),
    };
    Declined::new(Reason::SourceUnavailable, message).retry_after(reply.retry_after)
}

fn said(reply: &Reply) -> String {
    match reply.codes.as_slice() {
        [] => format!("status {}", reply.status),
        [code] if code == UNKNOWN => format!("status {}, {UNKNOWN}", reply.status),
        codes => codes.join(", "),
    }
}

fn hint(codes: &[String]) -> &'static str {
    let known = HINTS.iter().find(|(code, _)| codes.iter().any(|said| said == code));
    known.map_or("check the identity and its permissions in the Azure portal", |(_, hint)| hint)
}

#[cfg(test)]
mod tests {
    use super::{Last, Reply, trouble};

    #[test]
    fn statuses_mean_what_they_say() {
        let reason =
            |status| trouble("x", &Last::Reply(Reply { status, ..Reply::default() })).problem.reason.as_str();
        for status in [400, 401, 403, 404] {
            assert_eq!(reason(status), "upstream-denied", "{status}");
        }
        for status in [200, 302, 408, 429, 500, 503] {
            assert_eq!(reason(status), "source-unavailable", "{status}");
        }
    }
}
