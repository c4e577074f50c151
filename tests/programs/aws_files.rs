//! AWS's files as people have them: thousands of profiles, and roles that begin with keys of the environment.

use claviger_tests::{
    CANARY,
    aws::Bedrock,
    stand_in::{Response, StandIn},
    text,
};
use serde_json::Value;
use std::fmt::Write as _;

/// Profiles of an organisation with 5,000 accounts, as tools write them.
fn organisation() -> String {
    let mut config = "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\nsso_registration_scopes = sso:account:access\n".to_owned();
    for account in 0..5000 {
        let profile = format!(
            "\n[profile \"team {account} / AdministratorAccess\"]\nsso_session = corp\nsso_account_id = 1234567{account:05}\nsso_role_name = AdministratorAccess\nregion = eu-west-1\noutput = json\ncli_pager =\nsso_start_url = https://corp.awsapps.com/start\n"
        );
        config.write_str(&profile).expect("written");
    }
    config
}

/// A debug build maps three times as much code; the figure of a release build is the promise.
#[test]
fn thousands_of_profiles_need_little_memory() {
    let most: u64 = if cfg!(debug_assertions) { 48 } else { 16 };
    let mut session = Bedrock::new();
    let helper = session.noting_helper();
    let config =
        format!("{}\n[profile 'the last']\ncredential_process = {}\n", organisation(), helper.display());
    assert!(config.len() > 1024 * 1024, "{} bytes", config.len());
    session.config(&config);
    session.set("AWS_PROFILE", "the last");
    let peak = session.peak();
    assert!(peak < most * 1024, "{peak} KiB");
}

/// What STS answers to a request that it takes.
fn role(operation: &str) -> Response {
    Response::new(
        200,
        format!(
            "<{operation}Response><{operation}Result><Credentials><AccessKeyId>AKIAROLE</AccessKeyId>\
             <SecretAccessKey>{CANARY}s</SecretAccessKey><SessionToken>{CANARY}t</SessionToken>\
             <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{operation}Result></{operation}Response>"
        ),
    )
}

#[test]
fn another_token_of_a_web_identity_counts_at_once() {
    let service = StandIn::start(|_| role("AssumeRoleWithWebIdentity"));
    let mut session = Bedrock::new();
    let token = session.home.write("token", &format!("{CANARY}one"));
    session.set("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("UTF-8"));
    session.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r");
    session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
    let _daemon = session.daemon();
    session.lease();
    session.lease();
    session.home.replace("token", &format!("{CANARY}two"));
    session.lease();
    let tokens: Vec<_> =
        service.requests().iter().filter_map(|request| request.field("WebIdentityToken")).collect();
    assert_eq!(tokens, [format!("{CANARY}one"), format!("{CANARY}two")]);
}

#[test]
fn a_role_begins_with_keys_of_the_environment_if_its_profile_is_named() {
    let service =
        StandIn::start(|request| match request.header("authorization").contains("Credential=AKIAENV/") {
            true => role("AssumeRole"),
            false => Response::new(403, ""),
        });
    let mut session = Bedrock::new();
    let lines = "role_arn = arn:aws:iam::123456789012:role/r\ncredential_source = Environment\n";
    session.config(&format!("[profile dev]\n{lines}[profile keyless]\nregion = eu-west-1\n"));
    session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
    session.set("AWS_ACCESS_KEY_ID", "AKIAENV");
    session.set("AWS_SECRET_ACCESS_KEY", format!("{CANARY}e"));
    let _daemon = session.daemon();
    let id = |arguments: &[&str]| {
        let output = session.run(arguments);
        let printed: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        printed["AccessKeyId"].as_str().expect("a key").to_owned()
    };
    assert_eq!(id(&["aws", "--profile", "dev"]), "AKIAROLE");
    // Where no profile is named, these keys come first.
    assert_eq!(id(&["aws"]), "AKIAENV");
    let output = session.run(&["aws", "--profile", "keyless"]);
    assert!(!output.status.success(), "keys of the environment stand in for a profile");
}
