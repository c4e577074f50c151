//! Endpoint of a credential, and its additional headers. Pure. The endpoints of clouds are in [`cloud`].

pub mod cloud;

use crate::settings::{
    Lookup, Settings,
    effective::{effective, milliseconds, untrusted},
};
use claviger::{
    backend::{ANTHROPIC_BASE_URL, API_TIMEOUT, Backend},
    reason::{Location, Problem, Reason},
    secret::Secret,
    session::SessionContext,
    variables::is_true,
    warning::{Kind, Warning},
};
use claviger_child::is_loopback;
use std::time::Duration;

/// The variable with the custom headers.
const CUSTOM_HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";
/// Header that `CLAUDE_CODE_ADDITIONAL_PROTECTION` requests (guide, "Environment Variable Reference").
const PROTECTION_HEADER: (&str, &str) = ("x-anthropic-additional-protection", "true");

/// Destination of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Base URL as configured.
    pub base_url: String,
    /// `scheme://host[:port]`: the only destination of the credential.
    pub origin: String,
    /// Host, lower case.
    pub host: String,
    /// Whether it is https.
    pub secure: bool,
    /// The variable that sets it, if any.
    pub variable: Option<&'static str>,
    /// Where the base URL is configured; `None` if nowhere or in the session's environment.
    pub at: Option<Location>,
    /// Whether it depends on the region, which is only known with the credential.
    pub follows_region: bool,
}

/// What accompanies a credential.
#[derive(Clone, Debug)]
pub struct Extras {
    /// Headers known to the daemon.
    pub headers: Vec<(String, Secret<String>)>,
    /// The session's own variable that holds further headers.
    pub own_headers: Option<&'static str>,
    /// Request timeout.
    pub timeout: Duration,
}

// === impl Endpoint ===

impl Endpoint {
    /// The endpoint of the Anthropic backend: `ANTHROPIC_BASE_URL`, or Anthropic's own API.
    ///
    /// # Errors
    /// `workspace-untrusted`, or `settings-invalid` for a URL that is not one.
    pub fn anthropic(session: &SessionContext, settings: &Settings) -> Result<Self, Problem> {
        match Self::configured(session, settings, Backend::Anthropic.base_url_variable())? {
            Some(endpoint) => Ok(endpoint),
            None => Self::known(ANTHROPIC_BASE_URL),
        }
    }

    /// The endpoint set by the variable `name`, if any.
    ///
    /// # Errors
    /// As [`Endpoint::anthropic`].
    pub fn configured(
        session: &SessionContext,
        settings: &Settings,
        name: &'static str,
    ) -> Result<Option<Self>, Problem> {
        let Some((text, at)) = effective(session, settings, name)? else { return Ok(None) };
        let parsed = Self::parse(text, at).map_err(|why| {
            Problem::new(Reason::SettingsInvalid, format!("{name} is not a usable URL: {why}"))
                .hint("write for example https://gateway.example.com")
                .set_by(name, at)
        });
        Ok(Some(Self { variable: Some(name), ..parsed? }))
    }

    /// An endpoint whose URL claviger itself builds.
    fn known(url: &str) -> Result<Self, Problem> {
        Self::parse(url, None).map_err(|why| Problem::new(Reason::Bug, format!("{url} is not a URL: {why}")))
    }

    /// No endpoint: the credential is for a tool that has its own.
    pub fn nowhere() -> Self {
        Self {
            base_url: String::new(),
            origin: String::new(),
            host: String::new(),
            secure: true,
            variable: None,
            at: None,
            follows_region: false,
        }
    }

    /// The endpoint of a URL.
    ///
    /// # Errors
    /// The fault of the URL, as the rest of a sentence.
    pub fn parse(text: &str, at: Option<&Location>) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err("the scheme is neither https nor http"),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // Refuses everything that a URL parser might take for the end of the host, or for another host.
        if authority.contains('@') {
            return Err("it contains a user name");
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if !authority.chars().all(is_plain)
            || path.chars().any(|c| !c.is_ascii_graphic() || "?#\\".contains(c))
        {
            return Err("it contains an invalid character");
        }
        let parsed: tonic::codegen::http::uri::Authority =
            authority.parse().map_err(|_| "the host is malformed")?;
        let host = parsed.host().to_ascii_lowercase();
        if host.is_empty()
            || (authority.contains(':') && !host.starts_with('[') && parsed.port_u16().is_none())
        {
            return Err("the host is malformed");
        }
        let origin = match parsed.port_u16() {
            Some(port) if port != if secure { 443 } else { 80 } => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        };
        let at = at.cloned();
        Ok(Self {
            base_url: text.to_owned(),
            origin,
            host,
            secure,
            variable: None,
            at,
            follows_region: false,
        })
    }

    /// Whether others cannot read it in transit: it is https, or on this machine.
    pub fn is_private(&self) -> bool {
        self.secure || is_loopback(&self.host)
    }

