//! The client in sessions of the clouds: what it shows, and what it lends.

use claviger_tests::{
    CANARY, Home, binary,
    cloud::{FAR, bedrock, container, credentials, json_of},
    stand_in::Response,
    text,
};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command};

#[test]
fn links_region_and_keys_are_shown_and_secrets_only_on_demand() {
    let mut home = bedrock();
    home.set("AWS_REGION", "eu-west-1");
    let _service = container(&mut home, |_| Response::json(credentials(FAR)));
    let _daemon = home.daemon();
    let explained = home.ok(&["explain"]);
    assert!(explained.contains("not asked yet") && explained.contains("region eu-west-1"), "{explained}");
    let shown = home.ok(&["get"]);
    assert!(shown.contains("container") && shown.contains("eu-west-1") && !shown.contains(CANARY), "{shown}");
    assert!(home.ok(&["get", "--show-secret"]).contains(&format!("AKIA1 {CANARY}s {CANARY}t")));
    let lease = json_of(&home, &["get", "--json", "--show-secret"]);
    let keys = json!({
        "access_key_id": "AKIA1", "secret_access_key": format!("{CANARY}s"), "session_token": format!("{CANARY}t"),
    });
    assert_eq!(
        (&lease["aws_keys"], &lease["secret"], &lease["region"]),
        (&keys, &Value::Null, &json!("eu-west-1"))
    );
    assert_eq!((&lease["facts"]["link"], &lease["expires_at"]), (&json!("container"), &json!(FAR)));
    let explained = home.ok(&["explain"]);
    assert!(explained.contains("not configured") && explained.contains("link container"), "{explained}");
    assert!(home.ok(&["status"]).contains("  link container"));
    assert_eq!(home.status()["entries"][0]["facts"]["links"][0]["source"], "environment");
    let hint = home.fails(2, &["token"]);
    assert!(hint.contains("claviger aws") && !hint.contains(CANARY), "{hint}");
}

