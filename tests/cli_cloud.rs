//! The client in sessions of the clouds: what it shows, lends and passes on, and what a person is told meanwhile.

#![allow(clippy::disallowed_methods, reason = "tests prepare the world that the daemon looks at")]

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use support::{
    CANARY, Home, binary,
    stand_in::{Response, StandIn},
    text, wait,
};

const URL: &str =
    "https://device.sso.example/start?user_code=ABCD-EFGH&state=0123456789012345678901234567890123456789";
const FAR: &str = "2099-01-01T00:00:00Z";

/// A Bedrock session that looks for no instance metadata.
fn bedrock() -> Home {
    let mut home = Home::new();
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home
}

fn json_of(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&home.ok(arguments)).expect("JSON")
}

/// A container's endpoint that has credentials as soon as the file `go` exists. `first` is answered until then.
fn container(home: &mut Home, first: impl Fn(usize) -> Response + Send + Sync + 'static) -> StandIn {
    let go = home.path("go");
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let service = StandIn::start(move |request| match request.path.as_str() {
        "/creds" if go.exists() => Response::json(credentials(FAR)),
        "/creds" => first(asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst)),
        // STS, asked whether the credentials are good.
        _ => Response::new(200, "<GetCallerIdentityResponse/>"),
    });
    home.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/creds", service.url));
    home.set("AWS_ENDPOINT_URL_STS", &service.url);
    service
}

fn credentials(expiration: &str) -> Value {
    json!({
        "AccessKeyId": "AKIA1", "SecretAccessKey": format!("{CANARY}s"), "Token": format!("{CANARY}t"),
        "Expiration": expiration,
    })
}

/// `awsAuthRefresh` that tells where to sign in and ends when the file `go` is there.
fn sign_in(home: &Home) {
    let (runs, go) = (home.path("sign-in.runs"), home.path("go"));
    let body = format!(
        "echo run >> '{}'\nprintf 'open \\033[1mthis\\033[0m:\\n{URL}\\n'\nwhile ! test -e '{}'; do sleep 0.02; done",
        runs.display(),
        go.display()
    );
    let script = home.script("sign-in.sh", &body);
    home.replace("home/.claude/settings.json", &json!({ "awsAuthRefresh": script }).to_string());
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.claviger(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
}

#[test]
fn everybody_who_waits_sees_where_to_sign_in_and_pending_shows_it() {
    let mut home = bedrock();
    let _service = container(&mut home, |_| Response::new(403, ""));
    sign_in(&home);
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["pending"]), "nothing waits for a person\n");
    let waiting: Vec<_> = (0..3).map(|_| start(&home, &["aws"])).collect();
    wait::until("the command has said where to sign in", || {
        let lines = &json_of(&home, &["pending", "--json"])["pending"][0]["lines"];
        lines.as_array().is_some_and(|lines| lines.iter().any(|line| line == URL))
    });
    let late = start(&home, &["get"]);
    let quiet = start(&home, &["-q", "aws", "--format", "export"]);
    let shown = home.ok(&["pending"]);
    assert!(
        shown.starts_with("awsAuthRefresh is running") && shown.contains(&format!("  | {URL}\n")),
        "{shown}"
    );
    assert!(shown.contains("settings.json:1") && shown.contains("claviger cancel "), "{shown}");
    wait::until("the late ones wait too", || home.status()["counters"]["requests"] == 5);
    fs::write(home.path("go"), "").expect("written");
    for child in waiting.into_iter().chain([late]) {
        let output = child.wait_with_output().expect("output");
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches(URL).count(), 1, "each line once: {said}");
        assert!(said.lines().all(|line| line.contains(": ")) && !said.contains('\x1b'), "{said:?}");
        assert!(!text(&output.stdout).contains(URL), "stdout is data only");
    }
    let output = quiet.wait_with_output().expect("output");
    assert_eq!(text(&output.stderr), "");
    let export: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(export["Credentials"]["AccessKeyId"], "AKIA1");
    assert_eq!(home.runs("sign-in"), 1);
}

