//! Every finding of the doctor with its remedy: run in a shell elsewhere, or applied by an editor, it is effective.

use crate::{doctor_layouts::*, doctor_layouts_machine::*};
use claviger_tests::{Home, cure::Sick, secret, stand_in::Response};
use std::{collections::BTreeSet, panic, sync::Mutex, thread};

/// A layout that provokes a finding; `None`, said loudly, where it cannot be.
type Layout = fn() -> Option<Sick>;

const RUN: &str = "run";
const EDIT: &str = "edit";
const ASK: &str = "administrator";

/// Findings, what kind of remedy they have, and what provokes them.
const CURES: &[(&str, &str, Layout)] = &[
    ("no-credential", RUN, || Some(Sick::new(Home::new()).with("--offline").typed(&secret("key")))),
    ("login-required", RUN, lost_key),
    ("workspace-untrusted", RUN, workspace),
    ("settings-invalid", EDIT, || written(": 7}", ": \"echo k\"}", "{\n  \"apiKeyHelper\": 7}")),
    ("settings-invalid", RUN, || bare(&[("ANTHROPIC_BASE_URL", "gateway")])),
    ("command-failed", RUN, failing),
    ("command-output-invalid", EDIT, || edited_helper("printf ''")),
    ("keyring-locked", RUN, || in_keyring(|keyring| keyring.restart(false))),
    ("keyring-silent", RUN, || in_keyring(claviger_tests::keyring::Keyring::end)),
    ("locked", RUN, locked),
    ("upstream-denied", ASK, denied),
    ("source-unavailable", RUN, container),
    ("credential-slow", EDIT, slow),
    ("refresh-failing", RUN, rejected),
    ("metadata-unreachable", RUN, metadata),
    ("daemon-not-running", RUN, || Some(healthy().with("--no-start"))),
    ("daemon-not-started", EDIT, not_started),
    ("daemon-silent", RUN, stopped),
    ("daemon-replaced", RUN, replaced),
    ("daemon-out-of-reach", RUN, || session(&[("CLAVIGER_SOCK", &format!("/tmp/{}.sock", "a".repeat(120)))])),
    ("socket-unsafe", RUN, || session(&[("CLAVIGER_SOCK", "claviger.sock")])),
    ("socket-unsafe", RUN, open_runtime),
    ("socket-taken", RUN, stranger),
    ("settings-kept", EDIT, kept),
    ("policy-ineffective", EDIT, policy),
    ("endpoint-plaintext", EDIT, || base_url("http://gateway.invalid")),
    ("endpoint-plaintext", RUN, || bare(&[("ANTHROPIC_BASE_URL", "http://gateway.invalid")])),
    ("vertex-project-overridden", RUN, vertex),
    ("output-trimmed", EDIT, || edited_helper("echo 'sk-canary-k '")),
    ("config-elsewhere", RUN, other_config),
    ("account-unusable", RUN, unusable),
    ("gate-closed", RUN, forgotten_gate),
    ("command-missing", EDIT, || edited_helper("/no/such/program")),
    ("hook-missing", RUN, || helper("/nowhere/claviger token")),
    ("hook-outdated", RUN, outdated_hook),
    ("two-clouds", RUN, || bare(&[("CLAUDE_CODE_USE_BEDROCK", "1"), ("CLAUDE_CODE_USE_VERTEX", "1")])),
    ("two-clouds", EDIT, clouds_of_settings),
    ("key-and-token", RUN, || {
        session(&[("ANTHROPIC_API_KEY", "sk-canary-k"), ("ANTHROPIC_AUTH_TOKEN", "t")])
    }),
    ("key-beside-helper", RUN, || session(&[("ANTHROPIC_API_KEY", "sk-canary-k")])),
    ("token-beside-helper", RUN, || session(&[("ANTHROPIC_AUTH_TOKEN", "sk-canary-t")])),
    ("key-beside-login", RUN, beside_login),
    ("key-beside-cloud", RUN, || {
        bare(&[("CLAUDE_CODE_USE_BEDROCK", "1"), ("ANTHROPIC_API_KEY", "sk-canary-k")])
    }),
    ("aws-keys-beside-profile", RUN, || {
        let keys = [("AWS_ACCESS_KEY_ID", "AKIA1"), ("AWS_SECRET_ACCESS_KEY", "sk-canary-s")];
        bare(&[("CLAUDE_CODE_USE_BEDROCK", "1"), ("AWS_PROFILE", "work"), keys[0], keys[1]])
    }),
    ("aws-regions-differ", RUN, || {
        let regions = [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "us-east-1")];
        bare(&[("CLAUDE_CODE_USE_BEDROCK", "1"), regions[0], regions[1]])
    }),
    ("aws-regions-differ", EDIT, regions_of_settings),
    ("aws-shadowed", RUN, || {
        let sick = bare(&[("CLAUDE_CODE_USE_BEDROCK", "1"), ("AWS_REGION", "eu-west-1")])?;
        sick.home.write("home/.claude/settings.json", "{\"env\": {\"AWS_REGION\": \"us-east-1\"}}");
        Some(sick)
    }),
    ("google-shadowed", RUN, shadowed_by_a_key),
    ("google-elsewhere", RUN, gclouds_files_elsewhere),
    ("google-impersonation", RUN, impersonation_of_gcloud_only),
    ("google-quota-project", RUN, no_quota_project),
    ("azure-shadowed", RUN, || {
        app_of_azure(&[("AZURE_CLIENT_SECRET", "sk-canary-s"), ("AZURE_FEDERATED_TOKEN_FILE", "f")])
    }),
    ("azure-incomplete", RUN, || {
        app_of_azure(&[("AZURE_TENANT_ID", ""), ("AZURE_CLIENT_SECRET", "sk-canary-s")])
    }),
    ("azure-other-cloud", RUN, || {
        app_of_azure(&[("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us")])
    }),
    ("azure-other-tenant", RUN, az_of_another_tenant),
    ("settings-invalid", RUN, az_that_is_not_selected),
    ("variable-malformed", RUN, || session(&[("CLAUDE_CODE_OAUTH_TOKEN", "\"sk-canary-quoted\"")])),
    ("proxy-malformed", RUN, || session(&[("HTTPS_PROXY", "ftp://h")])),
    ("proxy-malformed", EDIT, || Some(of_settings("HTTPS_PROXY", "ftp://h").edited("ftp://h", ""))),
    ("proxy-ambiguous", RUN, || session(&[("HTTP_PROXY", "http://a:1"), ("http_proxy", "http://b:2")])),
    ("certificates-missing", RUN, || session(&[("NODE_EXTRA_CA_CERTS", "/nowhere/ca.pem")])),
    ("certificates-not-pem", RUN, || session(&[("NODE_EXTRA_CA_CERTS", "/etc/passwd")])),
    ("certificates-unreadable", RUN, || session(&[("AWS_CA_BUNDLE", "/etc")])),
    ("tls-checks-off", RUN, || session(&[("NODE_TLS_REJECT_UNAUTHORIZED", "0")])),
    ("endpoint-unreachable", EDIT, || base_url(&format!("http://127.0.0.1:{}", closed()))),
    ("endpoint-timeout", ASK, || answering(Response::never)),
    ("endpoint-tls", EDIT, wrong_name),
    ("endpoint-proxy", RUN, behind_proxy),
    ("endpoint-failing", ASK, || answering(|| Response::new(503, ""))),
    ("credential-refused", RUN, refused),
    ("access-denied", ASK, || answering(|| Response::new(403, ""))),
    ("clock-skew", RUN, clock),
    ("open-to-others", RUN, open),
    ("open-to-others", RUN, open_config),
    ("wrong-owner", RUN, given_away),
    ("wrong-kind", RUN, directory),
    ("service-program-missing", RUN, || service(|text, own| text.replace(own, "/no/such/clavigerd"))),
    ("service-other-program", RUN, || service(|text, own| text.replace(own, "/bin/true"))),
    ("service-outdated", RUN, || service(|text, _| text.replace("UMask=0077", "UMask=0022"))),
];

