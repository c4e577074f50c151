//! Foundry's credentials when something is wrong: token services, files, variables and tools that misbehave.

use claviger_tests::{
    foundry::{Foundry, assert_problem, az, azd, issued, word},
    stand_in::{Authority, Request, Response, StandIn},
    wait,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECRET: &str = "sk-canary-azure-client-secret";

/// A refusal as Entra words it, with line breaks, and with a secret where it has none.
fn refusal(status: u16, error: &str, code: u32) -> Response {
    Response::error(
        status,
        json!({
            "error": error, "error_codes": [code], "timestamp": "x", "trace_id": "x", "correlation_id": "x",
            "error_description": format!("AADSTS{code}: No to '{SECRET}'.\r\nTrace ID: x\r\nTimestamp: x"),
        }),
    )
}

/// What the token service of each tenant answers, and what is made of it.
fn answers() -> Vec<(&'static str, Response, &'static str, &'static str)> {
    let token = |life: Value| {
        Response::json(
            json!({ "token_type": "Bearer", "expires_in": life, "access_token": "sk-canary-token" }),
        )
    };
    vec![
        (
            "secret",
            refusal(401, "invalid_client", 7_000_215),
            "upstream-denied",
            "invalid_client, AADSTS7000215",
        ),
        ("hint", refusal(401, "invalid_client", 7_000_215), "upstream-denied", "not its id"),
        ("grant", refusal(400, "invalid_grant", 70_021), "upstream-denied", "federated credential"),
        ("scope", refusal(400, "invalid_resource", 500_011), "upstream-denied", "CLAVIGER_AZURE_SCOPE"),
        ("bare", Response::new(401, SECRET), "upstream-denied", "status 401"),
        (
            "odd",
            Response::error(400, json!({ "error": SECRET.repeat(9) })),
            "upstream-denied",
            "status 400, an unknown",
        ),
        (
            "busy",
            Response::new(429, "").header("retry-after", "17"),
            "source-unavailable",
            "too many requests",
        ),
        ("ages", Response::new(503, "").header("retry-after", "99999999999"), "source-unavailable", "503"),
        ("broken", Response::new(500, format!("<html>{SECRET}")), "source-unavailable", "status 500"),
        ("html", Response::new(200, format!("<html>{SECRET}")), "source-unavailable", "not with a token"),
        ("empty", Response::new(200, ""), "source-unavailable", "not with a token"),
        ("none", Response::json(json!({ "expires_in": 1 })), "source-unavailable", "not with a token"),
        ("blank", issued("sk-canary-a\r\nX-Evil: 1"), "source-unavailable", "not with a token"),
        ("huge", issued(&"sk-canary-".repeat(40_000)), "source-unavailable", "not with a token"),
        ("long", token(json!(i64::MAX)), "source-unavailable", "not with a token"),
        ("over", token(json!(-5)), "source-unavailable", "not with a token"),
        ("words", token(json!("soon")), "source-unavailable", "not with a token"),
        (
            "moved",
            Response::new(302, "").header("location", "https://localhost:1/"),
            "source-unavailable",
            "proxy",
        ),
    ]
}

#[test]
fn token_services_that_say_no_or_nothing_sensible() {
    let authority = Authority::new();
    let start = || {
        StandIn::start_tls(&authority, |request: &Request| {
            let tenant = request.path.split('/').nth(1).unwrap_or_default();
            let answer = answers().into_iter().find(|(name, ..)| *name == tenant);
            answer.map_or(Response::new(404, ""), |(_, response, ..)| response)
        })
    };
    // One that says when to come back is asked nothing else.
    let (server, busy, ages) = (start(), start(), start());
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    // The login there is another identity.
    foundry.shim("az", &az("sk-canary-other"));
    let _daemon = foundry.home.daemon();
    let sessions = answers().into_iter().map(|(tenant, _, reason, part)| {
        foundry.set("AZURE_TENANT_ID", tenant);
        let own = match tenant {
            "busy" => &busy,
            "ages" => &ages,
            _ => &server,
        };
        foundry.set("AZURE_AUTHORITY_HOST", &own.url);
        let mut command = foundry.claviger(&["get", "--json", "--show-secret"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        (tenant, reason, part, command.spawn().expect("claviger runs"))
    });
    for (tenant, reason, part, child) in sessions.collect::<Vec<_>>() {
        let output = child.wait_with_output().expect("output");
        let text = claviger_tests::text(&output.stderr);
        assert!(
            !text.contains(claviger_tests::CANARY) && output.stdout.is_empty(),
            "{tenant}: a secret leaks: {text}"
        );
        let problem: Value = serde_json::from_str(&text[text.find('{').expect("JSON")..]).expect("JSON");
        assert_problem(&problem, reason, part);
        let pause = problem["error"]["retry_after_seconds"].as_f64().unwrap_or_default();
        match tenant {
            "busy" => assert!((10.0..=17.5).contains(&pause), "{problem}"),
            "ages" => assert!(pause <= 3600.5, "{problem}"),
            _ => {}
        }
    }
    let asked = |tenant: &str| server.count(&format!("/{tenant}/oauth2/v2.0/token"));
    assert_eq!(
        (asked("secret"), busy.requests().len(), asked("broken")),
        (1, 1, 3),
        "only what may heal is tried again"
    );
}

#[test]
fn a_token_service_that_never_answers_ends_in_a_few_seconds() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, |_| Response::never());
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    let _daemon = foundry.home.daemon();
    let start = Instant::now();
    assert_problem(&foundry.problem(), "source-timeout", "did not answer in time");
    wait::not_held_up(start);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_slow_token_service_is_waited_for() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, |_| issued("sk-canary-slow").after(Duration::from_secs(2)));
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    let _daemon = foundry.home.daemon();
    assert_eq!(foundry.token(), "sk-canary-slow");
}

