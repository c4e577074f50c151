//! Endpoints that refuse, hang or lie: each is told by what it is, soon, and the credential goes nowhere else.

use super::doctor_layouts::closed;
use claviger_tests::{
    CANARY,
    doctor::Patient,
    stand_in::{Authority, Response, StandIn},
};
use std::time::Instant;

const UNREACHABLE: (&str, &str, &str) = ("error", "endpoint-unreachable", "");
const TLS: (&str, &str, &str) = ("error", "endpoint-tls", "");
const PROXY: (&str, &str, &str) = ("error", "endpoint-proxy", "");

fn answering(status: u16) -> Patient {
    Patient::with(StandIn::start(move |_| Response::new(status, "sk-canary-said-by-the-server")))
}

fn trusting(authority: &Authority, endpoint: StandIn) -> Patient {
    let mut patient = Patient::with(endpoint);
    let path = patient.home.write("ca.pem", &authority.pem());
    patient.home.set("SSL_CERT_FILE", &path.display().to_string());
    patient
}

fn to(url: &str) -> Patient {
    let patient = Patient::new();
    patient.settings(&[("ANTHROPIC_BASE_URL", url)]);
    patient
}

#[test]
fn what_an_answer_means() {
    for (status, expected) in [
        (200, None),
        (401, Some(("error", "credential-refused", ""))),
        (403, Some(("error", "access-denied", ""))),
        (404, None),
        (407, Some(PROXY)),
        (429, None),
        (503, Some(("warning", "endpoint-failing", ""))),
    ] {
        answering(status).expect(expected.as_slice());
    }
}

#[test]
fn a_refusal_of_a_request_without_credential_means_nothing() {
    let patient = answering(401);
    let text = format!(
        r#"{{"apiKeyHelper": "false", "env": {{"ANTHROPIC_BASE_URL": "{}"}}}}"#,
        patient.endpoint.url
    );
    patient.home.write(claviger_tests::doctor::SETTINGS, &text);
    patient.expect(&[("error", "command-failed", "home/.claude/settings.json:1:2")]);
    assert!(patient.endpoint.requests().iter().all(|request| request.header("x-api-key").is_empty()));
}

#[test]
fn an_endpoint_that_hangs_does_not_hang_the_doctor() {
    let patient = Patient::with(StandIn::start(|_| Response::never()));
    let started = Instant::now();
    patient.expect(&[("error", "endpoint-timeout", "")]);
    claviger_tests::wait::not_held_up(started);
}

#[test]
fn nobody_there() {
    to(&format!("http://127.0.0.1:{}", closed())).expect(&[UNREACHABLE]);
    to("https://gateway.invalid").expect(&[UNREACHABLE]);
}

#[test]
fn certificates() {
    let ours = Authority::new();
    trusting(&ours, StandIn::start_tls(&ours, |_| Response::new(200, ""))).expect(&[]);
    let theirs = Authority::new();
    trusting(&ours, StandIn::start_tls(&theirs, |_| Response::new(200, ""))).expect(&[TLS]);
    trusting(&ours, StandIn::start_tls_as(&ours, "other.example", |_| Response::new(200, ""))).expect(&[TLS]);
    trusting(&ours, StandIn::start_tls_expired(&ours, |_| Response::new(200, ""))).expect(&[TLS]);
    // What Node trusts counts: the tools run on it.
    let mut patient = trusting(&ours, StandIn::start_tls(&theirs, |_| Response::new(200, "")));
    let path = patient.home.write("extra.pem", &theirs.pem());
    patient.home.set("NODE_EXTRA_CA_CERTS", &path.display().to_string());
    patient.expect(&[]);
}

#[test]
fn a_server_without_tls() {
    let plain = StandIn::start(|_| Response::new(200, ""));
    let patient = to(&format!("https://127.0.0.1:{}", plain.port()));
    patient.expect(&[TLS]);
    assert!(plain.requests().is_empty());
}

#[test]
fn a_proxy_that_is_down() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let mut patient = to("https://gateway.invalid");
        patient.home.set(name, &format!("http://user:sk-canary-password@127.0.0.1:{}", closed()));
        patient.expect(&[PROXY]);
    }
}

#[test]
fn a_proxy_of_the_settings_is_used() {
    let patient = Patient::new();
    let proxy = StandIn::start(|_| Response::new(403, ""));
    patient.settings(&[("ANTHROPIC_BASE_URL", "https://gateway.invalid"), ("HTTPS_PROXY", &proxy.url)]);
    patient.expect(&[PROXY]);
    assert!(proxy.requests().iter().any(|request| request.method == "CONNECT"));
    let asked = format!("{:?}", proxy.requests());
    assert!(!asked.contains(CANARY), "a proxy sees no credential: {asked}");
}

#[test]
fn clocks_that_differ() {
    for (date, expected) in [
        ("Sat, 31 Jan 2026 12:00:00 GMT", ("error", "clock-skew", "")),
        ("Fri, 31 Jan 2200 12:00:00 GMT", ("error", "clock-skew", "")),
    ] {
        let endpoint = StandIn::start(move |_| Response::new(200, "").header("date", date));
        Patient::with(endpoint).expect(&[expected]);
    }
}

#[test]
fn a_plain_endpoint_elsewhere_is_told() {
    to("http://gateway.invalid")
        .expect(&[("warning", "endpoint-plaintext", "home/.claude/settings.json:4:5"), UNREACHABLE]);
}
