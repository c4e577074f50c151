//! Proxies and certificate authorities set by variables. Values are never shown: a proxy's can hold a password.

use crate::doctor::{
    facts::{Certificates, Facts, Fault},
    finding::Finding,
};
use claviger::{reason::Location, remedy::Remedy};

/// Variables that name a proxy, in pairs with the same meaning.
pub(super) const PROXIES: [(&str, &str); 3] =
    [("HTTPS_PROXY", "https_proxy"), ("HTTP_PROXY", "http_proxy"), ("ALL_PROXY", "all_proxy")];
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
const CHECKS_OFF: &str = "NODE_TLS_REJECT_UNAUTHORIZED";

/// Checks variables of the network.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let names = PROXIES.into_iter().flat_map(|(upper, lower)| [upper, lower]);
    let malformed = names.filter_map(|name| proxy(facts, name));
    let ambiguous = PROXIES.into_iter().filter_map(|pair| ambiguous(facts, pair));
    let certificates = facts.certificates.iter().filter_map(certificates);
    malformed.chain(ambiguous).chain(certificates).chain(checks_off(facts)).collect()
}

/// The value of a variable for the session, settings first; with its place, if a file sets it.
pub(super) fn value<'a>(facts: &'a Facts, name: &str) -> Option<(&'a str, Option<&'a Location>)> {
    let set = facts.settings.iter().find(|setting| setting.name.strip_prefix("env.") == Some(name));
    match set.and_then(|setting| Some((setting.text.as_deref()?, Some(&setting.at)))) {
        Some(found) => Some(found),
        None => facts.variables.get(name).map(|text| (text.as_str(), None)),
    }
}

fn proxy(facts: &Facts, name: &str) -> Option<Finding> {
    let (text, at) = value(facts, name)?;
    let fault = fault(text)?;
    let cause = "it must have the form http://host:port; programs ignore other values, or fail";
    let finding = Finding::error("proxy-malformed", format!("{name} {fault}"));
    Some(finding.at(at).because(cause).helped(Remedy::without(&[name], at)))
}

/// The fault of a proxy's address. Without a scheme, programs assume http.
fn fault(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
        return Some("has an unknown scheme");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (name, port) = match host.rfind(']') {
        Some(end) => (&host[..=end], host[end + 1..].strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("names no host");
    }
    port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0))
        .then_some("has a port that is not a number")
}

fn ambiguous(facts: &Facts, (upper, lower): (&str, &str)) -> Option<Finding> {
    let differ = facts.variables.get(upper)? != facts.variables.get(lower)?;
    differ.then(|| {
        Finding::warning("proxy-ambiguous", format!("{upper} and {lower} differ"))
            .because("some programs read one, some the other")
            .helped(Remedy::unset(&[lower]))
    })
}

fn certificates(file: &Certificates) -> Option<Finding> {
    let Certificates { variable, at, path, .. } = file;
    let path = path.display();
    let finding = match file.fault? {
        Fault::Missing => {
            Finding::error("certificates-missing", format!("{variable} names {path}, which does not exist"))
        }
        Fault::Unreadable => Finding::error(
            "certificates-unreadable",
            format!("{variable} names {path}, which cannot be read"),
        ),
        Fault::NotPem => Finding::error(
            "certificates-not-pem",
            format!("{variable} names {path}, which contains no certificate"),
        ),
    };
    let cause = "programs then trust no authority, or the wrong ones";
    Some(finding.at(at).because(cause).helped(Remedy::without(&[variable], at.as_ref())))
}

fn checks_off(facts: &Facts) -> Option<Finding> {
    let (text, at) = value(facts, CHECKS_OFF)?;
    (text.trim() == "0").then(|| {
        Finding::warning("tls-checks-off", format!("{CHECKS_OFF}=0: tools of Node accept any server"))
            .at(at)
            .because(
                "a credential can then be intercepted; name your authority in NODE_EXTRA_CA_CERTS instead",
            )
            .helped(Remedy::without(&[CHECKS_OFF], at))
    })
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn proxies_that_work() {
        for text in ["", "http://p:3128", "p:3128", "p", "socks5h://u:p@h:1", "http://[::1]:80/", "HTTP://h"]
        {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn proxies_that_do_not() {
        for text in
            ["ftp://h", "http://", "http://:80", "http://h:port", "h:0", "http://u:p@:1", "http://a b"]
        {
            assert!(fault(text).is_some(), "{text}");
        }
    }
}