/// Findings that no layout here provokes, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "peer-rejected",
        "the client refuses another user's socket before it asks (socket-unsafe); security.rs asks without it",
    ),
    ("foreign-caller", "takes a socket that was passed on without its cookie; callers.rs has such callers"),
    ("stale-cookie", "takes a cookie that is not the daemon's; callers.rs sends one"),
    ("stale-session", "is answered by describing the session again; helper_passed.rs sends one"),
    ("peer-unknown", "takes a kernel that does not say who calls"),
    ("malformed-request", "takes a client of another release; what to do stands in words"),
    (
        "policy-blocked",
        "takes managed settings, which only root writes; inside/login_policy.rs has the administrator's remedy",
    ),
    ("source-timeout", "takes as long as a source's deadline; the remedy is that of source-unavailable"),
    ("limits", "takes thousands of credentials in use; what to do stands in words"),
    ("handover", "passes within a second; the remedy is that of source-unavailable"),
    ("shutting-down", "passes within a second; the remedy is that of source-unavailable"),
    (
        "cancelled",
        "the doctor starts no sign-in, so nothing can be cancelled; the remedy is that of source-unavailable",
    ),
    ("not-confirmed", "the doctor borrows nothing that takes a person; confirm.rs has the remedy"),
    ("bug", "takes a bug"),
    ("credential-expired", "takes a clock that jumps between the daemon's look and the doctor's"),
    ("version-skew", "takes programs of two releases; the remedy is that of daemon-replaced"),
    ("service-failed", "takes a user manager that has given up; service/plan/tests.rs has what resets it"),
    ("overruled", "takes a configuration that only root writes; inside/administrator.rs has it"),
    ("resolution-warning", "takes a daemon of a later release, which sends the remedy"),
];

#[test]
fn every_finding_is_here() {
    let page = include_str!("../../docs/troubleshooting.md");
    let rows: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let cured = CURES.iter().map(|(id, ..)| *id);
    let here: BTreeSet<_> = cured.chain(ELSEWHERE.iter().map(|(id, _)| *id)).collect();
    // The page has exactly what the doctor knows: a test beside its list says so.
    assert_eq!(rows, here);
}

#[test]
fn every_remedy_is_effective() {
    // To look at one finding.
    let only = std::env::var("CLAVIGER_FINDING").ok();
    let is_wanted = |id: &str| only.as_deref().is_none_or(|only| only == id);
    let next = Mutex::new(CURES.iter().filter(|(id, ..)| is_wanted(id)));
    let failed = Mutex::new(Vec::new());
    let work = || {
        while let Some((id, kind, layout)) = next.lock().ok().and_then(|mut next| next.next()) {
            let cure = || layout().map(|sick| sick.is_cured_of(id, kind));
            if panic::catch_unwind(cure).is_err() {
                failed.lock().expect("no panic").push(*id);
            }
        }
    };
    // Most of the time they wait.
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
    assert_eq!(failed.into_inner().expect("no panic"), [""; 0], "what failed is told above");
}