    /// Warnings about this endpoint.
    pub fn warning(&self) -> Option<Warning> {
        (!self.is_private()).then(|| {
            let text = format!("{} is not encrypted: the credential can be read in transit", self.origin);
            Warning::new(Kind::EndpointPlaintext, text).about(self.variable.as_slice(), self.at.as_ref())
        })
    }
}

/// What accompanies a credential of this session.
///
/// # Errors
/// `workspace-untrusted`, or `settings-invalid` for headers or a timeout that are malformed.
pub fn extras(session: &SessionContext, settings: &Settings) -> Result<Extras, Problem> {
    let (mut headers, own_headers) = custom_headers(session, settings)?;
    if effective(session, settings, "CLAUDE_CODE_ADDITIONAL_PROTECTION")?
        .is_some_and(|(value, _)| is_true(value))
    {
        headers.push((PROTECTION_HEADER.0.into(), Secret::new(PROTECTION_HEADER.1.into())));
    }
    Ok(Extras { headers, own_headers, timeout: timeout(session, settings)? })
}

type Headers = Vec<(String, Secret<String>)>;

fn custom_headers(
    session: &SessionContext,
    settings: &Settings,
) -> Result<(Headers, Option<&'static str>), Problem> {
    match settings.variable(CUSTOM_HEADERS) {
        Lookup::Untrusted(value) => Err(untrusted(settings, CUSTOM_HEADERS, &value.at)),
        Lookup::Unset => Ok((Vec::new(), session.present.contains(CUSTOM_HEADERS).then_some(CUSTOM_HEADERS))),
        Lookup::Set(value) => parse_headers(&value.value).map(|headers| (headers, None)).map_err(|line| {
            Problem::new(Reason::SettingsInvalid, format!("line {line} of {CUSTOM_HEADERS} is not a header"))
                .hint("write one `Name: Value` per line")
                .at(&value.at)
        }),
    }
}

/// `Name: Value` lines. The error is the number of the line, from 1: the text may be secret.
fn parse_headers(text: &str) -> Result<Headers, usize> {
    let lines = text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| parse_header(line).ok_or(number + 1)).collect()
}

fn parse_header(line: &str) -> Option<(String, Secret<String>)> {
    let (name, value) = line.split_once(':')?;
    let (name, value) = (name.trim(), value.trim());
    let name_is_valid = tonic::codegen::http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    let value_is_valid = value.chars().all(|c| c == '\t' || c == ' ' || c.is_ascii_graphic());
    (name_is_valid && value_is_valid).then(|| (name.to_owned(), Secret::new(value.to_owned())))
}

fn timeout(session: &SessionContext, settings: &Settings) -> Result<Duration, Problem> {
    let timeout = milliseconds(session, settings, "API_TIMEOUT_MS", 0, "600000 for ten minutes")?;
    Ok(timeout.unwrap_or(API_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, parse_headers};

    #[test]
    fn origins() {
        for (url, origin) in [
            ("https://api.anthropic.com", "https://api.anthropic.com"),
            ("https://API.Example.com:443/v1/", "https://api.example.com"),
            ("https://gw.example:8443/anthropic", "https://gw.example:8443"),
            ("http://localhost:4000", "http://localhost:4000"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(Endpoint::parse(url, None).expect(url).origin, origin);
        }
    }

    #[test]
    fn what_is_not_plainly_a_url_is_refused() {
        for url in [
            "",
            "gw.example",
            "ftp://x",
            "https://",
            "https:///x",
            "https://user@evil",
            "https://good.com\\@evil.com",
            "https://a b",
            "https://x?y",
            "https://x/#y",
            "https://x:port",
            "https://x:99999",
            "https://ex\u{e4}mple",
            "https://x/\r\nHost: y",
        ] {
            assert!(Endpoint::parse(url, None).is_err(), "{url:?}");
        }
    }

    #[test]
    fn unencrypted_strangers_are_warned_about() {
        assert!(Endpoint::parse("http://gw.example", None).expect("valid").warning().is_some());
        assert!(Endpoint::parse("http://127.0.0.1:1", None).expect("valid").warning().is_none());
        assert!(Endpoint::parse("https://gw.example", None).expect("valid").warning().is_none());
    }

    #[test]
    fn headers_are_parsed_strictly() {
        let headers = parse_headers("X-Team: core\n\nAuthorization: Bearer a:b\n").expect("valid");
        let shown: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.expose().as_str())).collect();
        assert_eq!(shown, [("X-Team", "core"), ("Authorization", "Bearer a:b")]);
        for (text, line) in
            [("no colon", 1), ("A: b\nX Y: c", 2), ("A: b\r\nB: c", 0), ("A: \u{1}", 1), (": v", 1)]
        {
            match line {
                0 => assert!(
                    parse_headers(text).is_ok(),
                    "a carriage return at the end of a line is white space"
                ),
                _ => assert_eq!(parse_headers(text).expect_err(text), line),
            }
        }
    }
}
