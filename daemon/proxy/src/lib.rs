//! Decides which requests use a proxy. The client libraries parse `NO_PROXY` more narrowly than the clouds' tools, and
//! no two of these agree. So it is parsed here, with every form that Python, curl or Node support.

#![forbid(unsafe_code)]

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Variables of the proxy for `https`. As in other tools, the lower-case name comes first.
pub const PROXY: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// Variables of hosts that need no proxy.
pub const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Whether `list` contains the host of `uri`, with its port if one is named.
pub fn is_covered(list: &str, uri: &Uri) -> bool {
    let known = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    let port = Some(uri.port_u16().unwrap_or(known));
    let entries = list.split([',', ' ', '\t']).filter_map(|entry| host(entry, port));
    let entries = entries.collect::<Vec<_>>();
    let matcher = Matcher::builder().all("http://proxy").no(entries.join(",")).build();
    entries.contains(&"*") || matcher.intercept(uri).is_none()
}

/// The host of an entry, for the matcher; `None` if the entry is for another port.
fn host(entry: &str, port: Option<u16>) -> Option<&str> {
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (host, named) = match entry.rsplit_once(':').filter(|(_, text)| is_port(text)) {
        // An address of IPv6 has more than a port after its last colon, unless it is in brackets.
        Some((host, text)) if host.ends_with(']') || !host.contains(':') => (host, text.parse().ok()),
        _ => (entry, port),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = if host.starts_with("*.") { &host[1..] } else { host };
    Some(host.trim_end_matches('.')).filter(|host| !host.is_empty() && named == port)
}

#[cfg(test)]
mod tests {
    use super::is_covered;

    /// `NO_PROXY`, a host, whether it bypasses the proxy, and the tools that agree: Python's requests, Python's urllib, curl 7.88. A form
    /// that one of them supports counts, except parts of a name.
    #[rustfmt::skip]
    const TABLE: &[(&str, &str, bool, &str)] = &[
        ("login.example.com", "login.example.com", true, "requests urllib curl"),
        ("example.com", "login.example.com", true, "requests urllib curl"),
        (".example.com", "login.example.com", true, "requests urllib curl"),
        (".example.com", "example.com", true, "requests urllib curl"),
        ("LOGIN.EXAMPLE.COM", "login.example.com", true, "requests urllib curl"),
        ("other.example , login.example.com", "login.example.com", true, "requests urllib curl"),
        ("other.example login.example.com", "login.example.com", true, "curl"),
        ("login.example.com.", "login.example.com", true, "curl"),
        // Node's own agent.
        ("*.example.com", "login.example.com", true, ""),
        ("ample.com", "example.com", false, ""),
        ("example.com", "example.com.evil", false, ""),
        ("*", "login.example.com", true, "requests urllib curl"),
        ("*", "10.1.2.3", true, "requests urllib curl"),
        ("*", "[::1]", true, "requests urllib curl"),
        ("login.example.com:8443", "login.example.com:8443", true, "requests urllib"),
        ("example.com:8443", "login.example.com:8443", true, "requests urllib"),
        ("login.example.com:8443", "login.example.com", false, ""),
        ("login.example.com:443", "login.example.com", true, ""),
        ("login.example.com:99999", "login.example.com", false, ""),
        ("10.0.0.0/8", "10.1.2.3", true, "requests curl"),
        ("10.0.0.0/8", "192.168.0.1", false, ""),
        ("10.1.2.3", "10.1.2.3:8443", true, "requests urllib curl"),
        ("10.1.2.3:8443", "10.1.2.3:8443", true, "urllib"),
        ("10.", "10.1.2.3", false, ""),
        ("::1", "[::1]", true, "requests curl"),
        ("[::1]", "[::1]", true, "urllib curl"),
        ("fd00::/8", "[fd00::1]", true, "curl"),
        ("[fd00::1]:8443", "[fd00::1]:8443", true, "urllib curl"),
        ("[fd00::1]:8443", "[fd00::1]", false, ""),
        ("", "login.example.com", false, ""),
        (",:,.,[],[]:,*.", "login.example.com", false, ""),
    ];

    #[test]
    fn what_needs_no_proxy_is_read_as_other_tools_read_it() {
        for (list, host, expected, _) in TABLE {
            let uri = format!("https://{host}/token").parse().expect("a URL");
            assert_eq!(is_covered(list, &uri), *expected, "{list:?} for {host}");
        }
    }
}
