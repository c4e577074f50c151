//! Homes with something wrong in settings, credentials or environment: the doctor finds exactly that, and nothing else.

use claviger::proto::v1::StorePlace;
use claviger_tests::{
    CANARY, Home,
    accounts::save,
    doctor::{Expected, Patient, SETTINGS, expect},
    keyring::Keyring,
    secret,
    stand_in::{Response, StandIn},
    terminal::Terminal,
    text,
};
use serde_json::{Value, json};
use std::fs;

/// Variables of a session, and what is wrong with them.
type Environment = (&'static [(&'static str, &'static str)], &'static [Expected<'static>]);

const ENVIRONMENTS: &[Environment] = &[
    (
        &[("ANTHROPIC_API_KEY", "sk-canary-key")],
        &[("warning", "key-beside-helper", "home/.claude/settings.json:2:3")],
    ),
    (
        &[("ANTHROPIC_AUTH_TOKEN", "sk-canary-token")],
        &[("warning", "token-beside-helper", "home/.claude/settings.json:2:3")],
    ),
    (
        &[("ANTHROPIC_API_KEY", "sk-canary-key"), ("ANTHROPIC_AUTH_TOKEN", "sk-canary-token")],
        &[
            ("warning", "key-and-token", ""),
            ("warning", "key-beside-helper", "home/.claude/settings.json:2:3"),
            ("warning", "token-beside-helper", "home/.claude/settings.json:2:3"),
        ],
    ),
    (&[("CLAUDE_CODE_OAUTH_TOKEN", "\"sk-canary-quoted\"")], &[("error", "variable-malformed", "")]),
    (&[("HTTPS_PROXY", "ftp://u:sk-canary-password@h")], &[("error", "proxy-malformed", "")]),
    (&[("http_proxy", "http://h:port")], &[("error", "proxy-malformed", "")]),
    (
        &[("HTTP_PROXY", "http://one:1"), ("http_proxy", "http://two:2")],
        &[("warning", "proxy-ambiguous", "")],
    ),
    (&[("NODE_EXTRA_CA_CERTS", "/nowhere/ca.pem")], &[("error", "certificates-missing", "")]),
    (&[("NODE_EXTRA_CA_CERTS", "/etc/passwd")], &[("error", "certificates-not-pem", "")]),
    (&[("AWS_CA_BUNDLE", "/etc")], &[("error", "certificates-unreadable", "")]),
    (&[("SSL_CERT_DIR", "/etc:/nowhere")], &[("error", "certificates-missing", "")]),
    (&[("NODE_TLS_REJECT_UNAUTHORIZED", "0")], &[("warning", "tls-checks-off", "")]),
];

#[test]
fn a_healthy_home_has_nothing_wrong_and_says_who_wins() {
    let patient = Patient::new();
    let diagnosis = expect(&patient.home, &[], &[]);
    let expected = json!({
        "winner": "api-key-helper", "backend": "anthropic", "origin": patient.endpoint.url, "findings": [],
        "unchecked": [], "grpcurl": patient.home.status()["grpcurl"],
    });
    assert_eq!(diagnosis, expected);
    // Once for JSON and once for people, with the credential that was lent, and nowhere else.
    let asked = patient.endpoint.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|request| request.path == "/v1/models" && request.method == "GET"));
    assert!(asked.iter().all(|request| request.header("x-api-key") == format!("{CANARY}helper")));
}

#[test]
fn variables_that_contradict_each_other_or_mean_nothing() {
    for (variables, expected) in ENVIRONMENTS {
        let mut patient = Patient::new();
        variables.iter().for_each(|(name, value)| patient.home.set(name, value));
        patient.expect(expected);
    }
}

#[test]
fn variables_of_settings_have_a_place() {
    let patient = Patient::new();
    patient.settings(&[("HTTPS_PROXY", "http://"), ("NODE_EXTRA_CA_CERTS", "/nowhere/ca.pem")]);
    patient.expect(&[
        ("error", "proxy-malformed", &format!("{SETTINGS}:5:5")),
        ("error", "certificates-missing", &format!("{SETTINGS}:6:5")),
    ]);
}

#[test]
fn a_home_with_nothing_in_it_needs_a_login() {
    let diagnosis = expect(&Home::new(), &[], &[("error", "no-credential", "")]);
    assert_eq!(diagnosis["unchecked"][0]["what"], "the endpoint", "the endpoint is unknown");
    assert_eq!(diagnosis["findings"][0]["fix"], "claviger login --api-key");
}

#[test]
fn broken_settings_have_line_and_column() {
    let patient = Patient::new();
    patient.home.write(SETTINGS, "{\n  \"apiKeyHelper\": 7\n}");
    patient.expect(&[("error", "settings-invalid", &format!("{SETTINGS}:2:19"))]);
    patient.settings(&[]);
    patient.expect(&[]);
    patient.home.replace(SETTINGS, "{\n  \"apiKeyHelper\": \"x\",,\n}");
    patient.expect(&[("warning", "settings-kept", &format!("{SETTINGS}:2:23"))]);
}

