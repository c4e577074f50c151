//! `claviger hook` where Claude Code talks to a cloud: only what fits is installed, and what it runs there asks no cloud.

use claviger_tests::{
    CANARY, Home,
    hook::{bare, everything},
    text,
};
use serde_json::{Value, json};
use std::fs;

const SETTINGS: &str = "home/.claude/settings.json";
const CONFIG: &str = "home/.config/claviger/config.toml";
const INSTALL: [&str; 4] = ["hook", "install", "claude", "--yes"];
const REMOVE: [&str; 4] = ["hook", "remove", "claude", "--yes"];
const HOOK: [&str; 2] = ["token", "--hook"];
/// The switches, and what is named instead of a hook.
const SWITCHES: [(&str, &str); 4] = [
    ("CLAUDE_CODE_USE_BEDROCK", "hook install aws"),
    ("CLAUDE_CODE_USE_VERTEX", "hook install google"),
    ("CLAUDE_CODE_USE_FOUNDRY", "hook install azure"),
    ("CLAUDE_CODE_USE_MANTLE", "no credential for that backend"),
];

fn installed(home: &Home) -> Vec<String> {
    let settings: Value = serde_json::from_str(&home.read(SETTINGS)).expect("JSON");
    let hooks = ["apiKeyHelper", "awsCredentialExport"]
        .into_iter()
        .filter(|key| settings[key].as_str().is_some_and(|command| command.contains("claviger")));
    hooks.map(str::to_owned).collect()
}

#[test]
fn where_a_cloud_is_set_no_key_is_hooked() {
    for (switch, instead) in SWITCHES {
        let mut home = bare();
        let text = format!(
            "{{ // mine\n  \"awsAuthRefresh\": \"aws sso login\", \"env\": {{\"{switch}\": 1}}\n}}\n"
        );
        home.write(SETTINGS, &text);
        let before = everything(&home);
        let said = home.ok(&INSTALL);
        assert!(
            said.contains("nothing to change") && said.contains(switch) && said.contains(instead),
            "{said}"
        );
        assert_eq!(everything(&home), before, "{switch}");
        assert!(home.ok(&REMOVE).contains("nothing to change"));
        // The same where only the environment says so.
        fs::remove_dir_all(home.path("home/.claude")).expect("removed");
        let before = everything(&home);
        home.set(switch, "true");
        let said = home.ok(&INSTALL);
        assert!(said.contains("in this environment") && said.contains(instead), "{said}");
        assert_eq!(everything(&home), before, "{switch}");
    }
}

#[test]
fn what_is_set_beside_a_cloud_is_hooked_and_goes_back() {
    const EXPORT: &str = "awsCredentialExport";
    const KEY: &str = "apiKeyHelper";
    for (commands, expected) in [
        (json!({ EXPORT: "export-it" }), vec![EXPORT]),
        (json!({ KEY: "get-key" }), vec![KEY]),
        (json!({ KEY: "get-key", EXPORT: "export-it" }), vec![KEY, EXPORT]),
    ] {
        let home = bare();
        let mut settings = commands;
        settings["env"] = json!({"CLAUDE_CODE_USE_BEDROCK": "1"});
        home.write(SETTINGS, &settings.to_string());
        let before = everything(&home);
        home.ok(&INSTALL);
        assert_eq!(installed(&home), expected);
        assert!(!home.ok(&["hook", "list"]).contains("does not match"));
        home.ok(&REMOVE);
        assert_eq!(everything(&home), before, "{expected:?}");
    }
    // A key of the whole configuration has no part in it either; a gateway's has.
    for (skip, expected) in [("0", vec![EXPORT]), ("1", vec![KEY, EXPORT])] {
        let home = bare();
        let env = json!({"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_SKIP_BEDROCK_AUTH": skip});
        home.write(SETTINGS, &json!({ EXPORT: "export-it", "env": env }).to_string());
        home.write(CONFIG, "[settings]\napiKeyHelper = 'get-key'\n");
        let before = everything(&home);
        home.ok(&INSTALL);
        assert_eq!(installed(&home), expected, "skip {skip}");
        home.ok(&REMOVE);
        assert_eq!(everything(&home), before, "skip {skip}");
    }
}

