//! Foundry's credentials: every link of the DefaultAzureCredential order, end to end.

use claviger_tests::{
    CANARY,
    foundry::{Foundry, az, azd, entra, expiry, issued, managed},
    seconds,
    stand_in::{Authority, Request, Response, StandIn, form},
    text,
};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

const SECRET: &str = "sk-canary-azure-client-secret";
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

fn links(foundry: &Foundry) -> (String, Vec<String>) {
    let facts = foundry.facts();
    let names = facts.links.iter().map(|link| link.source.clone()).collect();
    (facts.link, names)
}

/// Whether any process has `part` on its command line.
fn on_a_command_line(part: &str) -> bool {
    fs::read_dir("/proc").expect("/proc").flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.windows(part.len()).any(|window| window == part.as_bytes())
    })
}

#[test]
fn a_client_secret_gives_a_token() {
    let (authority, seen) = (Authority::new(), Arc::<Mutex<bool>>::default());
    let noted = seen.clone();
    let server = StandIn::start_tls(&authority, move |request| {
        *noted.lock().expect("noted") |= on_a_command_line(SECRET);
        entra(request)
    });
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    let session = foundry.session();
    assert!(session.lent.contains_key("AZURE_CLIENT_SECRET"));
    assert!(!format!("{session:?} {:?} {:?}", session.variables, session.present).contains(CANARY));
    let _daemon = foundry.home.daemon();
    let lease = foundry.lease();
    assert_eq!(lease["source"], "azure-default", "{lease}");
    assert_eq!(lease["base_url"], "https://my-res.services.ai.azure.com/anthropic", "{lease}");
    assert_eq!(foundry.token(), format!("{CANARY}of-tenant-1"));
    let facts = foundry.facts();
    assert_eq!((facts.link.as_str(), facts.account.as_str()), ("environment", "tenant-1"));
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "one token for all of them");
    assert_eq!(requests[0].path, "/tenant-1/oauth2/v2.0/token");
    let expected = [
        ("client_id", "app-1"),
        ("client_secret", SECRET),
        ("grant_type", "client_credentials"),
        ("scope", SCOPE),
    ];
    assert_eq!(
        form(&requests[0].body),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    );
    assert!(!*seen.lock().expect("seen"), "the secret was on a command line");
    assert!(!foundry.home.status().to_string().contains(CANARY));
    let life = expiry(&lease).abs_diff(seconds());
    assert!((3500..3700).contains(&life), "{life}");
}

#[test]
fn a_workload_identity_sends_its_token_without_the_line_break() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, entra);
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.home.write("work/federated", &format!("{CANARY}federated\n"));
    // Relative to the session's directory.
    foundry.set("AZURE_FEDERATED_TOKEN_FILE", "federated");
    let _daemon = foundry.home.daemon();
    assert_eq!(foundry.token(), format!("{CANARY}of-tenant-1"));
    let facts = foundry.facts();
    assert_eq!((facts.link.as_str(), facts.account.as_str()), ("workload-identity", "tenant-1"));
    assert!(facts.links[0].why.contains("AZURE_CLIENT_SECRET"), "{}", facts.links[0].why);
    let request = &server.requests()[0];
    assert_eq!(request.field("client_assertion"), Some(format!("{CANARY}federated")));
    assert_eq!(request.field("client_id").as_deref(), Some("app-1"));
    let kind = request.field("client_assertion_type");
    assert_eq!(kind.as_deref(), Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
}

#[test]
fn the_tools_are_asked_with_the_scope_and_without_lent_secrets() {
    let mut foundry = Foundry::new();
    let note = foundry.home.path("note");
    let noting = |body: String| format!("echo \"$0 $*\" >> '{0}'\nenv >> '{0}'\n{body}", note.display());
    foundry.shim("az", &noting(az("sk-canary-az")));
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    foundry.set("CLAVIGER_AZURE_SCOPE", "https://ai.azure.com/.default");
    let _daemon = foundry.home.daemon();
    let lease = foundry.lease();
    assert_eq!(lease["expires_at"], "2033-05-18T03:33:20Z", "{lease}");
    let facts = foundry.facts();
    assert_eq!((facts.link.as_str(), facts.account.as_str()), ("azure-cli", "tenant-of-az"));
    assert!(facts.links[0].why.starts_with("incomplete: AZURE_TENANT_ID"), "{}", facts.links[0].why);
    fs::remove_file(foundry.home.path("bin/az")).expect("removed");
    foundry.shim("azd", &noting(azd("sk-canary-azd")));
    foundry.set("CLAVIGER_AZURE_SCOPE", "api://other/.default");
    assert_eq!(foundry.lease()["expires_at"], "2033-05-18T03:33:20Z");
    assert_eq!(foundry.token(), "sk-canary-azd");
    let note = foundry.home.read("note");
    assert!(
        note.contains("account get-access-token -o json --scope https://ai.azure.com/.default"),
        "{note}"
    );
    assert!(note.contains("auth token -o json --no-prompt --scope api://other/.default"), "{note}");
    assert!(!note.contains(SECRET), "a secret was given to a tool");
}