#[test]
fn a_command_signs_with_the_lent_keys_and_with_nothing_else() {
    let mut home = bedrock();
    let _service = container(&mut home, |_| Response::json(credentials(FAR)));
    let _daemon = home.daemon();
    for leftover in ["AWS_BEARER_TOKEN_BEDROCK", "CLAUDE_CODE_USE_FOUNDRY", "ANTHROPIC_API_KEY"] {
        home.set(leftover, "");
    }
    home.write("home/.aws/config", "[profile other]\nregion = us-east-1\n");
    home.set("AWS_DEFAULT_PROFILE", "other");
    let seen = home.ok(&["exec", "env"]);
    for line in [
        "CLAUDE_CODE_USE_BEDROCK=1".to_owned(),
        "AWS_ACCESS_KEY_ID=AKIA1".to_owned(),
        format!("AWS_SECRET_ACCESS_KEY={CANARY}s"),
        format!("AWS_SESSION_TOKEN={CANARY}t"),
        format!("AWS_CREDENTIAL_EXPIRATION={FAR}"),
        "AWS_REGION=us-east-1".to_owned(),
    ] {
        assert!(seen.lines().any(|found| found == line), "no {line} in {seen}");
    }
    let gone =
        ["AWS_BEARER_TOKEN_BEDROCK", "CLAUDE_CODE_USE_FOUNDRY", "ANTHROPIC_API_KEY", "AWS_DEFAULT_PROFILE"];
    assert!(!gone.iter().any(|name| seen.contains(name)), "{seen}");
    let lines = home.write("lines", &home.ok(&["aws", "--format", "env"]));
    let script = format!(
        "AWS_SESSION_TOKEN=old; . {}; echo \"$AWS_ACCESS_KEY_ID $AWS_SESSION_TOKEN\"",
        lines.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
    assert_eq!(text(&output.stdout), format!("AKIA1 {CANARY}t\n"));
}

#[test]
fn keys_of_the_session_are_filled_in_and_an_api_key_is_no_key() {
    let mut home = bedrock();
    home.set("AWS_ACCESS_KEY_ID", "AKIAOWN");
    home.set("AWS_SECRET_ACCESS_KEY", &format!("{CANARY}own"));
    let _daemon = home.daemon();
    let expected = json!({"Version": 1, "AccessKeyId": "AKIAOWN", "SecretAccessKey": format!("{CANARY}own")});
    assert_eq!(json_of(&home, &["aws"]), expected, "long-lived keys have neither token nor expiry");
    assert_eq!(
        json_of(&home, &["get", "--json", "--show-secret"])["aws_keys"]["secret_access_key"],
        format!("{CANARY}own")
    );
    assert!(home.ok(&["get"]).contains("in $AWS_ACCESS_KEY_ID"));
    home.set("AWS_SESSION_TOKEN", &format!("{CANARY}token"));
    assert_eq!(json_of(&home, &["aws"])["SessionToken"], format!("{CANARY}token"));
    home.set("AWS_BEARER_TOKEN_BEDROCK", &format!("{CANARY}bearer"));
    assert!(home.fails(2, &["aws"]).contains("--format env prints it"));
    assert_eq!(
        home.ok(&["aws", "--format", "env"]),
        format!("export AWS_BEARER_TOKEN_BEDROCK='{CANARY}bearer'\n")
    );
    assert_eq!(home.ok(&["token"]), format!("{CANARY}bearer\n"));
    let seen = home.ok(&["exec", "env"]);
    assert!(seen.contains("AWS_BEARER_TOKEN_BEDROCK=") && !seen.contains("AWS_ACCESS_KEY_ID"), "{seen}");
}

fn profiles(home: &Home, default: &str) -> PathBuf {
    let of = |name: &str| {
        let keys = json!({"Version": 1, "AccessKeyId": name, "SecretAccessKey": format!("{CANARY}{name}")});
        format!("[profile {name}]\ncredential_process = /bin/echo '{keys}'\n")
    };
    home.write("home/.aws/config", &format!("[default]\n{default}\n{}{}", of("work"), of("other")))
}

#[test]
fn the_named_profile_is_meant_whatever_else_is_set() {
    let mut home = Home::new();
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    profiles(&home, "");
    home.user_settings(
        &home.script("key.sh", "echo x"),
        &[("AWS_PROFILE", "other"), ("AWS_ACCESS_KEY_ID", "AKIASET")],
    );
    home.set("AWS_ACCESS_KEY_ID", "AKIAOWN");
    home.set("AWS_SECRET_ACCESS_KEY", "own");
    home.set("AWS_BEARER_TOKEN_BEDROCK", "own");
    let _daemon = home.daemon();
    assert_eq!(json_of(&home, &["aws", "--profile", "work"])["AccessKeyId"], "work");
    assert_eq!(
        json_of(&home, &["aws", "--profile=other", "--format=export"])["Credentials"]["AccessKeyId"],
        "other"
    );
    assert_eq!(json_of(&home, &["--settings", "{}", "aws", "--profile", "work"])["AccessKeyId"], "work");
    let export = home.script(
        "export.sh",
        "echo '{\"AccessKeyId\":\"x\",\"SecretAccessKey\":\"y\",\"SessionToken\":\"z\"}'",
    );
    home.replace("home/.claude/settings.json", &json!({ "awsCredentialExport": export }).to_string());
    let refused = home.fails(4, &["aws", "--profile", "work"]);
    assert!(refused.contains("aws-export") && refused.contains("settings.json:1"), "{refused}");
}

#[test]
fn the_region_of_the_profile_is_explained_as_it_is_lent() {
    let mut home = bedrock();
    profiles(&home, "");
    let config = home.path("home/.aws/config");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    home.write("home/.aws/config", &text.replace("[profile work]", "[profile work]\nregion = eu-central-1"));
    home.set("AWS_PROFILE", "work");
    let _daemon = home.daemon();
    let lent = json_of(&home, &["get", "--json", "--show-secret"]);
    let explained = json_of(&home, &["explain", "--json"]);
    assert_eq!(explained["origin"], "https://bedrock-runtime.eu-central-1.amazonaws.com");
    for part in ["origin", "region"] {
        assert_eq!(explained[part], lent[part]);
    }
}

#[test]
fn a_profile_that_runs_claviger_is_told_to_name_another() {
    let mut home = bedrock();
    profiles(&home, &format!("credential_process = {} aws", binary("claviger").display()));
    home.set("CLAVIGER_SOCK", home.socket().to_str().expect("UTF-8"));
    let _daemon = home.daemon();
    let refused = home.fails(6, &["aws"]);
    assert!(refused.contains("credential_process = claviger aws --profile WORK"), "{refused}");
}

#[test]
fn foundry_is_lent_as_the_variables_that_its_clients_read() {
    let mut home = Home::new();
    home.set("CLAUDE_CODE_USE_FOUNDRY", "1");
    home.set("ANTHROPIC_FOUNDRY_RESOURCE", "my-resource");
    home.set("ANTHROPIC_FOUNDRY_API_KEY", &format!("{CANARY}key"));
    let _daemon = home.daemon();
    let expected = json!({
        "CLAUDE_CODE_USE_FOUNDRY": "1",
        "ANTHROPIC_FOUNDRY_API_KEY": format!("{CANARY}key"),
        "ANTHROPIC_FOUNDRY_RESOURCE": "my-resource",
    });
    assert_eq!(json_of(&home, &["env", "--json"]), expected);
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key\n"));
    assert!(home.ok(&["get"]).contains("my-resource"));
}

#[test]
fn vertex_is_explained_without_asking_anybody() {
    let mut home = Home::new();
    home.set("CLAUDE_CODE_USE_VERTEX", "1");
    home.set("ANTHROPIC_VERTEX_PROJECT_ID", "my-project");
    let _daemon = home.daemon();
    let explained = json_of(&home, &["explain", "--json"]);
    assert_eq!((&explained["region"], &explained["project"]), (&json!("us-east5"), &json!("my-project")));
    let shown = home.ok(&["explain"]);
    assert!(shown.contains("google-adc wins") && shown.contains("not asked yet"), "{shown}");
    assert!(shown.contains("project my-project"), "{shown}");
}
