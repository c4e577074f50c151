//! Permitted URLs of a credentials file. The file is the user's choice, so any host is; unencrypted secrets are not.

use super::{Declined, file::Fields};
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A URL field that secrets are sent to.
///
/// # Errors
/// `settings-invalid`.
pub(crate) fn secure(fields: &Fields<'_>, name: &str, text: &str) -> Result<Url, Declined> {
    let url = parse(fields, name, text)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(fields.wrong(name, "must be an https URL: secrets are sent there")),
    }
}

/// A URL field that a platform returns subject tokens at: those of clouds use http on the machine's own link.
///
/// # Errors
/// `settings-invalid`.
pub(crate) fn platform(fields: &Fields<'_>, name: &str, text: &str) -> Result<Url, Declined> {
    let url = parse(fields, name, text)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) || address(&url).is_some_and(is_of_the_link) => Ok(url),
        _ => Err(fields.wrong(name, "must be an https URL, or an http URL of this machine or its link")),
    }
}

fn parse(fields: &Fields<'_>, name: &str, text: &str) -> Result<Url, Declined> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
    url.ok_or_else(|| fields.wrong(name, "is not the URL of a server"))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str() == Some("localhost") || address(url).is_some_and(|address| address.is_loopback())
}

fn address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Metadata services have addresses of the link, that of AWS a unique local one (fd00:ec2::254).
fn is_of_the_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => Ipv4Addr::is_link_local(&address),
        IpAddr::V6(address) => {
            Ipv6Addr::is_unicast_link_local(&address) || Ipv6Addr::is_unique_local(&address)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, platform, secure};
    use serde_json::Value;
    use std::path::Path;

    #[test]
    fn secrets_stay_on_the_machine_or_are_encrypted() {
        let value = Value::Null;
        let fields = Fields::of(Path::new("/f"), &value);
        for (text, is_secure, is_platform) in [
            ("https://sts.googleapis.com/v1/token", true, true),
            ("http://127.0.0.1:1/t", true, true),
            ("http://localhost/t", true, true),
            ("http://[::1]:80/t", true, true),
            ("http://169.254.169.254/t", false, true),
            ("http://[fd00:ec2::254]/t", false, true),
            ("http://example.com/t", false, false),
            ("http://localhost.example.com/", false, false),
            ("http://8.8.8.8/", false, false),
            ("https://user:password@example.com/", false, false),
            ("file:///etc/passwd", false, false),
            ("no url", false, false),
            ("", false, false),
        ] {
            assert_eq!(secure(&fields, "u", text).is_ok(), is_secure, "{text}");
            assert_eq!(platform(&fields, "u", text).is_ok(), is_platform, "{text}");
        }
    }
}
