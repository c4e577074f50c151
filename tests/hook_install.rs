//! `claviger hook`: installed, used by the tools themselves, and removed byte for byte.

#![allow(clippy::disallowed_methods, reason = "the daemon's rules are about the daemon; tests stand outside")]

mod support;

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};
use support::{
    CANARY, Home,
    ai_cli::Session,
    binary,
    stand_in::{Response, StandIn},
    tool,
};

const SETTINGS: &str = "home/.claude/settings.json";
const CONFIG: &str = "home/.config/claviger/config.toml";
const INSTALL: [&str; 4] = ["hook", "install", "claude", "--yes"];
const REMOVE: [&str; 4] = ["hook", "remove", "claude", "--yes"];

/// A home of which nothing of claude's or claviger's is there yet.
fn bare() -> Home {
    let home = Home::new();
    fs::remove_dir_all(home.path("home")).expect("removed");
    fs::create_dir(home.path("home")).expect("a home");
    home
}

/// Everything below the home but our state: path, mode, and content or target of a link.
fn everything(home: &Home) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![home.path("home")];
    while let Some(path) = todo.pop() {
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        if path.ends_with(".local") {
            continue;
        }
        let content = match () {
            () if metadata.is_dir() => {
                todo.extend(fs::read_dir(&path).expect("read").flatten().map(|entry| entry.path()));
                Vec::new()
            }
            () if metadata.is_symlink() => {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            }
            () => fs::read(&path).expect("read"),
        };
        found.insert(path, (metadata.mode(), content));
    }
    found
}

fn settings(home: &Home) -> Value {
    let text = home.read(SETTINGS);
    serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("JSON")
}

fn hook() -> String {
    format!("{} token --hook", binary("claviger").display())
}

/// The settings after they were installed and removed are what they were; and installed twice is installed once.
fn round_trip(text: &str, config: Option<&str>) {
    let home = bare();
    home.write(SETTINGS, text);
    config.map(|config| home.write(CONFIG, config));
    let before = everything(&home);
    home.ok(&INSTALL);
    let installed = everything(&home);
    assert_ne!(installed, before);
    assert!(home.ok(&INSTALL).contains("nothing to change"));
    assert_eq!(everything(&home), installed, "installed twice");
    home.ok(&REMOVE);
    assert_eq!(everything(&home), before, "{text:?}");
    assert!(home.ok(&REMOVE).contains("nothing to change"));
}

#[test]
fn files_are_byte_for_byte_what_they_were() {
    for text in [
        "{\"apiKeyHelper\":\"/bin/key --x\"}",
        "{}",
        "",
        "\u{feff}{\r\n\t\"env\": {\"A\": \"1\"},\r\n\t\"apiKeyHelper\" : \"op read 'x'\" ,\r\n\t\"model\": \"m\"\r\n}\r\n",
        "{\n    \"model\": \"m\"\n}",
        "{ // mine\n  \"awsCredentialExport\": \"aws x\", /* this */ \"apiKeyHelper\": \"k\",\n}\n\n\n",
        "{\"apiKeyHelper\": \"claviger token\"}",
    ] {
        round_trip(text, None);
        round_trip(
            text,
            Some("# mine\r\n[daemon]\r\nlog = \"info\" # c\r\n[settings]\r\napiKeyHelper = 'other'\r\n"),
        );
        round_trip(text, Some("[settings.env]\nA = \"1\""));
    }
}

#[test]
fn what_did_not_exist_is_gone_again() {
    let home = bare();
    let before = everything(&home);
    let said = home.ok(&INSTALL);
    assert!(said.contains("claviger login"), "nothing stands behind it: {said}");
    assert_eq!(settings(&home), json!({ "apiKeyHelper": hook() }));
    home.ok(&REMOVE);
    assert_eq!(everything(&home), before, "directories, too");
}