#[test]
fn helpers_that_fail_print_nonsense_or_are_missing() {
    let line = format!("{SETTINGS}:2:3");
    for (helper, id) in [
        ("false", "command-failed"),
        ("printf ''", "command-output-invalid"),
        ("no-such-program --with sk-canary-x", "command-missing"),
        ("/no/such/program", "command-missing"),
        ("sk-canary-pasted-in-the-wrong-place", "command-missing"),
        ("claviger token", "no-credential"),
    ] {
        let patient = Patient::new();
        let base = &patient.endpoint.url;
        let text = json!({"apiKeyHelper": helper, "env": {"ANTHROPIC_BASE_URL": base}});
        patient.home.write(SETTINGS, &format!("{text:#}"));
        // In a pristine shell the hook is nowhere on PATH.
        let hook = ("error", "hook-missing", line.as_str());
        match id {
            "no-credential" => patient.expect(&[("error", id, ""), hook]),
            _ => patient.expect(&[("error", id, &line)]),
        }
    }
}

#[test]
fn an_untrusted_workspace_runs_nothing_and_its_endpoint_is_not_contacted() {
    let patient = Patient::new();
    let stranger = StandIn::start(|_| Response::new(200, ""));
    let mark = patient.home.path("ran");
    let helper = format!("touch {}; echo key", mark.display());
    let text = json!({"apiKeyHelper": helper, "env": {"ANTHROPIC_BASE_URL": stranger.url, "HTTPS_PROXY": "http://"}});
    patient.home.write("work/.claude/settings.json", &format!("{text:#}"));
    patient.expect(&[("error", "workspace-untrusted", "work/.claude/settings.json:4:5")]);
    assert!(stranger.requests().is_empty() && patient.endpoint.requests().is_empty() && !mark.exists());
    patient.home.ok(&["trust", "ignore"]);
    patient.expect(&[]);
}

#[test]
fn two_clouds_and_a_key_beside_them() {
    let mut home = Home::new();
    home.write(
        "home/.claude/settings.json",
        &json!({"awsCredentialExport": format!("echo {}", aws_keys())}).to_string(),
    );
    for (name, value) in [
        ("CLAUDE_CODE_USE_BEDROCK", "1"),
        ("CLAUDE_CODE_USE_VERTEX", "1"),
        ("ANTHROPIC_API_KEY", "sk-canary-k"),
    ] {
        home.set(name, value);
    }
    let expected = [("warning", "two-clouds", ""), ("note", "key-beside-cloud", "")];
    let diagnosis = expect(&home, &["--offline"], &expected);
    assert_eq!(diagnosis["unchecked"][0], json!({"what": "the endpoint", "why": "--offline was given"}));
}

fn aws_keys() -> String {
    let keys = json!({"Credentials": {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "sk-canary-s", "SessionToken": "sk-canary-t"}});
    format!("'{keys}'")
}

#[test]
fn nobody_is_asked_to_sign_in() {
    let mut home = Home::new();
    let mark = home.path("signed-in");
    home.write(SETTINGS, &json!({"awsAuthRefresh": format!("touch {}", mark.display())}).to_string());
    home.write(
        "home/.aws/config",
        "[default]\nregion = us-east-1\ncredential_process = /no/such/claviger aws\n",
    );
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    let output = home.run(&["doctor", "--json", "--offline"]);
    let diagnosis: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    let ids: Vec<_> =
        diagnosis["findings"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert!(ids.contains(&&json!("hook-missing")) && !mark.exists(), "{diagnosis:#}");
}

#[test]
fn a_locked_claviger_says_how_to_unlock_it() {
    let patient = Patient::new();
    patient.expect(&[]);
    patient.home.ok(&["lock"]);
    patient.expect(&[("error", "locked", "")]);
    patient.home.ok(&["unlock"]);
}

#[test]
fn a_locked_keyring_is_found_although_another_credential_wins() {
    let mut patient = Patient::new();
    let Some(mut keyring) = Keyring::unlocked(&mut patient.home) else { return };
    let _daemon = patient.home.daemon();
    save(&patient.home, "work", &secret("one"), StorePlace::Keyring).expect("saved");
    patient.expect(&[]);
    keyring.restart(false);
    patient.expect(&[("error", "keyring-locked", "")]);
    drop(keyring);
    patient.expect(&[("error", "keyring-silent", "")]);
}

#[test]
fn a_credential_that_does_not_come_is_given_up() {
    let patient = Patient::new();
    let pipe = patient.home.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let helper = json!({"apiKeyHelper": format!("cat {}", pipe.display()), "env": {"ANTHROPIC_BASE_URL": patient.endpoint.url}});
    patient.home.write(SETTINGS, &format!("{helper:#}"));
    let expected = ("error", "credential-slow", &*format!("{SETTINGS}:2:3"));
    expect(&patient.home, &["--timeout", "1", "--offline"], &[expected]);
    drop(fs::File::options().write(true).open(&pipe));
}

#[test]
fn a_person_at_the_terminal_sees_what_is_looked_at() {
    let slow = StandIn::start(|_| Response::new(200, "").after(std::time::Duration::from_secs(1)));
    let patient = Patient::with(slow);
    let terminal = Terminal::start(&patient.home, &["doctor"]);
    terminal.shows("looking at: endpoint");
}