#[test]
fn links_are_asked_in_order() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, entra);
    let app = StandIn::start(|_| managed("sk-canary-managed"));
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.home.write("work/federated", "sk-canary-federated");
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    foundry.set("AZURE_FEDERATED_TOKEN_FILE", "federated");
    foundry.set("IDENTITY_ENDPOINT", &app.url);
    foundry.set("IDENTITY_HEADER", "sk-canary-header");
    foundry.shim("az", &az("sk-canary-az"));
    foundry.shim("azd", &azd("sk-canary-azd"));
    let _daemon = foundry.home.daemon();
    let all = ["environment", "workload-identity", "managed-identity", "azure-cli", "azd"];
    let remove: [fn(&mut Foundry); 4] = [
        |foundry| foundry.unset("AZURE_CLIENT_SECRET"),
        |foundry| foundry.unset("AZURE_FEDERATED_TOKEN_FILE"),
        |foundry| foundry.unset("IDENTITY_HEADER"),
        |foundry| {
            fs::remove_file(foundry.home.path("bin/az")).expect("removed");
            foundry.set("USER", "C"); // another key: the token of az is still good
        },
    ];
    for at in 0..all.len() {
        assert_eq!(
            links(&foundry),
            (all[at].to_owned(), all[..=at].iter().map(ToString::to_string).collect())
        );
        if let Some(remove) = remove.get(at) {
            remove(&mut foundry);
        }
    }
    fs::remove_file(foundry.home.path("bin/azd")).expect("removed");
    foundry.set("USER", "C.UTF-8");
    let problem = &foundry.problem()["error"];
    assert_eq!(problem["reason"], "login-required", "{problem}");
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("az login")), "{problem}");
    assert_eq!(problem["trail"].as_array().map(Vec::len), Some(5), "{problem}");
}

#[test]
fn the_selection_narrows_the_chain() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, entra);
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    foundry.shim("az", &az("sk-canary-az"));
    foundry.shim("azd", &azd("sk-canary-azd"));
    let _daemon = foundry.home.daemon();
    for (word, link) in [
        ("dev", "azure-cli"),
        ("PROD", "environment"),
        ("AzureDeveloperCliCredential", "azd"),
        ("environmentcredential", "environment"),
    ] {
        foundry.set("AZURE_TOKEN_CREDENTIALS", word);
        assert_eq!(foundry.facts().link, link, "{word}");
    }
    foundry.set("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential");
    let problem = &foundry.problem()["error"];
    assert_eq!(problem["reason"], "no-credential", "{problem}");
    assert!(problem["trail"][0].as_str().is_some_and(|step| step.contains("excludes it")), "{problem}");
    foundry.set("AZURE_TOKEN_CREDENTIALS", "production");
    let problem = &foundry.problem()["error"];
    assert_eq!(problem["reason"], "settings-invalid", "{problem}");
    assert!(
        problem["hint"].as_str().is_some_and(|hint| hint.contains("ManagedIdentityCredential")),
        "{problem}"
    );
}

