//! The endpoint in use: the meaning of its answer, or the reason for its absence.

use super::network::{PROXIES, value};
use crate::doctor::{
    facts::{Credential, Endpoint, Facts, Setting},
    finding::Finding,
};
use claviger::{remedy::Remedy, source};
use claviger_child::Sight;

/// Variables with the address of a service.
const BASE_URLS: [&str; 4] = [
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
];
/// The variable that names the trusted authorities.
const AUTHORITIES: &str = "SSL_CERT_FILE";

/// Clocks may differ by this much, in seconds, before a signed request fails (AWS Signature Version 4: 5 minutes).
const SKEW_BREAKS: i64 = 300;
/// Smallest difference that is reported: an answer takes a second, and `Date` has whole seconds.
const SKEW_SHOWS: i64 = 60;

/// Checks one request.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(endpoint) = &facts.endpoint else { return Vec::new() };
    let look = Look { facts, endpoint };
    look.status().or_else(|| look.silence()).into_iter().chain(skew(endpoint)).collect()
}

/// Result of the request, with the facts known before.
struct Look<'a> {
    facts: &'a Facts,
    endpoint: &'a Endpoint,
}

impl Look<'_> {
    fn status(&self) -> Option<Finding> {
        let (origin, status) = (&self.endpoint.origin, self.endpoint.seen.status?);
        Some(match status {
            401 if self.endpoint.authenticated => Finding::error(
                "credential-refused",
                format!("{origin} answers 401: it does not accept the credential"),
            )
            .because("a key that expired or was revoked, a login that ended, or a key of another service")
            .helped(self.another_credential()),
            403 if self.endpoint.authenticated => Finding::error(
                "access-denied",
                format!("{origin} answers 403: it accepts the credential, but forbids the request"),
            )
            .because("the account may not use this service or model, or a proxy on the way forbids it")
            .helped(Remedy::Administrator(format!("give this account access to {origin}"))),
            407 => self.proxy(format!("the proxy on the way to {origin} requires a login (407)"), true),
            500.. => Finding::warning("endpoint-failing", format!("{origin} answers {status}"))
                .because(
                    "the service, or a gateway before it, has a problem of its own, which is usually \
                    temporary; the credential is not the reason",
                )
                .helped(match self.base_url() {
                    Some(_) => Remedy::Administrator(format!("check {origin}")),
                    // Anthropic's own service: only another check later can help.
                    None => Remedy::claviger(&["doctor"]),
                }),
            _ => return None,
        })
    }

    /// A refused credential is replaced at its source.
    fn another_credential(&self) -> Remedy {
        let Some(Credential::Lent(lent)) = &self.facts.credential else { return Remedy::refresh() };
        match lent.source.as_str() {
            _ if lent.own_variable.is_some() => {
                Remedy::unset(&[lent.own_variable.as_deref().unwrap_or_default()])
            }
            source::OAUTH_LOGIN => Remedy::login(self.account()),
            source::SAVED_API_KEY => Remedy::keep_key(self.account()),
            _ => Remedy::claviger(&["refresh", "--rejected", "401"]),
        }
    }

    fn account(&self) -> Option<&str> {
        let entry = self.facts.explained.as_ref()?.as_ref().ok()?.entry.as_ref()?;
        Some(entry.account.as_str()).filter(|account| !account.is_empty())
    }

    /// Where the base URL is unset, if one is set.
    fn base_url(&self) -> Option<Remedy> {
        let is_of = |setting: &&Setting, name| setting.name.strip_prefix("env.") == Some(name);
        BASE_URLS.into_iter().find_map(|name| {
            let set = self.facts.settings.iter().find(|setting| is_of(setting, name));
            let own = || self.facts.variables.get(name).and_then(|_| Remedy::without(&[name], None));
            set.map_or_else(own, |set| Remedy::edit(&set.at))
        })
    }

    fn silence(&self) -> Option<Finding> {
        let origin = &self.endpoint.origin;
        let reach = || Remedy::Administrator(format!("let this machine reach {origin}"));
        let unreachable = |what: String, cause: &str, remedy: Remedy| {
            Finding::error("endpoint-unreachable", what).because(cause).helped(remedy)
        };
        let wrong_url = || self.base_url().unwrap_or_else(reach);
        let timeout = |what: String| {
            Finding::error("endpoint-timeout", what)
                .because(
                    "a firewall that drops packets, a required proxy (HTTPS_PROXY), or a server that hangs",
                )
                .helped(reach())
        };
        Some(match self.endpoint.seen.sight {
            Sight::UnknownHost => unreachable(
                format!("the host of {origin} has no address"),
                "a typing mistake in the base URL, no network, or a name server that does not know it",
                wrong_url(),
            ),
            Sight::Refused => unreachable(
                format!("no server listens at {origin}"),
                "the service does not run, or the port is wrong",
                wrong_url(),
            ),
            Sight::Unreachable => unreachable(
                format!("{origin} cannot be reached"),
                "no network, no route, or a firewall",
                reach(),
            ),
            Sight::BrokenOff => unreachable(
                format!("{origin} broke off its answer"),
                "the server there may not speak HTTP",
                wrong_url(),
            ),
            Sight::ConnectTimeout => timeout(format!("{origin} does not accept the connection in time")),
            Sight::AnswerTimeout => timeout(format!("{origin} accepts the request and does not answer")),
            Sight::ProxyUnreachable => {
                self.proxy(format!("the proxy on the way to {origin} cannot be reached"), false)
            }
            Sight::ProxyRefused => {
                self.proxy(format!("the proxy on the way to {origin} refuses to connect to it"), false)
            }
            Sight::ProxyWantsLogin => {
                self.proxy(format!("the proxy on the way to {origin} requires a login"), true)
            }
            // A setup failure has its own reason among the variables.
            sight => return self.tls(sight),
        })
    }

    fn tls(&self, sight: Sight) -> Option<Finding> {
        let origin = &self.endpoint.origin;
        let renew = || Remedy::Administrator(format!("renew the certificate of {origin}"));
        let wrong_url = || self.base_url().unwrap_or_else(renew);
        let (what, cause, remedy) = match sight {
            Sight::CertificateExpired => (
                format!("the certificate of {origin} has expired"),
                "its owner has to renew it; or the clock of this machine is ahead",
                renew(),
            ),
            Sight::CertificateNotYetValid => (
                format!("the certificate of {origin} is not valid yet"),
                "the clock of this machine is behind",
                set_clock(),
            ),
            Sight::CertificateUnknownIssuer => (
                format!("no trusted authority has signed the certificate of {origin}"),
                "a gateway or proxy with an authority of its own: name its certificate in SSL_CERT_FILE and NODE_EXTRA_CA_CERTS",
                self.authority(),
            ),
            Sight::CertificateWrongName => (
                format!("the certificate of {origin} is for another host"),
                "the base URL names the wrong host, or another server answers in its place",
                wrong_url(),
            ),
            Sight::TlsFailed => (
                format!("no TLS with {origin}"),
                "the server does not use TLS, or only an old version",
                wrong_url(),
            ),
            _ => return None,
        };
        Some(Finding::error("endpoint-tls", what).because(cause).helped(remedy))
    }

    /// A file of authorities that lacks the required one, or the required file itself.
    fn authority(&self) -> Remedy {
        let named = value(self.facts, AUTHORITIES).and_then(|(_, at)| Remedy::without(&[AUTHORITIES], at));
        named.unwrap_or_else(|| {
            let origin = &self.endpoint.origin;
            Remedy::Administrator(format!("give you the certificate of the authority behind {origin}"))
        })
    }

    /// The setting of the proxy; otherwise `NO_PROXY` bypasses it, unless it only requires a login.
    fn proxy(&self, what: String, wants_login: bool) -> Finding {
        let finding = Finding::error("endpoint-proxy", what)
            .because("HTTPS_PROXY, HTTP_PROXY or ALL_PROXY selects it; NO_PROXY bypasses it");
        let in_file = PROXIES.into_iter().flat_map(|(upper, lower)| [upper, lower]).find_map(|name| {
            let (_, at) = value(self.facts, name)?;
            Remedy::edit(at?)
        });
        let past = || {
            let known = value(self.facts, "NO_PROXY").map(|(text, _)| text).filter(|text| !text.is_empty());
            let host = host(&self.endpoint.origin);
            let all = known.into_iter().chain([host]).collect::<Vec<_>>().join(",");
            Remedy::run(&["export", &format!("NO_PROXY={all}"), &format!("no_proxy={all}")])
        };
        finding.helped(in_file.unwrap_or_else(|| match wants_login {
            true => Remedy::Administrator("give you a login for the proxy".into()),
            false => past(),
        }))
    }
}

/// How to set the clock.
fn set_clock() -> Remedy {
    match cfg!(target_os = "macos") {
        true => Remedy::run(&["sudo", "sntp", "-sS", "time.apple.com"]),
        false => Remedy::run(&["sudo", "timedatectl", "set-ntp", "true"]),
    }
}

/// The host of an origin.
fn host(origin: &str) -> &str {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(host, _)| host)
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
    Some(finding.helped(set_clock()))
}
