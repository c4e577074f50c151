//! Foundry's credentials: managed identities of Azure Arc, Cloud Shell and Azure Machine Learning, and of a metadata service that
//! the environment names.

use claviger_tests::{
    CANARY,
    foundry::{Foundry, assert_problem, az, expiry, managed},
    seconds,
    stand_in::{Request, Response, StandIn, form},
};
use std::path::Path;

/// Where the agent of Azure Arc keeps its keys.
const KEYS: &str = "/var/opt/azcmagent/tokens";

fn foundry(endpoint: &str, url: &str) -> Foundry {
    let mut foundry = Foundry::new();
    foundry.unset("IDENTITY_ENDPOINT");
    foundry.set(endpoint, url);
    // It would answer: no other identity takes the place of one that the environment names.
    foundry.shim("az", &az("sk-canary-az"));
    foundry
}

fn pairs(text: &str) -> Vec<(String, String)> {
    form(text).into_iter().collect()
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn cloud_shell_has_the_identity_of_its_person() {
    let server = StandIn::start(|request| match (request.method.as_str(), request.header("metadata")) {
        ("POST", "true") => managed(&format!("{CANARY}shell")),
        _ => Response::new(400, ""),
    });
    let mut foundry = foundry("MSI_ENDPOINT", &format!("{}/oauth2/token", server.url));
    let _daemon = foundry.home.daemon();
    // The slash of a resource is a part of it.
    foundry.set("CLAVIGER_AZURE_SCOPE", "https://management.core.windows.net//.default");
    assert_eq!(foundry.token(), format!("{CANARY}shell"));
    assert_eq!(foundry.facts().link, "managed-identity");
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].path.as_str()), (1, "/oauth2/token"));
    assert_eq!(pairs(&requests[0].body), owned([("resource", "https://management.core.windows.net/")]));
    foundry.set("AZURE_CLIENT_ID", "app-1");
    assert_problem(&foundry.problem(), "settings-invalid", "the identity of its person only");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn machine_learning_wants_its_secret_and_has_dates_of_its_own() {
    let server = StandIn::start(|request| match request.header("secret") {
        "sk-canary-msi" if request.path == "/dates" => Response::new(
            200,
            format!(r#"{{"access_token":"{CANARY}ml","expires_on":"05/18/2033 03:33:20 AM +00:00"}}"#),
        ),
        "sk-canary-msi" => managed(&format!("{CANARY}ml")),
        _ => Response::new(401, ""),
    });
    let mut foundry = foundry("MSI_ENDPOINT", &format!("{}/dates", server.url));
    foundry.set("MSI_SECRET", "sk-canary-msi");
    foundry.set("DEFAULT_IDENTITY_CLIENT_ID", "compute-1");
    let _daemon = foundry.home.daemon();
    assert_eq!(foundry.lease()["expires_at"], "2033-05-18T03:33:20Z");
    foundry.set("MSI_ENDPOINT", &server.url);
    foundry.set("AZURE_CLIENT_ID", "app-1");
    assert!((3500..3700).contains(&expiry(&foundry.lease()).abs_diff(seconds())));
    let resource = "https://cognitiveservices.azure.com";
    for (request, client) in server.requests().iter().zip(["compute-1", "app-1"]) {
        let expected = [("api-version", "2017-09-01"), ("clientid", client), ("resource", resource)];
        assert_eq!(pairs(&request.query), owned(expected));
    }
    foundry.set("MSI_SECRET", "sk-canary-wrong");
    assert_problem(&foundry.problem(), "upstream-denied", "Azure Machine Learning refused: status 401");
}

#[test]
fn a_metadata_service_that_the_environment_names_has_the_last_word() {
    let server = StandIn::start(|request| match request.path.split('/').nth(1) {
        Some("metadata") if request.header("metadata") == "true" => managed(&format!("{CANARY}pod")),
        Some("broken") => Response::error(500, serde_json::json!({ "error": "invalid_request" })),
        Some("page") => Response::new(200, "<html>"),
        _ => Response::error(400, serde_json::json!({ "error": "invalid_request" })),
    });
    let name = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
    let mut foundry = foundry(name, &format!("{}/", server.url));
    let _daemon = foundry.home.daemon();
    assert_eq!(foundry.token(), format!("{CANARY}pod"));
    assert_eq!(server.requests()[0].path, "/metadata/identity/oauth2/token");
    for (path, reason, part) in [
        ("broken", "source-unavailable", "has a problem of its own"),
        ("page", "source-unavailable", "not with a token"),
        ("none", "upstream-denied", "no such identity"),
    ] {
        foundry.set(name, &format!("{}/{path}", server.url));
        assert_problem(&foundry.problem(), reason, part);
    }
    foundry.set(name, "http://127.0.0.1:1");
    assert_problem(&foundry.problem(), "source-unavailable", "of the pod cannot be reached");
    foundry.set(name, "127.0.0.1");
    assert_problem(&foundry.problem(), "settings-invalid", name);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let server = StandIn::start(|_| managed("sk-canary-x"));
    let mut foundry = foundry("IDENTITY_ENDPOINT", &server.url);
    foundry.set("IDENTITY_HEADER", "sk-canary-header");
    foundry.set("IDENTITY_SERVER_THUMBPRINT", "00");
    let _daemon = foundry.home.daemon();
    assert_problem(&foundry.problem(), "settings-invalid", "Azure Service Fabric");
    foundry.set("AZURE_CLIENT_ID", "app-1");
    foundry.set("AZURE_TENANT_ID", "tenant-1");
    foundry.set("AZURE_USERNAME", "me@example.com");
    assert_problem(&foundry.problem(), "settings-invalid", "AZURE_USERNAME");
    foundry.set("AZURE_CLIENT_SECRET", "sk-canary-secret");
    foundry.set("AZURE_REGIONAL_AUTHORITY_NAME", "westus");
    assert_problem(&foundry.problem(), "settings-invalid", "AZURE_REGIONAL_AUTHORITY_NAME");
    assert!(server.requests().is_empty());
}

/// An agent whose challenge names the file in the path after `/as/`, and that wants to see `sk-canary-arc`.
fn agent(request: &Request) -> Response {
    let challenge = format!("Basic realm={}", request.path.trim_start_matches("/as"));
    match (request.header("metadata"), request.header("authorization")) {
        ("true", "Basic sk-canary-arc") => managed(&format!("{CANARY}arc")),
        ("true", "") if request.path == "/none" => managed("sk-canary-x"),
        ("true", "") => Response::new(401, "").header("WWW-Authenticate", &challenge),
        _ => Response::new(403, ""),
    }
}

#[test]
fn azure_arc_is_shown_the_key_that_it_asks_for_and_no_other_file() {
    let server = StandIn::start(agent);
    let url = |path: &str| format!("{}/as{path}", server.url);
    let mut foundry = foundry("IDENTITY_ENDPOINT", &url(&format!("{KEYS}/good.key")));
    foundry.set("IMDS_ENDPOINT", "http://127.0.0.1:1");
    let secret = foundry.home.write("outside.key", "sk-canary-arc");
    let secret = secret.to_str().expect("UTF-8").to_owned();
    let files = "cd /var/opt/azcmagent/tokens; printf 'sk-canary-arc\\n' > good.key; : > empty.key; mkdir folder.key; \
                 head -c 4097 /dev/zero | tr '\\0' a > big.key; printf '\\377\\376a\\0' > wide.key; cp good.key good.txt; cd /";
    let script = format!("mount -t tmpfs none /var/opt; mkdir -p {KEYS}; {files}; exec \"$@\"");
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root, for a directory of Azure Arc");
    }
    let _daemon = foundry.home.daemon_by(Path::new("unshare"), &["-m", "sh", "-c", &script, "sh"]);
    assert_eq!(foundry.token(), format!("{CANARY}arc"));
    assert_eq!(foundry.facts().link, "managed-identity");
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].header("authorization")), (2, ""));
    let expected = [("api-version", "2020-06-01"), ("resource", "https://cognitiveservices.azure.com")];
    assert_eq!([pairs(&requests[0].query), pairs(&requests[1].query)], [owned(expected), owned(expected)]);
    for (path, reason, part) in [
        (format!("{KEYS}/missing.key"), "settings-invalid", "does not exist"),
        (format!("{KEYS}/empty.key"), "settings-invalid", "holds no key"),
        (format!("{KEYS}/wide.key"), "settings-invalid", "holds no key"),
        (format!("{KEYS}/big.key"), "settings-invalid", "is larger than 4 KiB"),
        (format!("{KEYS}/folder.key"), "settings-invalid", "is not a file"),
        (format!("{KEYS}/good.txt"), "settings-invalid", "not one of its keys"),
        (format!("{KEYS}/../../../..{secret}"), "settings-invalid", "not one of its keys"),
        (secret, "settings-invalid", "not one of its keys"),
    ] {
        let before = server.requests().len();
        foundry.set("IDENTITY_ENDPOINT", &url(&path));
        assert_problem(&foundry.problem(), reason, part);
        assert_eq!(server.requests().len(), before + 1, "nothing is sent: {path}");
    }
    foundry.set("IDENTITY_ENDPOINT", &format!("{}/none", server.url));
    assert_problem(&foundry.problem(), "settings-invalid", "does not ask for its key");
    // An old agent knows one identity, and does not say which.
    foundry.set("IDENTITY_ENDPOINT", &url(&format!("{KEYS}/good.key")));
    foundry.set("AZURE_CLIENT_ID", "app-1");
    assert_problem(&foundry.problem(), "settings-invalid", "AZURE_CLIENT_ID");
    foundry.set("AZURE_CLIENT_ID", "X");
    assert_eq!(foundry.token(), format!("{CANARY}arc"));
}
