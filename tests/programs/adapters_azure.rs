//! Unmodified azure-identity that runs an `az`, which is `claviger azure`.

use claviger_tests::{
    CANARY, Home, binary,
    foundry::az as printed_by_az,
    stand_in::{Authority, Request, Response, StandIn, form},
    text, tool,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

const SCOPE: &str = "https://vault.azure.net/.default";

/// A managed identity whose tokens are named after what they are for.
fn managed_identity(request: &Request) -> Response {
    let resource = form(&request.query).remove("resource").unwrap_or_default();
    Response::json(json!({
        "access_token": format!("{CANARY}for-{resource}"), "expires_on": "4070908800", "resource": resource,
        "token_type": "Bearer",
    }))
}

fn home(identity: &StandIn) -> Home {
    let mut home = Home::new();
    home.set("IDENTITY_ENDPOINT", &format!("{}/msi/token", identity.url));
    home.set("IDENTITY_HEADER", &format!("{CANARY}header"));
    home
}

/// The script of docs/foundry.md, and behind it a real `az` that notes what it is asked.
fn az(home: &Home) -> String {
    let script =
        home.script("bin/az", &format!("exec {} azure --or az \"$@\"", binary("claviger").display()));
    let runs = home.path("az.runs");
    let body =
        format!("echo \"$*\" >> '{}'; [ \"$2\" = get-access-token ] && exit 1; echo real", runs.display());
    let real = home.script("home/.local/bin/az", &body);
    let directory = |script: &Path| script.parent().expect("a directory").display().to_string();
    format!("{}:{}:/usr/bin:/bin", directory(&script), directory(&real))
}

/// A program of a person's shell in `home`.
fn shell(home: &Home, program: &str, path: &str) -> Command {
    let mut command = Command::new(home.path("bin").join(program));
    command.env_clear().current_dir(home.path("work"));
    command
        .envs(home.claviger(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", path);
    command
}

#[test]
fn azure_identity_takes_it_for_az() {
    let Some(venv) = tool::venv("azure-identity") else { return };
    let identity = StandIn::start(managed_identity);
    let home = home(&identity);
    let _daemon = home.daemon();
    let path = az(&home);
    let variables = [("PATH", path.as_str())];
    for _ in 0..2 {
        let told = tool::json(tool::python(&home, &venv, &[&tool::adapters(), "azure", SCOPE], &variables));
        let expected = json!({ "token": format!("{CANARY}for-https://vault.azure.net"), "expires_on": 4_070_908_800_u64 });
        assert_eq!(told, expected);
    }
    assert_eq!((identity.count("/msi/token"), home.runs("az")), (1, 0));
}

#[test]
fn each_scope_has_a_token_of_its_own_and_local_time_is_local() {
    let identity = StandIn::start(managed_identity);
    let mut home = home(&identity);
    home.set("TZ", "Asia/Kolkata");
    home.set("ANTHROPIC_FOUNDRY_API_KEY", "no access token");
    let _daemon = home.daemon();
    let token = |arguments: &[&str]| -> Value { serde_json::from_str(&home.ok(arguments)).expect("JSON") };
    let default = token(&["azure"]);
    assert_eq!(default["accessToken"], format!("{CANARY}for-https://cognitiveservices.azure.com"));
    assert_eq!(
        (&default["expiresOn"], &default["tokenType"]),
        (&json!("2099-01-01 05:30:00.000000"), &json!("Bearer"))
    );
    let vault = token(&["azure", "--resource", "https://vault.azure.net"]);
    assert_eq!(vault["accessToken"], format!("{CANARY}for-https://vault.azure.net"));
    assert_eq!(token(&["azure", "--scope", SCOPE]), vault);
    assert_eq!(identity.count("/msi/token"), 2);
}

/// A service principal of a tenant, at a token service whose tokens are named after what they are for and live for `life`.
fn principal(life: u64) -> (Authority, StandIn, Home) {
    let authority = Authority::new();
    let count = AtomicUsize::default();
    let server = StandIn::start_tls(&authority, move |request| {
        let scope = request.field("scope").unwrap_or_default();
        let number = count.fetch_add(1, SeqCst);
        Response::json(json!({
            "token_type": "Bearer", "expires_in": life, "access_token": format!("{CANARY}{number}-for-{scope}"),
        }))
    });
    let mut home = Home::new();
    let bundle = home.write("ca.pem", &authority.pem());
    home.set("SSL_CERT_FILE", bundle.to_str().expect("UTF-8"));
    home.set("AZURE_AUTHORITY_HOST", &server.url);
    home.set("AZURE_TENANT_ID", TENANT);
    home.set("AZURE_CLIENT_ID", "app-1");
    home.set("AZURE_CLIENT_SECRET", &format!("{CANARY}secret"));
    (authority, server, home)
}

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

#[test]
fn the_script_answers_for_the_session_and_leaves_the_rest_to_az() {
    let (_authority, server, home) = principal(3600);
    let _daemon = home.daemon();
    let path = az(&home);
    let run = |line: &str| {
        let output = shell(&home, "az", &path).args(line.split_whitespace()).output().expect("az runs");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let token = format!("{CANARY}0-for-https://vault.azure.net/.default");
    let verb = "account get-access-token --resource https://vault.azure.net";
    let (code, out, _) = run(&format!("{verb} -o json --only-show-errors --debug --tenant {TENANT}"));
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &answer["accessToken"], &answer["tenant"]), (Some(0), &json!(token), &json!(TENANT)));
    for (options, expected) in [
        ("--query accessToken -o tsv", format!("{token}\n")),
        ("--query accessToken", format!("\"{token}\"\n")),
        ("--query [accessToken,tenant] --output tsv", format!("{token}\n{TENANT}\n")),
        ("--query {t:tenant,a:accessToken} -otsv", format!("{TENANT}\t{token}\n")),
        ("-o none", String::new()),
        ("-o NONE --verbose", String::new()),
        ("--query nothing", String::new()),
    ] {
        assert_eq!(run(&format!("{verb} {options}")), (Some(0), expected, String::new()), "{options}");
    }
    assert!(run(&format!("{verb} -o tsv")).1.starts_with(&format!("{token}\t20")));
    assert_eq!((server.requests().len(), home.runs("az")), (1, 0), "one token for all of them");
    // What `az` would take: the audience has its slash.
    assert!(run("account get-access-token").1.contains("-for-https://management.core.windows.net//.default"));
    assert_eq!((server.requests().len(), home.runs("az")), (2, 0));
    let others = [
        "account show -o json",
        "vm list --help",
        "--version",
        "account get-access-token --tenant other",
        "account get-access-token --subscription s --resource https://vault.azure.net",
        "account get-access-token --resource-type ms-graph",
        "account get-access-token -o yaml --resource https://vault.azure.net",
        "account get-access-token --query length(@) --resource https://vault.azure.net",
    ];
    for line in others {
        let (code, out, error) = run(line);
        let expected = if line.contains("get-access-token") { (Some(1), "") } else { (Some(0), "real\n") };
        assert_eq!((code, out.as_str(), error.as_str()), (expected.0, expected.1, ""), "{line}");
    }
    assert_eq!(home.read("az.runs").lines().collect::<Vec<_>>(), others);
}

#[test]
fn a_script_without_a_real_az_says_so_and_circles_end() {
    let home = Home::new();
    let _daemon = home.daemon();
    let run = |path: &str| {
        let output = shell(&home, "az", path).args(["vm", "list"]).output().expect("az runs");
        (output.status.code(), text(&output.stderr))
    };
    let path = az(&home).replace(&format!("{}:", home.path("home/.local/bin").display()), "");
    let (code, error) = run(&path);
    assert_eq!(code, Some(127), "{error}");
    assert!(error.contains("cannot run az"), "{error}");
    // A script whose first lines do not say that it asks claviger.
    home.script("bin/az", &format!("exec {}/bin/ask \"$@\"", home.path(".").display()));
    home.script("bin/ask", &format!("exec {} azure --or az \"$@\"", binary("claviger").display()));
    let (code, error) = run(&format!("{}:/usr/bin:/bin", home.path("bin").display()));
    assert!(error.contains("leads back to claviger"), "{error}");
    assert_eq!(code, Some(2));
}

#[test]
fn where_the_daemon_looks_for_a_token_the_script_is_the_real_az() {
    let mut home = Home::new();
    home.set("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential");
    let path = az(&home);
    let token = format!("{CANARY}of-az");
    home.script(
        "home/.local/bin/az",
        &format!("echo \"$*\" >> '{}'\n{}", home.path("az.runs").display(), printed_by_az(&token)),
    );
    let _daemon = home.daemon();
    for _ in 0..2 {
        let verb = ["account", "get-access-token", "--scope", SCOPE, "--query", "accessToken", "-otsv"];
        let output = shell(&home, "az", &path).args(verb).output().expect("az runs");
        assert_eq!(text(&output.stdout), format!("{token}\n"), "{}", text(&output.stderr));
    }
    assert_eq!(home.read("az.runs").trim_end(), format!("account get-access-token -o json --scope {SCOPE}"));
}

#[test]
fn fifty_of_azures_libraries_share_a_token_and_see_it_replaced() {
    let Some(venv) = tool::venv("azure-identity") else { return };
    let _turn = claviger_tests::turn::take();
    let (_authority, server, home) = principal(3600);
    let _daemon = home.daemon();
    let path = az(&home);
    let ask = || {
        let mut command =
            tool::python(&home, &venv, &[&tool::adapters(), "azure", SCOPE], &[("PATH", &path)]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("Python runs")
    };
    let tokens = |children: Vec<Child>| -> BTreeSet<String> {
        let token = |child: Child| {
            let output = child.wait_with_output().expect("it ends");
            let told: Value =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
            told["token"].as_str().expect("a token").to_owned()
        };
        children.into_iter().map(token).collect()
    };
    assert_eq!(tokens((0..50).map(|_| ask()).collect()), [format!("{CANARY}0-for-{SCOPE}")].into());
    assert_eq!((server.requests().len(), home.runs("az")), (1, 0), "one run for all");
    // Rotation: who asks while it is replaced gets the one or the other, and then all get the new one.
    let early: Vec<_> = (0..3).map(|_| ask()).collect();
    let mut refresh = home.claviger(&["refresh"]);
    refresh.envs([("CLAUDE_CODE_USE_FOUNDRY", "1"), ("ANTHROPIC_FOUNDRY_RESOURCE", "r")]);
    refresh.envs([("CLAVIGER_AZURE_SCOPE", SCOPE), ("PATH", &path)]);
    let refreshed = refresh.output().expect("claviger runs");
    assert!(refreshed.status.success(), "{}", text(&refreshed.stderr));
    let both: BTreeSet<_> = (0..2).map(|number| format!("{CANARY}{number}-for-{SCOPE}")).collect();
    assert!(tokens(early).is_subset(&both));
    assert_eq!(tokens((0..3).map(|_| ask()).collect()), [format!("{CANARY}1-for-{SCOPE}")].into());
    assert_eq!((server.requests().len(), home.runs("az")), (2, 0));
}

#[test]
fn scripts_get_the_bare_token_and_another_identity_is_refused_with_the_reason() {
    let identity = StandIn::start(managed_identity);
    let home = home(&identity);
    let _daemon = home.daemon();
    let token = format!("{CANARY}for-https://cognitiveservices.azure.com");
    assert_eq!(home.ok(&["azure", "--query", "accessToken", "-o", "tsv"]), format!("{token}\n"));
    assert_eq!(home.ok(&["azure", "--query", "accessToken"]), format!("\"{token}\"\n"));
    for option in ["--tenant", "--subscription", "-t", "-s"] {
        let refused = home.fails(2, &["azure", option, "other"]);
        assert!(refused.contains("a session has one identity") && refused.contains("real az"), "{refused}");
    }
    assert_eq!(identity.count("/msi/token"), 1);
}
