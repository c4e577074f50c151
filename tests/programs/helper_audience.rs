//! Where the key of a helper may go.

use claviger_tests::{CANARY, Home, text};
use serde_json::Value;

const CONFIG: &str = "home/.config/claviger/config.toml";

fn home() -> Home {
    let mut home = Home::new();
    home.user_settings(&home.counting_helper("user", 0.0), &[]);
    home.set("ANTHROPIC_BASE_URL", "https://gw.example/v1");
    home
}

#[test]
fn the_refusal_has_the_line_that_lets_the_key_go() {
    let home = home();
    let _daemon = home.daemon();
    let stderr = home.fails(5, &["token"]);
    let line = "audience = [\"https://gw.example\"]";
    assert!(
        stderr.contains(&format!("`{line}` into [settings] of {}", home.path(CONFIG).display())),
        "{stderr}"
    );
    let error = text(&home.run(&["--json", "get"]).stderr);
    let remedy = serde_json::from_str::<Value>(&error).expect("JSON")["error"]["remedy"].clone();
    assert_eq!((&remedy["kind"], &remedy["line"]), (&"write".into(), &line.into()), "{remedy}");
    assert_eq!(home.runs("user"), 0);

    assert_eq!(remedy["file"], *home.path(CONFIG).to_string_lossy());
    home.write(CONFIG, &format!("[{}]\n{line}\n", remedy["table"].as_str().expect("a table")));
    let lease: Value = serde_json::from_str(&home.ok(&["get", "--json", "--show-secret"])).expect("JSON");
    assert_eq!((&lease["origin"], home.runs("user")), (&"https://gw.example".into(), 1));
}

#[test]
fn each_line_keeps_what_was_allowed_before() {
    let mut home = home();
    home.write(CONFIG, "[settings]\naudience = \"https://other.example\"\n");
    let _daemon = home.daemon();
    let stderr = home.fails(5, &["token"]);
    assert!(stderr.contains("audience = [\"https://other.example\", \"https://gw.example\"]"), "{stderr}");
    home.set("ANTHROPIC_BASE_URL", "https://other.example");
    assert_eq!(home.ok(&["token"]), format!("{CANARY}user-1\n"));
}

#[test]
fn the_hook_records_where_the_key_went_so_far() {
    let home = home();
    home.ok(&["--no-start", "hook", "install", "claude", "--yes"]);
    assert!(home.read(CONFIG).contains("audience = \"https://gw.example\"\n"), "{}", home.read(CONFIG));
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), format!("{CANARY}user-1\n"));
    home.ok(&["hook", "remove", "claude", "--yes"]);
    assert_eq!(home.read(CONFIG), "");
}

#[test]
fn a_trusted_projects_base_url_was_decided_about() {
    let mut home = home();
    home.set("ANTHROPIC_BASE_URL", "");
    home.write("work/.claude/settings.json", r#"{"env": {"ANTHROPIC_BASE_URL": "https://gw.example"}}"#);
    let _daemon = home.daemon();
    home.fails(4, &["token"]);
    home.grant(&[]);
    let lease: Value = serde_json::from_str(&home.ok(&["get", "--json", "--show-secret"])).expect("JSON");
    assert_eq!(lease["origin"], "https://gw.example");
}
