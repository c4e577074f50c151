//! A settings file whose command is claviger itself, and helpers that come back to claviger by a detour.

use claviger_tests::{CANARY, Home, binary};
use serde_json::Value;
use std::path::Path;

fn user_command(home: &Home, command: &str) {
    home.user_settings(Path::new(command), &[]);
}

#[test]
fn a_hook_takes_the_real_command_from_the_configuration() {
    let home = Home::new();
    let helper = home.counting_helper("key", 0.0);
    home.write("home/.config/claviger/config.toml", &format!("[settings]\napiKeyHelper = {helper:?}\n"));
    user_command(&home, "claviger token");
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key-1\n"));
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key-1\n"));
    assert_eq!(home.runs("key"), 1);
    let explained: Value = serde_json::from_str(&home.ok(&["--json", "explain"])).expect("JSON");
    let values = explained["values"].as_array().expect("values");
    assert!(
        values.iter().any(|value| value["hook"] == true && value["name"] == "apiKeyHelper"),
        "{values:?}"
    );
    let chosen =
        explained["steps"].as_array().and_then(|steps| steps.iter().find(|step| step["outcome"] == "chosen"));
    assert_eq!(chosen.expect("a winner")["location"]["layer"], "config");
}

#[test]
fn a_hook_with_nothing_behind_it_says_where_the_command_belongs() {
    let home = Home::new();
    let program = binary("claviger");
    let _daemon = home.daemon();
    for command in ["claviger token", program.to_str().expect("path")] {
        user_command(&home, command);
        let stderr = home.fails(3, &["token"]);
        assert!(stderr.contains("config.toml"), "{command}: {stderr}");
    }
    assert_eq!(home.status()["counters"]["runs"], 0);
}

#[test]
fn an_edit_of_the_configuration_counts_at_once() {
    let home = Home::new();
    user_command(&home, "claviger token");
    let _daemon = home.daemon();
    home.fails(3, &["token"]);
    for name in ["one", "two"] {
        let text = format!("[settings]\napiKeyHelper = \"echo {CANARY}{name}\"\n");
        home.replace("home/.config/claviger/config.toml", &text);
        assert_eq!(home.ok(&["token"]), format!("{CANARY}{name}\n"));
    }
}

/// A helper that asks claviger in a way that is not recognised as a hook.
fn detour(prefix: &str) {
    let home = Home::new();
    let program = binary("claviger").display().to_string();
    let variables = format!(
        "PATH=/usr/bin:/bin HOME='{}' XDG_RUNTIME_DIR='{}'",
        home.path("home").display(),
        home.path("run").display()
    );
    let body = prefix.replace("PROGRAM", &program).replace("VARIABLES", &variables);
    let runs = home.path("key.runs").display().to_string();
    let helper = home.script("key.sh", &format!("echo run >> '{runs}'\n{body}"));
    user_command(&home, helper.to_str().expect("path"));
    let daemon = home.daemon();
    let stderr = home.fails(6, &["token"]);
    assert!(stderr.contains("settings.json:2"), "{stderr}");
    assert!(stderr.contains("wait for itself"), "{stderr}");
    assert!(home.runs("key") <= 3, "{} runs", home.runs("key"));
    assert_eq!(home.status()["pid"], daemon.pid());
    // Mended, it works at once.
    user_command(&home, &format!("echo {CANARY}key"));
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key\n"));
}

#[test]
fn a_script_that_asks_claviger_is_a_recursion() {
    detour("exec PROGRAM token");
}

#[test]
fn a_cleared_environment_hides_no_recursion() {
    detour("exec env -i VARIABLES PROGRAM token");
}

#[test]
fn another_environment_on_every_level_hides_no_recursion() {
    detour("exec env -i VARIABLES TZ=\"x$TZ\" PROGRAM token");
}

#[test]
fn a_refresh_or_a_watch_is_a_recursion_too() {
    detour("exec env -i VARIABLES TZ=\"x$TZ\" PROGRAM refresh");
    let watch = "env -i VARIABLES TZ=\"x$TZ\" PROGRAM --json get --watch > told & until [ -s told ]; do sleep 0.01; done";
    detour(&format!("cd \"$(dirname \"$0\")\"; {watch}; kill $!; exit 1"));
}