#[test]
fn token_services_that_cannot_be_reached_or_trusted() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, |_| issued("sk-canary-x"));
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    let other = foundry.home.write("other.pem", &Authority::new().pem());
    let _daemon = foundry.home.daemon();
    foundry.set("AZURE_AUTHORITY_HOST", "https://localhost:1");
    assert_problem(&foundry.problem(), "source-unavailable", "cannot be reached");
    foundry.set("AZURE_AUTHORITY_HOST", &server.url);
    foundry.set("SSL_CERT_FILE", other.to_str().expect("UTF-8"));
    assert_problem(&foundry.problem(), "source-unavailable", "SSL_CERT_FILE");
    foundry.set("SSL_CERT_FILE", "/nonexistent");
    let problem = foundry.problem();
    assert!(["source-unavailable", "settings-invalid"].contains(&word(&problem, "reason")), "{problem}");
    let trusted = foundry.home.path("ca.pem");
    foundry.set("SSL_CERT_FILE", trusted.to_str().expect("UTF-8"));
    foundry.set("HTTPS_PROXY", "http://127.0.0.1:1");
    assert_problem(&foundry.problem(), "source-unavailable", "HTTPS_PROXY");
    assert!(server.requests().is_empty(), "a secret was sent to an untrusted server, or past the proxy");
    foundry.set("NO_PROXY", "localhost");
    assert_eq!(foundry.token(), "sk-canary-x");
}

#[test]
fn variables_that_cannot_be_used() {
    let (authority, plain) = (Authority::new(), StandIn::start(|_| issued("sk-canary-x")));
    let server = StandIn::start_tls(&authority, |_| issued("sk-canary-x"));
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    let _daemon = foundry.home.daemon();
    foundry.set("AZURE_AUTHORITY_HOST", &plain.url);
    assert_problem(&foundry.problem(), "settings-invalid", "AZURE_AUTHORITY_HOST is not the https address");
    foundry.set("AZURE_AUTHORITY_HOST", &server.url);
    for tenant in ["../evil", "a b", "t?x=y"] {
        foundry.set("AZURE_TENANT_ID", tenant);
        assert_problem(&foundry.problem(), "settings-invalid", "AZURE_TENANT_ID");
    }
    foundry.unset("AZURE_CLIENT_SECRET");
    foundry.set("AZURE_TENANT_ID", "tenant-1");
    foundry.set("AZURE_FEDERATED_TOKEN_FILE", "missing");
    assert_problem(&foundry.problem(), "settings-invalid", "does not exist");
    for content in ["", "\n", "two words"] {
        foundry.home.write("work/federated", content);
        foundry.set("AZURE_FEDERATED_TOKEN_FILE", "federated");
        foundry.set("USER", &format!("C.{}", content.len()));
        assert_problem(&foundry.problem(), "settings-invalid", "holds no token");
    }
    foundry.set("AZURE_FEDERATED_TOKEN_FILE", ".");
    assert_problem(&foundry.problem(), "settings-invalid", "is not a file");
    foundry.unset("AZURE_FEDERATED_TOKEN_FILE");
    foundry.set("MSI_ENDPOINT", "http://127.0.0.1:1");
    foundry.unset("IDENTITY_ENDPOINT");
    assert_problem(&foundry.problem(), "settings-invalid", "Azure Cloud Shell");
    assert!(plain.requests().is_empty() && server.requests().is_empty(), "nothing may be sent");
}