#[test]
fn a_cloud_that_is_switched_on_later_is_noticed() {
    let mut home = bare();
    home.write(SETTINGS, "{\n  \"model\": \"m\"\n}\n");
    home.ok(&INSTALL);
    assert!(!home.ok(&["hook", "list"]).contains("does not match"));
    // A shell that has a cloud takes nothing from the sessions that have none.
    home.set("CLAUDE_CODE_USE_BEDROCK", "1");
    assert!(home.ok(&INSTALL).contains("nothing to change"));
    home.set("CLAUDE_CODE_USE_BEDROCK", "");
    let later =
        home.read(SETTINGS).replace("\"m\"", "\"m\",\n  \"env\": {\"CLAUDE_CODE_USE_VERTEX\": \"1\"}");
    home.replace(SETTINGS, &later);
    let listed = home.ok(&["hook", "list"]);
    assert!(listed.contains("does not match") && listed.contains("hook install claude"), "{listed}");
    let listed: Value = serde_json::from_str(&home.ok(&["--json", "hook", "list"])).expect("JSON");
    assert_eq!(listed[0]["outdated"], true);
    let _daemon = home.daemon();
    let ids = || {
        let found = text(&home.run(&["--json", "doctor", "--offline"]).stdout);
        let found: Value = serde_json::from_str(&found).expect("JSON");
        found["findings"].as_array().expect("findings").iter().any(|finding| finding["id"] == "hook-outdated")
    };
    assert!(ids(), "doctor says it");
    home.ok(&INSTALL);
    assert_eq!(installed(&home), Vec::<String>::new());
    assert!(!ids() && home.ok(&["hook", "list"]).contains("no tool has a hook"));
    assert_eq!(home.read(SETTINGS), later.replace(&hook_line(&later), ""), "as it was, with the edit");
}

/// The line of the hook in a settings file, with its line end.
fn hook_line(text: &str) -> String {
    text.split_inclusive('\n').find(|line| line.contains("apiKeyHelper")).expect("a hook").to_owned()
}

#[test]
fn a_hook_beside_a_backend_that_is_not_known_has_nothing_to_give_and_runs_nothing() {
    for beside in [None, Some("CLAUDE_CODE_USE_VERTEX")] {
        let mut home = bare();
        home.write(CONFIG, &format!("[settings]\napiKeyHelper = \"echo {CANARY}behind\"\n"));
        home.set("CLAUDE_CODE_USE_MANTLE", "1");
        beside.into_iter().for_each(|switch| home.set(switch, "1"));
        let _daemon = home.daemon();
        let stderr = home.fails(2, &HOOK);
        assert!(stderr.contains("CLAUDE_CODE_USE_MANTLE") && stderr.contains("hook install"), "{stderr}");
        // A person who asks learns that the variable is in the way.
        assert!(home.fails(4, &["token"]).contains("unset CLAUDE_CODE_USE_MANTLE"));
        assert_eq!(home.status()["counters"]["runs"], 0);
    }
}

#[test]
fn a_hook_beside_a_cloud_runs_the_command_behind_it_or_nothing() {
    for (switch, _) in &SWITCHES[..3] {
        let mut home = bare();
        home.set("AWS_PROFILE", "work");
        let sign_in = home.script("login.sh", &format!("touch '{}'", home.path("signed").display()));
        let settings = json!({
            "apiKeyHelper": "claviger token --hook", "awsAuthRefresh": sign_in, "gcpAuthRefresh": sign_in,
            "env": {*switch: "1"},
        });
        home.write(SETTINGS, &settings.to_string());
        let profile = format!("[profile work]\ncredential_process = {}\n", sign_in.display());
        home.write("home/.aws/config", &profile);
        let _daemon = home.daemon();
        let stderr = home.fails(2, &HOOK);
        assert!(stderr.contains("no key of an apiKeyHelper") && stderr.contains("hook install"), "{stderr}");
        assert_eq!(home.status()["counters"]["runs"], 0, "{switch}");
        assert!(!home.path("signed").exists(), "{switch}");
        // A command behind it ran before there was a hook, and runs now.
        home.write(CONFIG, &format!("[settings]\napiKeyHelper = \"echo {CANARY}behind\"\n"));
        assert_eq!(home.ok(&HOOK), format!("{CANARY}behind\n"), "{switch}");
        assert!(!home.path("signed").exists(), "{switch}");
    }
}
