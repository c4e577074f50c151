//! `claviger hook` for tools of clouds, which then use it themselves.

use claviger_tests::{
    CANARY,
    hook::{bare, everything},
    stand_in::{Response, StandIn},
    tool,
};
use serde_json::{Value, json};

const AWS: &str = "home/.aws/config";

#[test]
fn the_aws_cli_and_boto3_use_the_profile() {
    let Some(venv) = tool::venv("awscli and boto3") else { return };
    let mut home = bare();
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home.set("LANG", "C.UTF-8");
    let keys = json!({ "Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": format!("{CANARY}s"),
        "SessionToken": format!("{CANARY}t"), "Expiration": "2099-01-01T00:00:00Z" });
    let source = home
        .script("source.sh", &format!("echo run >> '{}'; echo '{keys}'", home.path("source.runs").display()));
    home.write(
        AWS,
        &format!(
            "# mine\r\n[profile work]\r\nregion = eu-west-1\r\ncredential_process = {}",
            source.display()
        ),
    );
    let before = everything(&home);
    let install = ["hook", "install", "aws", "--profile", "claviger", "--from", "work", "--yes"];
    let said = home.ok(&install);
    assert!(said.contains("export AWS_PROFILE='claviger'"), "{said}");
    assert!(home.ok(&install).contains("nothing to change"));
    let _daemon = home.daemon();
    let answer = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let service = StandIn::start(move |_| Response::new(200, answer).header("content-type", "text/xml"));
    let variables = [("AWS_ENDPOINT_URL_STS", service.url.as_str()), ("AWS_PROFILE", "claviger")];
    let arguments = ["-m", "awscli", "sts", "get-caller-identity", "--output", "json"];
    assert_eq!(tool::json(tool::python(&home, &venv, &arguments, &variables))["Account"], "123456789012");
    assert!(service.requests()[0].header("authorization").contains("Credential=AKIA1/"));
    let script = "import boto3, json; s = boto3.Session(); k = s.get_credentials(); print(json.dumps([k.method, k.access_key, s.region_name]))";
    let told = tool::json(tool::python(&home, &venv, &["-c", script], &variables));
    assert_eq!(told, json!(["custom-process", "AKIA1", "eu-west-1"]));
    assert_eq!(home.runs("source"), 1, "both borrowed it");
    assert!(home.ok(&["hook", "list"]).contains("aws  "));
    home.ok(&["hook", "remove", "aws", "--profile", "claviger", "--yes"]);
    assert_eq!(everything(&home), before);
}

#[test]
fn a_profile_that_would_wait_for_itself_is_refused() {
    let home = bare();
    home.write(AWS, "[default]\nregion = x\n");
    for (profile, from) in [("default", "default"), ("a", "a"), ("a", "absent")] {
        let arguments = ["hook", "install", "aws", "--profile", profile, "--from", from, "--yes"];
        assert!(!home.run(&arguments).status.success(), "{profile} from {from}");
    }
    home.ok(&["hook", "install", "aws", "--yes"]);
    home.fails(4, &["hook", "install", "aws", "--profile", "b", "--from", "claviger", "--yes"]);
    assert_eq!(home.read(AWS).matches("credential_process").count(), 1);
}

#[test]
fn google_auth_uses_the_file() {
    let Some(venv) = tool::venv("google-auth") else { return };
    let mut home = bare();
    home.set("NO_GCE_CHECK", "true");
    let google = StandIn::start(|request| match request.path.as_str() {
        "/token" => Response::json(
            json!({ "access_token": format!("{CANARY}token"), "expires_in": 3599, "token_type": "Bearer" }),
        ),
        _ => Response::json(json!({
            "access_token": format!("exchanged {}", request.field("subject_token").unwrap_or_default()),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3599,
        })),
    });
    let login = json!({ "type": "authorized_user", "client_id": "id", "client_secret": format!("{CANARY}c"),
        "refresh_token": format!("{CANARY}r"), "token_uri": format!("{}/token", google.url) });
    home.write("home/.config/gcloud/application_default_credentials.json", &login.to_string());
    let before = everything(&home);
    let (audience, token_url) =
        ("//iam.googleapis.com/locations/global/workforcePools/p/providers/c", format!("{}/sts", google.url));
    let install = ["hook", "install", "google", "--audience", audience, "--token-url", &token_url, "--yes"];
    let shown: Value = serde_json::from_str(&home.ok(&[&["--json"], &install[..]].concat())).expect("JSON");
    let variables: Vec<_> = shown["variables"]
        .as_object()
        .expect("variables")
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
        .collect();
    let file = shown["variables"]["GOOGLE_APPLICATION_CREDENTIALS"].as_str().expect("a path");
    let _daemon = home.daemon();
    for _ in 0..2 {
        let told = tool::json(tool::python(&home, &venv, &[&tool::adapters(), "google", file], &variables));
        assert_eq!(told, json!({ "token": format!("exchanged {CANARY}token") }));
    }
    assert_eq!(google.count("/token"), 1);
    assert!(home.ok(&["hook", "list"]).contains("google  "));
    home.ok(&["hook", "remove", "google", "--yes"]);
    assert_eq!(everything(&home), before);
}

#[test]
fn azure_is_told_what_to_set() {
    let home = bare();
    // Where nothing is to be changed, no question is needed.
    let said = home.ok(&["hook", "install", "azure"]);
    assert!(said.contains("exec --") && said.contains("CLAUDE_CODE_USE_FOUNDRY"), "{said}");
}