#[test]
fn tools_that_fail_are_passed() {
    let mut foundry = Foundry::new();
    let _daemon = foundry.home.daemon();
    let (signed_out, failed, no_token) = ("login-required", "command-failed", "command-output-invalid");
    let cases = [
        ("exit 1", failed, "az ended with exit code 1"),
        (
            "echo \"ERROR: Please run 'az login' sk-canary-x\" >&2; exit 1",
            signed_out,
            "not logged in: run `az login`",
        ),
        ("echo 'AADSTS700082: sk-canary-x; az login' >&2; exit 1", signed_out, "(AADSTS700082)"),
        ("echo 'AADSTS50076: sk-canary-x' >&2; exit 1", signed_out, "(AADSTS50076)"),
        ("echo 'sqlite3.OperationalError: database is locked' >&2; exit 1", failed, "exit code 1"),
        ("echo 'Max retries exceeded sk-canary-x; az login' >&2; exit 1", failed, "exit code 1"),
        ("echo 'The command requires the extension x.' >&2; exit 2", failed, "exit code 2"),
        ("echo sk-canary-garbage", no_token, "az printed no token"),
        ("echo '{\"accessToken\":\"sk-canary-x\",\"tokenType\":\"Bearer\"}'", no_token, "with its expiry"),
        (
            "echo '{\"accessToken\":\"sk-canary- x\",\"tokenType\":\"B\",\"expires_on\":2000000000}'",
            no_token,
            "az printed no token",
        ),
        ("exec yes sk-canary-x", failed, "az ended with exit code 141"),
        ("kill -9 $$", failed, "az ended with exit code 137"),
    ];
    for (at, (body, reason, part)) in cases.into_iter().enumerate() {
        foundry.shim("az", body);
        foundry.set("USER", &format!("C.{at}"));
        let problem = foundry.problem();
        assert_eq!(word(&problem, "reason"), reason, "{problem}");
        let trail = problem["error"]["trail"].to_string();
        assert!(
            trail.contains(part) && trail.contains("azd is not in PATH"),
            "{body}: {part:?} is not in {trail}"
        );
    }
    foundry.shim("azd", &azd("sk-canary-azd"));
    foundry.set("USER", "C");
    assert_eq!(foundry.token(), "sk-canary-azd", "the next tool is asked");
}

#[test]
fn a_tool_that_hangs_is_ended_with_all_it_started() {
    let mut foundry = Foundry::new();
    foundry.set("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential");
    let nap = claviger_tests::mark::nap();
    foundry.shim("az", &format!("sleep {nap} & sleep {nap}"));
    let _daemon = foundry.home.daemon();
    let problem = foundry.problem();
    assert_problem(&problem, "source-timeout", "az did not answer within 10 s");
    wait::until("nothing of az is left", || claviger_tests::processes(&nap).is_empty());
}

#[test]
fn what_a_tool_leaves_behind_holds_nobody_up() {
    let mut foundry = Foundry::new();
    foundry.shim("az", &format!("sleep 20 &\n{}", az("sk-canary-az")));
    foundry.set("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential");
    let _daemon = foundry.home.daemon();
    assert_eq!(foundry.token(), "sk-canary-az");
}