#[test]
fn links_modes_and_files_of_others_are_respected() {
    let home = bare();
    let real = home.write("home/dotfiles/claude.json", "{\"apiKeyHelper\": \"k\"}\n");
    fs::create_dir_all(home.path("home/.claude")).expect("created");
    std::os::unix::fs::symlink("../dotfiles/claude.json", home.path(SETTINGS)).expect("a link");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("mode");
    let before = everything(&home);
    home.ok(&INSTALL);
    assert!(home.path(SETTINGS).is_symlink());
    assert_eq!(settings(&home)["apiKeyHelper"], hook());
    assert_eq!(fs::metadata(&real).expect("there").mode() & 0o777, 0o640);
    home.ok(&REMOVE);
    assert_eq!(everything(&home), before);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o444)).expect("mode");
    let before = everything(&home);
    let stderr = home.fails(4, &INSTALL);
    assert!(stderr.contains("read-only") && stderr.contains("--force"), "{stderr}");
    assert_eq!(everything(&home), before, "nothing was half done");
    home.ok(&["hook", "install", "claude", "--yes", "--force"]);
    assert_eq!(fs::metadata(&real).expect("there").mode() & 0o777, 0o444);
    home.ok(&["hook", "remove", "claude", "--yes", "--force"]);
    assert_eq!(everything(&home), before);
}

#[test]
fn a_file_that_was_edited_since_keeps_the_edit() {
    let home = bare();
    home.write(SETTINGS, "{\n  \"apiKeyHelper\": \"real\",\n  \"b\": 1\n}\n");
    home.ok(&INSTALL);
    home.replace(SETTINGS, &home.read(SETTINGS).replace("\"b\": 1", "\"b\": 2,\n  \"c\": []"));
    home.replace(CONFIG, &format!("{}\n[daemon]\nlog = \"debug\"\n", home.read(CONFIG)));
    let said = home.ok(&REMOVE);
    assert!(said.contains("edited since"), "{said}");
    assert_eq!(home.read(SETTINGS), "{\n  \"apiKeyHelper\": \"real\",\n  \"b\": 2,\n  \"c\": []\n}\n");
    assert_eq!(home.read(CONFIG), "\n[daemon]\nlog = \"debug\"\n");
    // A hook that somebody has replaced is theirs; the command behind it is nowhere else, and stays.
    home.ok(&INSTALL);
    home.write(SETTINGS, "{\"apiKeyHelper\": \"theirs\"}");
    let said = home.ok(&REMOVE);
    assert!(said.contains("left alone"), "{said}");
    assert_eq!(home.read(SETTINGS), "{\"apiKeyHelper\": \"theirs\"}");
    assert!(home.read(CONFIG).contains("apiKeyHelper = \"real\""));
}

#[test]
fn the_change_is_shown_and_no_secret_in_it() {
    let home = bare();
    let env = format!("\"env\": {{\"ANTHROPIC_API_KEY\": \"{CANARY}env-0123456789\"}}");
    for text in [
        format!("{{\"apiKeyHelper\": \"op read x\", {env}}}"),
        format!("{{{env}}}"),
        format!("{{\n  {env},\n  \"apiKeyHelper\": \"op read x\"\n}}"),
        format!("{{{env}, \"apiKeyHelper\": \"echo {CANARY}helper-0123456789\"}}"),
    ] {
        home.write(SETTINGS, &text);
        let before = everything(&home);
        let shown = home.ok(&["hook", "install", "claude", "--dry-run"]);
        assert!(
            shown.contains("+++ ") && shown.contains("token --hook") && shown.contains("dry run"),
            "{shown}"
        );
        assert!(!shown.contains(CANARY) && !shown.contains("ANTHROPIC"), "{shown}");
        let shown: Value =
            serde_json::from_str(&home.ok(&["--json", "hook", "install", "claude", "--dry-run"]))
                .expect("JSON");
        assert!(!shown.to_string().contains(CANARY) && shown["changes"][0]["diff"].is_string());
        home.fails(2, &["hook", "install", "claude"]);
        assert_eq!(everything(&home), before, "a dry run changes nothing");
        assert!(!home.path("home/.local").exists(), "nothing at all");
    }
}

