//! One case: a user's files and variables, what the servers answer, and what must come of it.

use aws_smithy_types::{DateTime, date_time::Format};
use claviger_tests::{aws::hex, seconds, stand_in::Request};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A file of `tests/clouds`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it is about, in a sentence.
    pub(super) about: String,
    /// Where that is documented or was reported.
    pub(super) source: String,
    /// Variables of the session; those of the cloud's case that nothing names are as `Cloud::variables` says. An empty one is not set.
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    /// Files by path: `~/…` is the home, `./…` the working directory.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// Files that are not text, in hexadecimal digits.
    #[serde(default)]
    pub(super) bytes: BTreeMap<String, String>,
    /// Shell scripts by name; their directory is the first of PATH.
    #[serde(default)]
    pub(super) programs: BTreeMap<String, String>,
    /// Addresses of this machine where the servers answer, too: 169.254.169.254 is a metadata service.
    #[serde(default)]
    pub(super) serves: Vec<String>,
    /// The first that fits is given; there is 404 otherwise.
    #[serde(default)]
    pub(super) answers: Vec<Answer>,
    pub(super) expect: Expect,
    /// Tools that do something else, and the sentence of our documentation that says why: `page.md#heading`.
    #[serde(default)]
    pub(super) differs: BTreeMap<String, String>,
    /// Tools that do not know what the case is about, and why.
    #[serde(default)]
    pub(super) unknown: BTreeMap<String, String>,
}

/// What a server answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// `host/path`; `/path` at `${URL}` and at addresses of the machine.
    pub(super) to: String,
    /// Part of the request that is asked for: see [`whole`].
    #[serde(default)]
    pub(super) when: String,
    /// How often it is given; without a limit if there is none.
    pub(super) times: Option<usize>,
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: String,
}

/// What must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// The token, or the id of the access key.
    pub(super) identity: Option<String>,
    /// Seconds until it ends.
    pub(super) expires: Option<i64>,
    /// The reason why there is none.
    pub(super) error: Option<String>,
    /// Parts of the message, its hint and place.
    #[serde(default)]
    pub(super) says: Vec<String>,
    /// All requests, as [`line`] shows them.
    pub(super) requests: Option<Vec<String>>,
    /// Parts of the requests, in no order: see [`whole`].
    #[serde(default)]
    pub(super) sent: Vec<String>,
}

fn ok() -> u16 {
    200
}

// === impl Answer ===

impl Answer {
    /// One that is always given.
    pub(super) fn always(to: &str, body: &str) -> Self {
        let (to, body) = (to.to_owned(), body.to_owned());
        Self { to, when: String::new(), times: None, status: ok(), headers: BTreeMap::new(), body }
    }

    pub(super) fn fits(&self, request: &Request) -> bool {
        self.to == place(request) && whole(request).contains(&self.when)
    }
}

fn place(request: &Request) -> String {
    let host = request.header("host");
    let host = if host.starts_with(|first: char| first.is_ascii_digit() || first == '[') { "" } else { host };
    let host = host.strip_suffix(":443").unwrap_or(host);
    format!("{}{}", host.strip_suffix(":80").unwrap_or(host), request.path)
}

/// `METHOD host/path`.
pub(super) fn line(request: &Request) -> String {
    format!("{} {}", request.method, place(request))
}

/// `METHOD host/path?query`, headers and body, each percent-decoded where it is text.
pub(super) fn whole(request: &Request) -> String {
    let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    format!("{}?{}\n{headers}\n{}", line(request), decoded(&request.query), decoded(&request.body))
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `text` with its placeholders filled in: `${URL}` and `${ADDRESS}` of the server, `${HOME}` and `${WORK}`, `${IN:SECONDS}`,
/// `${UNIX:SECONDS}` and `${MS:SECONDS}` from now, `${SHA1:TEXT}`, `${SHA256:TEXT}`, `${KEY}` (a key for RS256, as in JSON).
pub(super) fn filled(text: &str, places: &BTreeMap<&str, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').expect("a placeholder ends");
        filled.push_str(before);
        filled.push_str(&value(name, places));
        rest = behind;
    }
    filled + rest
}

fn value(name: &str, places: &BTreeMap<&str, String>) -> String {
    if let Some(place) = places.get(name) {
        return place.clone();
    }
    let (kind, argument) = name.split_once(':').unwrap_or_else(|| panic!("no placeholder {name}"));
    let at = || i64::try_from(seconds()).expect("a clock") + argument.parse::<i64>().expect("seconds");
    match kind {
        "IN" => DateTime::from_secs(at()).fmt(Format::DateTime).expect("an instant"),
        "UNIX" => at().to_string(),
        "MS" => (at() * 1000).to_string(),
        "SHA1" => hex(&SHA1_FOR_LEGACY_USE_ONLY, argument),
        "SHA256" => hex(&SHA256, argument),
        _ => panic!("no placeholder {name}"),
    }
}
