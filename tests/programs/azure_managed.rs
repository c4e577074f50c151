//! Foundry's credentials: managed identities, of an app and of a virtual machine.

use claviger_tests::{
    CANARY,
    foundry::{Foundry, assert_problem, az, expiry, managed, word},
    seconds,
    stand_in::{Response, StandIn, form},
};
use serde_json::json;
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const SECRET: &str = "sk-canary-azure-client-secret";

#[test]
fn an_app_service_gives_its_managed_identity() {
    let server = StandIn::start(|request| match request.header("x-identity-header") {
        "sk-canary-header" => managed(&format!("{CANARY}managed")),
        _ => Response::new(401, ""),
    });
    let mut foundry = Foundry::new();
    foundry.set("IDENTITY_ENDPOINT", &format!("{}/msi/token", server.url));
    foundry.set("IDENTITY_HEADER", "sk-canary-header");
    // A proxy is for the internet; this would find no server.
    foundry.set("http_proxy", "http://127.0.0.1:9");
    let _daemon = foundry.home.daemon();
    let lease = foundry.lease();
    let life = expiry(&lease).abs_diff(seconds());
    assert!((3500..3700).contains(&life), "{life}");
    foundry.set("AZURE_CLIENT_ID", "user-assigned");
    assert_eq!(foundry.facts().link, "managed-identity");
    let queries: Vec<_> = server.requests().iter().map(|request| form(&request.query)).collect();
    assert_eq!(queries[0]["resource"], "https://cognitiveservices.azure.com");
    assert_eq!((queries[0].get("client_id"), queries[1]["client_id"].as_str()), (None, "user-assigned"));
}

#[test]
fn managed_identities_that_fail() {
    let app = StandIn::start(|request| match request.path.as_str() {
        "/denied" => Response::new(403, SECRET),
        "/broken" => Response::new(502, SECRET),
        "/garbage" => Response::new(200, SECRET),
        "/late" => Response::json(
            json!({ "access_token": SECRET, "expires_on": "9e99", "resource": "", "token_type": "" }),
        ),
        "/none" => Response::error(400, json!({ "error": "invalid_request", "error_description": SECRET })),
        _ => managed("sk-canary-x"),
    });
    let mut foundry = Foundry::new();
    foundry.set("IDENTITY_HEADER", "sk-canary-header");
    // It would answer.
    foundry.shim("az", &az("sk-canary-az"));
    let _daemon = foundry.home.daemon();
    for (path, reason, part) in [
        ("denied", "upstream-denied", "status 403"),
        ("broken", "source-unavailable", "status 502"),
        ("garbage", "source-unavailable", "not with a token"),
        ("late", "source-unavailable", "not with a token"),
        // The app was told of a service: no other identity takes the place of what it was meant to have.
        ("none", "upstream-denied", "no such identity is assigned"),
    ] {
        foundry.set("IDENTITY_ENDPOINT", &format!("{}/{path}", app.url));
        assert_problem(&foundry.problem(), reason, part);
    }
    foundry.set("IDENTITY_ENDPOINT", "ftp://127.0.0.1/");
    assert_problem(&foundry.problem(), "settings-invalid", "IDENTITY_ENDPOINT");
}

/// Runs a daemon where the address of the metadata service is what `setup` makes of it, with nothing else to reach.
fn in_a_network(setup: &str, check: impl FnOnce(&mut Foundry)) {
    let allowed = Command::new("unshare").args(["-n", "ip", "link", "set", "lo", "up"]).status();
    if !claviger_tests::is_root() || !allowed.is_ok_and(|status| status.success()) {
        return claviger_tests::skipped("root, unshare and ip");
    }
    let mut foundry = Foundry::new();
    foundry.unset("IDENTITY_ENDPOINT");
    let script = format!("ip link set lo up; {setup}\nexec \"$@\"");
    let arguments = ["-n", "sh", "-c", &script, "sh"];
    let _daemon = foundry.home.daemon_by(Path::new("unshare"), &arguments);
    check(&mut foundry);
}