#[test]
fn the_daemons_own_environment_changes_nothing() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, entra);
    let poison = StandIn::start(|_| managed("sk-canary-poison"));
    let mut foundry = Foundry::principal(&authority, &server);
    let poisoned = [
        ("AZURE_AUTHORITY_HOST", poison.url.as_str()),
        ("AZURE_TENANT_ID", "poison"),
        ("AZURE_CLIENT_ID", "poison"),
        ("AZURE_CLIENT_SECRET", "sk-canary-poison"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/etc/hostname"),
        ("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential"),
        ("IDENTITY_ENDPOINT", poison.url.as_str()),
        ("IDENTITY_HEADER", "sk-canary-poison"),
        ("PATH", "/nonexistent"),
    ];
    poisoned.iter().for_each(|(name, value)| foundry.home.set(name, value));
    let _daemon = foundry.home.daemon();
    foundry.shim("az", &az("sk-canary-az"));
    foundry.unset("AZURE_CLIENT_ID");
    assert_eq!(foundry.facts().link, "azure-cli");
    foundry.set("AZURE_CLIENT_ID", "app-1");
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    assert_eq!(foundry.facts().account, "tenant-1");
    assert!(poison.requests().is_empty(), "the daemon's environment was used");
}

#[test]
fn tenants_never_mix_and_share_one_run_each() {
    let authority = Authority::new();
    let server =
        StandIn::start_tls(&authority, |request| entra(request).after(std::time::Duration::from_millis(300)));
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    let _daemon = foundry.home.daemon();
    let mut children = Vec::new();
    for at in 0..20 {
        foundry.set("AZURE_TENANT_ID", ["red", "blue"][at % 2]);
        let child = foundry.claviger(&["token"]).stdout(Stdio::piped()).spawn().expect("claviger runs");
        children.push((at, child));
    }
    let mut tokens = BTreeSet::new();
    for (at, child) in children {
        let output = child.wait_with_output().expect("output");
        tokens.insert((at % 2, text(&output.stdout).trim_end().to_owned()));
    }
    let of = |at, tenant: &str| (at, format!("{CANARY}of-{tenant}"));
    assert_eq!(tokens, BTreeSet::from([of(0, "red"), of(1, "blue")]));
    for tenant in ["red", "blue"] {
        assert_eq!(server.count(&format!("/{tenant}/oauth2/v2.0/token")), 1, "{tenant}");
    }
}

/// What Azure's own library for Python asks of a token service for the same client secret.
const PYTHON: &str = r#"
import os
from azure.identity import DefaultAzureCredential
print(DefaultAzureCredential(disable_instance_discovery=True).get_token(os.environ["SCOPE"]).token)
"#;

#[test]
fn the_token_service_is_asked_as_azures_python_library_asks_it() {
    let Some(venv) = std::env::var_os("CLAVIGER_TEST_VENV") else {
        return claviger_tests::skipped("the Python packages");
    };
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, |request| match request.method.as_str() {
        "POST" => issued("sk-canary-same"),
        _ => {
            let base = format!("https://{}/tenant-1", request.header("host"));
            Response::json(serde_json::json!({
                "token_endpoint": format!("{base}/oauth2/v2.0/token"), "issuer": format!("{base}/v2.0"),
                "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            }))
        }
    });
    let mut foundry = Foundry::principal(&authority, &server);
    foundry.set("AZURE_CLIENT_SECRET", SECRET);
    let _daemon = foundry.home.daemon();
    assert_eq!(foundry.token(), "sk-canary-same");
    let mut python = Command::new(Path::new(&venv).join("bin/python"));
    python.env_clear().args(["-c", PYTHON]).env("SCOPE", SCOPE).env("HOME", foundry.home.path("home"));
    python.env("REQUESTS_CA_BUNDLE", foundry.home.path("ca.pem")).env("AZURE_AUTHORITY_HOST", &server.url);
    python
        .env("AZURE_TENANT_ID", "tenant-1")
        .env("AZURE_CLIENT_ID", "app-1")
        .env("AZURE_CLIENT_SECRET", SECRET);
    let output = python.output().expect("Python runs");
    assert_eq!(text(&output.stdout).trim(), "sk-canary-same", "{}", text(&output.stderr));
    let posts: Vec<_> = server.requests().into_iter().filter(|request| request.method == "POST").collect();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].path, posts[1].path);
    // MSAL adds that it would like to know who the client is, and which kind of client asks.
    let telemetry = |name: &String| name == "client_info" || name.starts_with("x-");
    let fields = |request: &Request| {
        let mut fields = form(&request.body);
        fields.retain(|name, _| !telemetry(name));
        fields
    };
    assert_eq!(fields(&posts[0]), fields(&posts[1]));
}