#[test]
fn a_command_that_nobody_needs_any_more_is_cancelled_by_its_short_id() {
    let mut home = bedrock();
    let _service = container(&mut home, |_| Response::new(403, ""));
    sign_in(&home);
    let _daemon = home.daemon();
    assert!(home.fails(1, &["cancel"]).contains("claviger pending"));
    let waiting = start(&home, &["aws"]);
    wait::until("the command runs", || home.ok(&["pending"]).contains(URL));
    let shown = home.ok(&["pending"]);
    let id = shown
        .split("claviger cancel ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .expect("an id");
    assert_eq!(id.len(), 8, "{shown}");
    home.fails(1, &["cancel", "no-such-id"]);
    assert_eq!(home.ok(&["cancel", id]), "1 command was ended\n");
    let output = waiting.wait_with_output().expect("output");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty() && text(&output.stderr).contains("was cancelled"));
    home.fails(1, &["cancel"]);
}

/// Overnight nobody waits, so nobody is troubled; the first session in the morning must see the page while it waits.
#[test]
fn a_sign_in_that_was_put_off_is_told_at_once_when_a_session_asks() {
    let mut home = bedrock();
    let _service = container(&mut home, |asked| match asked {
        0 => {
            let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(3);
            Response::json(credentials(&claviger::wire::timestamp(soon).to_string()))
        }
        _ => Response::new(403, ""),
    });
    sign_in(&home);
    let _daemon = home.daemon();
    home.ok(&["aws"]);
    wait::until("the refresh ahead was put off", || {
        json_of(&home, &["pending", "--json"])["pending"][0]["problem"]["reason"] == "login-required"
    });
    let shown = home.ok(&["pending"]);
    assert!(shown.contains("aws-chain needs a person") && shown.contains("claviger refresh"), "{shown}");
    assert_eq!(home.runs("sign-in"), 0, "nobody waited");
    wait::until("the credentials are over", || home.ok(&["status"]).contains("aws-chain  expired"));
    let mut waiting = start(&home, &["aws"]);
    let mut lines = BufReader::new(waiting.stderr.take().expect("stderr")).lines().map_while(Result::ok);
    // The command waits for `go`: it is read while it runs, or never.
    assert!(lines.any(|line| line.contains(URL)), "the page is told while it can be used");
    fs::write(home.path("go"), "").expect("written");
    let mut data = String::new();
    waiting.stdout.take().expect("stdout").read_to_string(&mut data).expect("read");
    assert!(waiting.wait().expect("ended").success());
    assert!(data.contains("AKIA1"), "{data}");
}

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
    let lease = json_of(&home, &["get", "--json"]);
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
    assert_eq!(home.status()["slots"][0]["facts"]["links"][0]["source"], "environment");
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
    assert_eq!(json_of(&home, &["get", "--json"])["aws_keys"]["secret_access_key"], format!("{CANARY}own"));
    assert!(home.ok(&["get"]).contains("in $AWS_ACCESS_KEY_ID"));
    home.set("AWS_SESSION_TOKEN", &format!("{CANARY}token"));
    assert_eq!(json_of(&home, &["aws"])["SessionToken"], format!("{CANARY}token"));
    home.set("AWS_BEARER_TOKEN_BEDROCK", &format!("{CANARY}bearer"));
    assert!(home.fails(2, &["aws"]).contains("claviger aws --format env"));
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
    assert!(home.fails(2, &["--settings", "{}", "aws", "--profile", "work"]).contains("--settings"));
    let export = home.script(
        "export.sh",
        "echo '{\"AccessKeyId\":\"x\",\"SecretAccessKey\":\"y\",\"SessionToken\":\"z\"}'",
    );
    home.replace("home/.claude/settings.json", &json!({ "awsCredentialExport": export }).to_string());
    let refused = home.fails(4, &["aws", "--profile", "work"]);
    assert!(refused.contains("aws-export") && refused.contains("settings.json:1"), "{refused}");
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
