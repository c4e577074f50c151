//! The audit log of the real binaries: what stands in it, and `claviger audit`.

use claviger_tests::{
    CANARY, Home,
    audit::{decisions, field, lines, until_noted, with_helper},
    binary, secret, text, wait,
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
    let own = std::env::current_exe().expect("own path");
    assert_eq!(field(&lent, "program"), own.to_str().expect("UTF-8"), "the test started it: {lent}");
    assert!(field(&lent, "client").contains("claviger"), "{lent}");
    assert_eq!(field(&lent, "key"), home.status()["entries"][0]["key"].as_str().expect("a key"));

    let table = home.ok(&["audit"]);
    let row = table.lines().find(|line| line.contains(" get ")).expect("a row");
    assert!(row.contains(&format!("{settings}:2 (user)")), "{table}");
    assert!(table.starts_with("TIME"), "{table}");
    // Filters.
    let count = |arguments: &[&str]| lines(&home, &[&["--event", "get"], arguments].concat()).len();
    assert_eq!(count(&["--source", "api-key-helper"]), 1);
    assert_eq!((count(&["--since", "1h"]), count(&["--since", "2100-01-01"])), (1, 0));
    assert_eq!((count(&["--limit", "1"]), count(&["--limit", "0"])), (1, 0));
    home.fails(2, &["audit", "--since", "yesterday"]);
    // Without a daemon, it is where a daemon would have it.
    drop(daemon);
    assert_eq!(lines(&home, &["--event", "daemon"]).len(), 2);
    assert!(!home.socket().exists(), "no daemon is started for it");
}

#[test]
fn a_loan_is_one_line_however_long_it_took_and_names_whose_session_it_was() {
    let home = Home::new();
    let go = home.path("go").display().to_string();
    let helper =
        home.script("key.sh", &format!("until [ -e '{go}' ]; do sleep 0.05; done; echo {}", secret("x")));
    home.user_settings(&helper, &[]);
    let _daemon = home.daemon();
    // As a tool runs its hook: a shell and a wrapper are between.
    let claviger = home.claviger(&["token"]);
    let mut session = std::process::Command::new("perl");
    session.env_clear().envs(claviger.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let script = "system 'timeout', '60', 'sh', '-c', '\"$0\" token; true', $ARGV[0]; exit $? >> 8";
    session.args(["-e", script]).arg(claviger.get_program()).current_dir(home.path("work"));
    let child = session.stdout(std::process::Stdio::piped()).spawn().expect("perl runs");
    // Long enough for the client to follow what the command says.
    wait::until("a stream is open", || home.status()["watchers"] == 1);
    home.write("go", "");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stdout).trim(), secret("x"));
    until_noted(&home, "get", "lent");
    let lent = lines(&home, &[]).into_iter().filter(|line| line["event"] != "daemon").collect::<Vec<_>>();
    assert_eq!(lent.len(), 1, "{lent:?}");
    let perl = fs::canonicalize("/usr/bin/perl").expect("perl is there").display().to_string();
    assert_eq!(field(&lent[0], "program"), perl, "{lent:?}");
    let (time, client) = (field(&lent[0], "time"), field(&lent[0], "client"));
    assert!(client == binary("claviger").display().to_string() || client == "[claviger]", "{client}");
    assert!(time.len() == "2026-11-28T21:14:15.488Z".len() && time.ends_with('Z'), "{time}");
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
    assert!(all.iter().all(|line| line["uid"].is_u64()), "{all:?}");
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
    let said = home.fails(2, &["audit", "--event", "lcok"]);
    assert!(said.contains("--event") && said.contains("log-level") && said.contains("'lock'"), "{said}");
    for (filter, said) in [(&["--source", "x"][..], "none of 2 lines"), (&["--event", "lock"], "")] {
        let output = home.run(&[&["audit"], filter].concat());
        assert!(output.status.success());
        let stderr = text(&output.stderr);
        assert!(stderr.contains(said) && stderr.is_empty() == said.is_empty(), "{filter:?}: {stderr}");
    }
}