#[test]
fn a_broken_file_is_named_and_not_touched() {
    let home = bare();
    for (path, text, place) in [
        (SETTINGS, "{\n  \"a\": 1 \"b\"\n}", "settings.json:2:9"),
        (SETTINGS, "{\"apiKeyHelper\": 7}", "settings.json:1:18"),
        (CONFIG, "[settings\n", "config.toml:1:"),
    ] {
        home.write(SETTINGS, "{\"apiKeyHelper\": \"k\"}");
        home.write(CONFIG, "");
        home.write(path, text);
        let before = everything(&home);
        let stderr = home.fails(4, &INSTALL);
        assert!(stderr.contains(place), "{stderr}");
        assert_eq!(everything(&home), before);
    }
}

/// Killed between the two files, nothing is lost: the command stands in both, and either verb goes on from there.
#[test]
fn a_command_is_never_nowhere() {
    let home = bare();
    let text = "{\"apiKeyHelper\": \"real\"}";
    home.write(SETTINGS, text);
    let before = everything(&home);
    home.ok(&INSTALL);
    let installed = everything(&home);
    home.write(SETTINGS, text);
    assert!(home.read(CONFIG).contains("real"));
    home.ok(&INSTALL);
    assert_eq!(everything(&home), installed);
    home.write(SETTINGS, text);
    home.ok(&REMOVE);
    assert_eq!(everything(&home), before);
}

#[test]
fn many_at_once_install_it_once() {
    let home = bare();
    home.write(SETTINGS, "{\"apiKeyHelper\": \"real\"}");
    let before = everything(&home);
    assert!(home.herd(8, &INSTALL).iter().all(|output| output.status.success()));
    assert!(home.read(CONFIG).contains("apiKeyHelper = \"real\""));
    home.ok(&REMOVE);
    assert_eq!(everything(&home), before);
}

#[test]
fn an_ai_cli_borrows_through_it() {
    let Some(venv) = tool::venv("nothing but Python itself") else { return };
    let home = bare();
    let helper = home.counting_helper("key", 0.0);
    home.write(SETTINGS, &json!({ "apiKeyHelper": helper }).to_string());
    home.ok(&INSTALL);
    let _daemon = home.daemon();
    let api = StandIn::start(|request| {
        Response::new(if request.header("x-api-key") == format!("{CANARY}key-1") { 401 } else { 200 }, "{}")
    });
    let mut session = Session::start(&home, &venv, &api.url, &[]);
    assert_eq!(session.read()["runs"], 1);
    assert_eq!(session.request()["status"], 200, "the first key is refused, the second is not");
    assert_eq!(home.runs("key"), 2);
    let listed: Value = serde_json::from_str(&home.ok(&["--json", "hook", "list"])).expect("JSON");
    assert_eq!((&listed[0]["setting"], &listed[0]["line"]), (&json!("apiKeyHelper"), &json!(1)));
    assert_eq!((&listed[0]["present"], listed.as_array().map(Vec::len)), (&json!(true), Some(1)));
    home.ok(&REMOVE);
    assert!(home.ok(&["hook", "list"]).starts_with("no tool"));
}

#[test]
fn a_hook_whose_program_is_gone_is_listed_so() {
    let home = bare();
    home.write(SETTINGS, "{\n  \"apiKeyHelper\": \"/nowhere/claviger token\"\n}");
    let listed = home.ok(&["hook", "list"]);
    assert!(listed.contains("settings.json:2") && listed.contains("no such program"), "{listed}");
}

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
    for (profile, from) in [("default", "default"), ("a", "a"), ("a", "nobody")] {
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
    let said = home.ok(&["hook", "install", "azure", "--yes"]);
    assert!(said.contains("exec --") && said.contains("CLAUDE_CODE_USE_FOUNDRY"), "{said}");
}
