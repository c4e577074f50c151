//! Unmodified azure-identity that runs an `az`, which is `claviger azure`.

use claviger_tests::{
    CANARY, Home, binary,
    stand_in::{Request, Response, StandIn, form},
    tool,
};
use serde_json::{Value, json};

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

/// The script of docs/foundry.md. The real `az` of this machine is one that nobody may run.
fn az(home: &Home) -> String {
    let body = format!(
        "[ -z \"$CLAVIGER_FLIGHT\" ] && [ \"$1 $2\" = \"account get-access-token\" ] && shift 2 && exec {} azure \"$@\"\n\
         echo real >> '{}'; exit 1",
        binary("claviger").display(),
        home.path("az.runs").display()
    );
    let script = home.script("bin/az", &body);
    format!("{}:/usr/bin:/bin", script.parent().expect("a directory").display())
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

#[test]
fn scripts_get_the_bare_token_and_another_identity_is_refused_with_the_reason() {
    let identity = StandIn::start(managed_identity);
    let home = home(&identity);
    let _daemon = home.daemon();
    let token = format!("{CANARY}for-https://cognitiveservices.azure.com");
    assert_eq!(home.ok(&["azure", "--query", "accessToken", "-o", "tsv"]), format!("{token}\n"));
    assert_eq!(home.ok(&["azure", "--query", "accessToken"]), format!("\"{token}\"\n"));
    assert!(home.fails(2, &["azure", "-o", "tsv"]).contains("--query accessToken"));
    for option in ["--tenant", "--subscription", "-t", "-s"] {
        let refused = home.fails(2, &["azure", option, "other"]);
        assert!(refused.contains("a session has one identity") && refused.contains("real az"), "{refused}");
    }
    assert_eq!(identity.count("/msi/token"), 1);
}
