//! A gate as environment variables of a CLI: its address, and a placeholder, because tools send nothing without a credential.

use super::{
    anthropic, bedrock, foundry,
    variable::{HEADERS, Set, Variable, complete, text},
};
use claviger::{
    Secret,
    backend::CLOUDS,
    hook::{GATE, GATE_BASE_URL, GATE_SOCKET},
    proto::v1::{GateTransport, OpenGateResponse},
    reason::{Problem, Reason},
    variables::{self, Use},
};

const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// Further variables that give a session another identity, or lead its requests past the gate.
const MORE: [&str; 6] = [
    HEADERS,
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
];

/// The variables for the gate: first those to set, then those to remove. `value` has the environment.
///
/// # Errors
/// If the daemon's answer has no gate.
pub(crate) fn gated(
    opened: &OpenGateResponse,
    value: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Variable>, Problem> {
    let nothing = || Problem::new(Reason::Bug, "the daemon's answer has no gate");
    let gate = opened.gate.as_ref().ok_or_else(nothing)?;
    let placeholder = opened.placeholder.clone().ok_or_else(nothing)?;
    let mut set: Vec<Set> = match gate.transport() {
        // A token: Claude Code asks its user before it takes an API key from the environment.
        GateTransport::Unix | GateTransport::Unspecified => vec![
            (GATE_SOCKET, text(gate.address.as_str())),
            (anthropic::BASE_URL, text(GATE_BASE_URL)),
            (anthropic::AUTH_TOKEN, placeholder),
        ],
        GateTransport::Tcp => vec![
            (anthropic::BASE_URL, text(format!("http://{}", gate.address))),
            (anthropic::API_KEY, placeholder),
        ],
    };
    set.push((GATE, text(gate.name.as_str())));
    set.extend(past_proxies(&value));
    let switches = CLOUDS.into_iter().flat_map(|(_, switch, skip)| [switch, skip]);
    let keys = anthropic::OWNED.into_iter().chain([GATE_SOCKET]).chain(MORE).chain(switches);
    let clouds = bedrock::OWNED.into_iter().chain(foundry::OWNED).filter(|name| is_of_api(name));
    let secrets =
        variables::VARIABLES.iter().filter(|(name, usage)| *usage == Use::Secret && is_of_api(name));
    let mut owned: Vec<_> = keys.chain(clouds).chain(secrets.map(|(name, _)| *name)).collect();
    owned.sort_unstable();
    owned.dedup();
    Ok(complete(set, owned, |name| value(name).is_some()))
}

/// A proxy does not lead to a gate, which is on this machine. Some tools read one spelling of the variable, some the other.
fn past_proxies(value: impl Fn(&str) -> Option<String>) -> Vec<Set> {
    let set = |name: &&str| value(name).is_some_and(|text| !text.is_empty());
    if !PROXIES.iter().any(&set) {
        return Vec::new();
    }
    let own = NO_PROXY.into_iter().find(|name| set(name)).and_then(value);
    let own = own.map_or_else(String::new, |own| format!("{own},"));
    NO_PROXY.map(|name| (name, text(format!("{own}localhost,127.0.0.1")))).to_vec()
}

/// The placeholder, in a session that `exec --gate` began. `value` has the environment.
///
/// Tools run their hooks there as well. What one printed otherwise would be the credential that the session is not to have.
pub(crate) fn placeholder(value: impl Fn(&str) -> Option<String>) -> Option<Secret> {
    value(GATE)?;
    [anthropic::AUTH_TOKEN, anthropic::API_KEY].into_iter().find_map(value).map(Secret::new)
}

/// Name of the standing gate to which the settings of this session's tool lead.
pub(crate) fn standing_gate() -> Option<String> {
    std::env::var(GATE).ok().filter(|name| !name.is_empty())
}

/// Whether a variable is Anthropic's, for whichever backend. Those of a cloud's own tools stay: other programs need them.
fn is_of_api(name: &str) -> bool {
    ["ANTHROPIC_", "CLAUDE_"].iter().any(|family| name.starts_with(family)) || name == bedrock::TOKEN
}

#[cfg(test)]
mod tests {
    use super::{gated, placeholder};
    use claviger::{
        Secret,
        proto::v1::{Gate, GateTransport, OpenGateResponse},
    };

    fn text(transport: GateTransport, address: &str, environment: &[&str]) -> Vec<String> {
        let gate = Gate {
            name: "g1".into(),
            address: address.into(),
            transport: transport.into(),
            ..Gate::default()
        };
        let placeholder = Some(Secret::from("sk-ant-api03-0"));
        let opened = OpenGateResponse { gate: Some(gate), placeholder, ..OpenGateResponse::default() };
        let value = |name: &str| {
            let found = environment.iter().find(|entry| entry.split('=').next() == Some(name))?;
            Some(found.split_once('=').map_or("", |(_, value)| value).to_owned())
        };
        let variables = gated(&opened, value).expect("a gate");
        let line = |(name, value): (&str, Option<Secret>)| match value {
            Some(value) => format!("{name}={}", value.expose()),
            None => format!("-{name}"),
        };
        variables.into_iter().map(line).collect()
    }

    #[test]
    fn a_command_gets_an_address_and_a_placeholder() {
        let set = [
            "ANTHROPIC_UNIX_SOCKET=/run/gate.sock",
            "ANTHROPIC_BASE_URL=http://localhost",
            "ANTHROPIC_AUTH_TOKEN=sk-ant-api03-0",
            "CLAVIGER_GATE=g1",
        ];
        assert_eq!(text(GateTransport::Unix, "/run/gate.sock", &["HOME"]), set);
        let set = [
            "ANTHROPIC_BASE_URL=http://127.0.0.1:4711",
            "ANTHROPIC_API_KEY=sk-ant-api03-0",
            "CLAVIGER_GATE=g1",
        ];
        assert_eq!(text(GateTransport::Tcp, "127.0.0.1:4711", &[]), set);
    }

    #[test]
    fn a_gate_is_reached_past_the_proxies_of_the_session() {
        for (environment, expected) in [
            (&["NO_PROXY=a"][..], None),
            (&["HTTPS_PROXY="], None),
            (&["HTTPS_PROXY=http://p"], Some("localhost,127.0.0.1")),
            (&["all_proxy=http://p", "NO_PROXY=a.example"], Some("a.example,localhost,127.0.0.1")),
            (&["http_proxy=http://p", "NO_PROXY=a", "no_proxy=b"], Some("b,localhost,127.0.0.1")),
        ] {
            let lines = text(GateTransport::Tcp, "127.0.0.1:4711", environment);
            for name in ["NO_PROXY=", "no_proxy="] {
                let found = lines.iter().find_map(|line| line.strip_prefix(name));
                assert_eq!(found, expected, "{environment:?}");
            }
        }
    }

    #[test]
    fn no_other_credential_of_the_api_is_left() {
        let environment = [
            "ANTHROPIC_AUTH_TOKEN",
            "ANTHROPIC_CUSTOM_HEADERS",
            "ANTHROPIC_FOUNDRY_API_KEY",
            "ANTHROPIC_UNIX_SOCKET",
            "AWS_BEARER_TOKEN_BEDROCK",
            "AWS_SECRET_ACCESS_KEY",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
        ];
        let lines = text(GateTransport::Tcp, "127.0.0.1:4711", &environment);
        let removed = [
            "-ANTHROPIC_AUTH_TOKEN",
            "-ANTHROPIC_CUSTOM_HEADERS",
            "-ANTHROPIC_FOUNDRY_API_KEY",
            "-ANTHROPIC_UNIX_SOCKET",
            "-AWS_BEARER_TOKEN_BEDROCK",
            "-CLAUDE_CODE_OAUTH_TOKEN",
            "-CLAUDE_CODE_USE_BEDROCK",
        ];
        assert_eq!(lines[3..], removed);
    }

    #[test]
    fn only_a_session_of_a_gate_has_a_placeholder() {
        let of = |set: &[(&str, &str)]| {
            let value = |name: &str| Some(set.iter().find(|(known, _)| *known == name)?.1.to_owned());
            placeholder(value).map(|found| found.expose().to_owned())
        };
        assert_eq!(of(&[("ANTHROPIC_API_KEY", "k")]), None);
        assert_eq!(of(&[("CLAVIGER_GATE", "g1")]), None);
        for name in ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"] {
            assert_eq!(of(&[("CLAVIGER_GATE", "g1"), (name, "p")]).as_deref(), Some("p"));
        }
    }
}
