//! `claviger hook`: installed, used by the tools themselves, and removed byte for byte.

use claviger_tests::{
    CANARY, Home,
    ai_cli::Session,
    binary,
    hook::{bare, everything},
    skipped,
    stand_in::{Response, StandIn},
    tmux::Tmux,
    tool,
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

const SETTINGS: &str = "home/.claude/settings.json";
const CONFIG: &str = "home/.config/claviger/config.toml";
const INSTALL: [&str; 4] = ["hook", "install", "claude", "--yes"];
const REMOVE: [&str; 4] = ["hook", "remove", "claude", "--yes"];

fn settings(home: &Home) -> Value {
    let text = home.read(SETTINGS);
    serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("JSON")
}

fn own_hook() -> String {
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
    assert_eq!(settings(&home), json!({ "apiKeyHelper": own_hook() }));
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
    assert_eq!(settings(&home)["apiKeyHelper"], own_hook());
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
    // A hook that was replaced belongs to the user; the command behind it is nowhere else, and stays.
    home.ok(&INSTALL);
    home.write(SETTINGS, "{\"apiKeyHelper\": \"theirs\"}");
    let said = home.ok(&REMOVE);
    assert!(said.contains("was left unchanged"), "{said}");
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

#[test]
fn who_is_asked_sees_the_change_once() {
    let home = bare();
    home.write(SETTINGS, "{\"apiKeyHelper\": \"echo key\"}");
    let Some(tmux) = Tmux::start(&home, (200, 40), &["hook", "install", "claude"]) else {
        return skipped("tmux");
    };
    tmux.shows("apply these changes?");
    tmux.press(&["y", "Enter"]);
    tmux.shows("ended with 0");
    let screen = tmux.screen();
    assert!(screen.contains("done") && screen.matches("+++").count() == 2, "{screen}");
}

#[test]
fn what_a_project_asks_to_run_does_not_become_the_users_own() {
    let mut home = bare();
    let text = "{\"apiKeyHelper\": \"evil\"}";
    let file = home.write("repository/.claude/settings.json", text);
    fs::create_dir_all(home.path("repository/.git")).expect("a directory");
    home.set("CLAUDE_CONFIG_DIR", &home.path("repository/.claude").display().to_string());
    assert!(home.fails(2, &INSTALL).contains("is inside a workspace"));
    assert_eq!(fs::read_to_string(&file).expect("there"), text);
    assert!(!home.path(CONFIG).exists());
    // A directory of the user's own is as good as ~/.claude.
    home.set("CLAUDE_CONFIG_DIR", &home.path("home/other").display().to_string());
    home.ok(&INSTALL);
}