#[test]
fn a_metadata_service_in_a_black_hole_costs_a_second() {
    // A network that drops all packets.
    let hole = "ip link add hole type dummy; ip link set hole up; ip addr add 198.51.100.1/24 dev hole; \
                ip route add 169.254.169.254/32 dev hole";
    in_a_network(hole, |foundry| {
        foundry.shim("az", &az("sk-canary-az"));
        let start = Instant::now();
        assert_eq!(foundry.facts().link, "azure-cli");
        // Any other link may take so long.
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    });
    in_a_network("", |foundry| {
        let problem = foundry.problem();
        assert_eq!(word(&problem, "reason"), "login-required", "{problem}");
        assert!(
            problem["error"]["trail"][2].as_str().is_some_and(|step| step.contains("no metadata service"))
        );
    });
}

/// A metadata service that answers what its arguments say, until the daemon that its shell became is gone.
const METADATA: &str = r#"
import http.server, os, sys, time, threading
status, body = int(sys.argv[1]), sys.argv[2].replace("EXPIRY", str(int(time.time()) + 3600))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.headers.get("metadata") == "true" and self.path.startswith("/metadata/identity/oauth2/token?")
        self.send_response(status if good else 418)
        if status == 429: self.send_header("retry-after", "60")
        self.end_headers(); self.wfile.write(body.encode())
    def log_message(self, *_): pass
server = http.server.HTTPServer(("169.254.169.254", 80), Handler)
parent = os.getppid()
if os.fork() == 0:
    os.setsid()
    for fd in (1, 2): os.close(fd)
    def watch():
        while os.path.exists(f"/proc/{parent}/fd"): time.sleep(0.2)
        os._exit(0)
    threading.Thread(target=watch).start()
    server.serve_forever()
"#;

#[test]
fn the_metadata_service_gives_its_identity_or_says_no() {
    let Some(venv) = std::env::var_os("CLAVIGER_TEST_VENV") else {
        return claviger_tests::skipped("the Python packages");
    };
    let python = Path::new(&venv).join("bin/python").display().to_string();
    let setup = |status: u16, body: &str| {
        format!("ip addr add 169.254.169.254/32 dev lo; '{python}' -c '{METADATA}' {status} '{body}'")
    };
    let token =
        r#"{"access_token":"sk-canary-vm","expires_on":"EXPIRY","resource":"x","token_type":"Bearer"}"#;
    in_a_network(&setup(200, token), |foundry| {
        assert_eq!(
            (foundry.token().as_str(), foundry.facts().link.as_str()),
            ("sk-canary-vm", "managed-identity")
        );
    });
    in_a_network(&setup(400, r#"{"error":"invalid_request"}"#), |foundry| {
        foundry.shim("az", &az("sk-canary-az"));
        assert_eq!(foundry.facts().link, "azure-cli");
    });
    in_a_network(&setup(200, "<html>a captive portal"), |foundry| {
        foundry.shim("az", &az("sk-canary-az"));
        assert_eq!(foundry.facts().link, "azure-cli");
    });
    for status in [500, 503, 404, 410] {
        in_a_network(&setup(status, r#"{"error":"invalid_request"}"#), |foundry| {
            foundry.shim("az", &az("sk-canary-az"));
            assert_eq!(foundry.facts().link, "azure-cli", "{status}");
        });
    }
    in_a_network(&setup(403, r#"{"error":"sk-canary-code"}"#), |foundry| {
        foundry.shim("az", &az("sk-canary-az"));
        assert_problem(&foundry.problem(), "upstream-denied", "status 403, an unknown error code");
    });
    in_a_network(&setup(429, "{}"), |foundry| {
        foundry.shim("az", &az("sk-canary-az"));
        // The second is another entry, whose child does not ask a service that wants to be left alone.
        for scope in ["https://cognitiveservices.azure.com/.default", "https://ai.azure.com/.default"] {
            foundry.set("CLAVIGER_AZURE_SCOPE", scope);
            assert_problem(&foundry.problem(), "source-unavailable", "too many requests");
        }
    });
}
