//! The audit log of the real binaries: what stands in it, and `claviger audit`.

use claviger_tests::{
    CANARY, Home,
    audit::{decisions, field, lines, until_noted, with_helper},
    secret, text, wait,
};
use std::fs;

const CONFIG: &str = "home/.config/claviger/config.toml";

#[test]
fn who_got_what_and_by_which_rule() {
    let home = with_helper();
    let daemon = home.daemon();
    home.ok(&["token"]);
    until_noted(&home, "get", "lent");
    let lent = lines(&home, &["--event", "get"]).remove(0);
    let settings = home.path("home/.claude/settings.json").display().to_string();
    assert_eq!((field(&lent, "source"), field(&lent, "layer")), ("api-key-helper", "user"), "{lent}");
    assert_eq!((field(&lent, "file"), lent["line"].as_u64()), (settings.as_str(), Some(2)), "{lent}");
    assert_eq!((field(&lent, "mode"), lent["generation"].as_u64()), ("standard", Some(1)), "{lent}");
    assert_eq!(field(&lent, "cwd"), home.path("work").display().to_string());
    assert!(field(&lent, "program").contains("claviger"), "{lent}");
    let own = std::env::current_exe().expect("own path");
    assert_eq!(field(&lent, "parent"), own.to_str().expect("UTF-8"), "the test started it: {lent}");
    assert_eq!(field(&lent, "key"), home.status()["entries"][0]["key"].as_str().expect("a key"));

    let table = home.ok(&["audit"]);
    let row = table.lines().find(|line| line.contains(" get ")).expect("a row");
    assert!(row.contains(&format!("{settings}:2 (user)")), "{table}");
    assert!(table.starts_with("TIME"), "{table}");
    // Filters.
    let pid = lent["pid"].to_string();
    let work = home.path("work").display().to_string();
    // A client that waits follows what is said meanwhile: that is an event of its own.
    let count = |arguments: &[&str]| lines(&home, &[&["--event", "get"], arguments].concat()).len();
    assert_eq!(count(&["--pid", &pid]), 1);
    assert_eq!(count(&["--source", "api-key-helper"]), 1);
    assert_eq!((count(&["--cwd", &work]), count(&["--cwd", "/usr"])), (1, 0));
    assert_eq!((count(&["--since", "1h"]), count(&["--since", "2100-01-01"])), (1, 0));
    assert_eq!((count(&["--limit", "1"]), count(&["--limit", "0"])), (1, 0));
    home.fails(2, &["audit", "--since", "yesterday"]);
    // Without a daemon, it is where a daemon would have it.
    drop(daemon);
    assert_eq!(lines(&home, &["--event", "daemon"]).len(), 2);
    assert!(!home.socket().exists(), "no daemon is started for it");
}

#[test]
fn every_decision_has_a_line() {
    let home = with_helper();
    home.write(CONFIG, "[daemon]\nstore = \"file\"\n");
    let daemon = home.daemon();
    home.write("work/.claude/settings.json", "{\"env\": {\"A\": \"b\"}}");
    home.write("work/.claude/settings.local.json", "{\"apiKeyHelper\": \"echo x\"}");
    home.fails(4, &["token"]);
    home.grant(&[]);
    home.ok(&["trust", "revoke"]);
    home.ok(&["trust", "ignore"]);
    home.ok(&["token"]);
    home.ok(&["refresh"]);
    home.ok(&["refresh", "--rejected", "401"]);
    let key = home.write("key", &secret("kept"));
    let mut login = home.claviger(&["login", "--api-key", "work"]);
    assert!(login.stdin(fs::File::open(&key).expect("a file")).output().expect("runs").status.success());
    home.ok(&["use", "work"]);
    home.fails(4, &["use", "absent"]);
    home.ok(&["logout", "work"]);
    home.ok(&["lock"]);
    home.fails(4, &["token"]);
    home.ok(&["unlock"]);
    home.run(&["pending", "--cancel"]);
    home.ok(&["daemon", "reload", "--log-level", "debug"]);
    home.ok(&["reset", "--yes"]);
    home.ok(&["daemon", "stop"]);
    drop(daemon);
    let noted = decisions(&home);
    for (event, decision) in [
        ("daemon", "started"),
        ("get", "workspace-untrusted"),
        ("trust", "trusted"),
        ("trust", "revoked"),
        ("trust", "ignored"),
        ("get", "lent"),
        ("refresh", "refreshed"),
        ("report", "refreshing"),
        ("save-secret", "saved"),
        ("use", "in-use"),
        ("use", "login-required"),
        ("logout", "logged-out"),
        ("lock", "locked"),
        ("get", "locked"),
        ("unlock", "unlocked"),
        ("cancel", "cancelled"),
        ("log-level", "changed"),
        ("reset", "reset"),
        ("daemon", "asked-to-stop"),
        ("daemon", "stopped"),
    ] {
        assert!(
            noted.contains(&(event.into(), decision.into())),
            "{event} {decision} is missing in {noted:?}"
        );
    }
    let all = lines(&home, &[]);
    let of = |event: &str, decision: &str| {
        all.iter().find(|line| line["event"] == event && line["decision"] == decision).expect("a line")
    };
    let work = home.path("work").display().to_string();
    for decision in ["trusted", "ignored", "revoked"] {
        assert_eq!(field(of("trust", decision), "about"), work);
    }
    assert_eq!(field(of("get", "workspace-untrusted"), "layer"), "local", "the rule that asks for trust");
    assert_eq!(field(of("save-secret", "saved"), "account"), "work");
    assert_eq!(field(of("logout", "logged-out"), "account"), "work");
    assert!(all.iter().filter(|line| line["event"] != "daemon").all(|line| line["uid"].is_u64()), "{all:?}");
    assert!(!home.ok(&["audit"]).contains(CANARY));
}

#[test]
fn where_nothing_is_that_is_said() {
    let home = Home::new();
    let stderr = home.fails(2, &["audit", "--file", "/nowhere"]);
    assert!(stderr.contains("/nowhere: there is no such file"), "{stderr}");
    let output = home.run(&["audit"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(text(&output.stderr).contains("no entries yet"), "{}", text(&output.stderr));
}

#[test]
fn a_filter_with_a_typing_mistake_does_not_look_like_an_empty_log() {
    let home = Home::new();
    let _daemon = home.daemon();
    home.ok(&["lock"]);
    wait::until("it is noted", || lines(&home, &["--event", "lock"]).len() == 1);
    for (filter, said) in [(&["--event", "lcok"][..], "none of 2 lines"), (&["--event", "lock"], "")] {
        let output = home.run(&[&["audit"], filter].concat());
        assert!(output.status.success());
        let stderr = text(&output.stderr);
        assert!(stderr.contains(said) && stderr.is_empty() == said.is_empty(), "{filter:?}: {stderr}");
    }
}
