//! Every verb of the client on the real binaries: what it prints, and the exit code when it cannot.

use claviger_tests::{CANARY, Home, text, wait};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

fn json_of(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&home.ok(&[&["--json"], arguments].concat())).expect("JSON")
}

fn working() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

#[test]
fn every_verb_does_what_it_says() {
    let home = working();
    let daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), "sk-canary-key-1\n");
    let shown = home.ok(&["get"]);
    assert!(shown.contains("api-key-helper") && shown.contains("settings.json:2"), "{shown}");
    assert!(!shown.contains(CANARY), "hidden unless asked for: {shown}");
    assert!(home.ok(&["get", "--show-secret"]).contains("sk-canary-key-1"));
    let lease = json_of(&home, &["get"]);
    assert_eq!((&lease["secret"], &lease["generation"]), (&Value::Null, &json!(1)));
    assert_eq!(json_of(&home, &["get", "--show-secret"])["secret"], "sk-canary-key-1");
    assert_eq!(
        home.ok(&["get", "--headers"]),
        "x-api-key: sk-canary-key-1\nauthorization: Bearer sk-canary-key-1\n"
    );
    assert_eq!(json_of(&home, &["get", "--headers"])[1]["value"], "Bearer sk-canary-key-1");
    assert_eq!(home.ok(&["env"]), "export ANTHROPIC_API_KEY='sk-canary-key-1'\n");
    assert_eq!(json_of(&home, &["env"]), json!({"ANTHROPIC_API_KEY": "sk-canary-key-1"}));
    let explained = json_of(&home, &["explain"]);
    assert_eq!(
        (&explained["winner"], &explained["entry"]["generation"]),
        (&json!("api-key-helper"), &json!(1))
    );
    let refreshed = json_of(&home, &["refresh"]);
    assert_eq!((&refreshed["generation"], &refreshed["runs"]), (&json!(2), &json!(2)));
    let reported = json_of(&home, &["refresh", "--rejected", "401"]);
    assert_eq!(reported["outcome"], "refreshing");
    assert_eq!(home.ok(&["token"]), "sk-canary-key-3\n");
    let key = lease["key"].as_str().expect("a key");
    let old = ["refresh", "--rejected", "403", "--key", key, "--generation", "1"];
    assert_eq!(json_of(&home, &old)["outcome"], "already-replaced");
    assert!(home.ok(&["refresh", "--rejected", "401"]).starts_with("held back"));
    let status = home.status();
    assert_eq!((&status["pid"], &status["entries"][0]["generation"]), (&json!(daemon.pid()), &json!(3)));
    let sides = home.claviger(&["daemon", "status", "--json"]).output().expect("it runs");
    let sides: Value = serde_json::from_slice(&sides.stdout).expect("JSON");
    assert_eq!((&sides["daemon"]["protocol"], &sides["client"]["protocol"]), (&json!(2), &json!(2)));
    assert_eq!(sides["daemon"]["release"], sides["client"]["release"]);
    for (verb, known) in [("explain", "api-key-helper"), ("status", "sessions"), ("refresh", "fresh")] {
        let shown = home.ok(&[verb]);
        assert!(shown.to_lowercase().contains(known) && !shown.contains(CANARY), "{verb}: {shown}");
    }
}

#[test]
fn completions_need_no_daemon() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.ok(&["completions", shell]).contains("claviger"), "{shell}");
    }
    assert!(!home.socket().exists());
    let sides = home.claviger(&["daemon", "status"]).output().expect("it runs");
    assert!(text(&sides.stdout).contains("daemon   none\nclient   release 0."), "{}", text(&sides.stdout));
    home.fails(8, &["status"]);
    assert_eq!(json_of(&home, &["daemon", "stop"]), json!({"stopped": false, "pid": null}));
    assert!(!home.socket().exists(), "none of these starts a daemon");
}

#[test]
fn the_daemon_is_started_steered_and_stopped() {
    let home = working();
    assert_eq!(json_of(&home, &["daemon", "start"])["started"], true);
    assert_eq!(json_of(&home, &["daemon", "start"])["started"], false);
    assert_eq!(home.ok(&["daemon", "reload", "--log-level", "clavigerd=trace"]), "");
    home.ok(&["token"]);
    assert!(
        home.read("home/.local/state/claviger/clavigerd.log").contains("refreshed"),
        "debug lines are there now"
    );
    home.fails(2, &["daemon", "reload", "--log-level", "clavigerd=loud"]);
    let pid = home.status()["pid"].clone();
    assert_eq!(json_of(&home, &["daemon", "stop"]), json!({"stopped": true, "pid": pid}));
    home.fails(8, &["--no-start", "token"]);
}

#[test]
fn trust_is_shown_decided_listed_and_revoked() {
    let home = working();
    let _daemon = home.daemon();
    let project = home.counting_helper("project", 0.0);
    home.write(
        "work/.claude/settings.json",
        &claviger_tests::settings(&project, &[("ANTHROPIC_AUTH_TOKEN", "")]),
    );
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains(" trust grant`") && stderr.contains("settings.json:4"), "{stderr}");
    let shown = home.ok(&["trust", "show"]);
    assert!(shown.contains("project.sh") && shown.contains("undecided"), "{shown}");
    let digest = json_of(&home, &["trust", "show"])["digest"].as_str().expect("a digest").to_owned();
    home.fails(4, &["trust", "grant", "--digest", &"0".repeat(64)]);
    assert_eq!(json_of(&home, &["trust", "grant", "--digest", &digest])["decision"], "trusted");
    assert_eq!(home.ok(&["token"]), "sk-canary-project-1\n");
    assert!(home.ok(&["trust", "list"]).contains("trusted"));
    assert_eq!(json_of(&home, &["trust", "list"])[0]["digest"], digest.as_str());
    assert_eq!(json_of(&home, &["trust", "revoke"])["removed"], 1);
    home.fails(4, &["token"]);
    home.ok(&["trust", "ignore", "--yes"]);
    assert_eq!(home.ok(&["token"]), "sk-canary-key-1\n");
    // The workspace of another directory, from here.
    home.write("other/.claude/settings.json", &claviger_tests::settings(&project, &[]));
    let other = home.path("other");
    home.grant(&["--cwd", other.to_str().expect("path")]);
    assert_eq!(home.ok(&["--cwd", other.to_str().expect("path"), "token"]), "sk-canary-project-2\n");
    fs::remove_dir_all(&other).expect("remove");
    assert_eq!(json_of(&home, &["trust", "revoke", other.to_str().expect("path")])["removed"], 1);
}

#[test]
fn watching_prints_one_json_object_a_line() {
    let home = working();
    let _daemon = home.daemon();
    let mut command = home.claviger(&["get", "--watch", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("claviger runs");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let mut next = || -> Value { serde_json::from_str(&lines.next().expect("a line")).expect("JSON") };
    let first = next();
    assert_eq!((&first["event"], &first["reason"]), (&json!("issued"), &json!("initial")));
    assert!(!first.to_string().contains(CANARY), "the secret is shown on demand only");
    home.ok(&["refresh"]);
    let second = next();
    assert_eq!((&second["reason"], &second["lease"]["generation"]), (&json!("refreshed"), &json!(2)));
    claviger_tests::signal(child.id(), "INT");
    assert_eq!(child.wait().expect("wait").code(), Some(130));
}

#[test]
fn a_watch_survives_the_end_of_the_daemon() {
    let home = working();
    let daemon = home.daemon();
    let mut command = home.claviger(&["get", "--watch", "--json", "--show-secret"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("claviger runs");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    assert!(lines.next().expect("a line").contains("sk-canary-key-1"));
    daemon.kill();
    assert!(lines.next().expect("a line").contains("sk-canary-key-2"), "from the daemon that it started");
    child.kill().expect("kill");
    child.wait().expect("wait");
}

/// Arguments, exit code, and a part of the message.
type Refusal<'a> = (&'a [&'a str], i32, &'a str);

fn refused(home: &Home, cases: &[Refusal<'_>]) {
    for (arguments, code, part) in cases {
        let stderr = home.fails(*code, arguments);
        assert!(stderr.contains(part) && !stderr.contains(CANARY), "{arguments:?}: {stderr}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let home = working();
    let _daemon = home.daemon();
    let cases: &[Refusal<'_>] = &[
        (&[], 2, "Usage"),
        (&["tokens"], 2, "unrecognized"),
        (&["token", "surplus"], 2, "unexpected"),
        (&["token", "--json"], 2, "--json"),
        (&["exec"], 2, "required"),
        (&["start"], 2, "claviger daemon start"),
        (&["refresh", "--rejected", "500"], 2, "500"),
        (&["refresh", "--rejected", "401", "--generation", "1"], 2, "--key"),
        (&["refresh", "--rejected", "401", "--key", "zz"], 2, "key"),
        (&["--bare", "--mode", "bare", "token"], 2, "cannot be used with"),
        (&["--mode", "wild", "token"], 2, "wild"),
        (&["--timeout", "0", "token"], 2, "0"),
        (&["--min-validity", "-1", "token"], 2, "-1"),
        (&["--cwd", "/no/such", "token"], 2, "/no/such"),
        (&["--cwd", "/etc/passwd", "token"], 2, "not a directory"),
        (&["--settings", "/no/such", "token"], 2, "/no/such"),
        (&["--settings", "/dev/zero", "token"], 2, "regular file"),
        (&["--settings", "", "token"], 2, "settings"),
        (&["trust", "revoke", "a\nb"], 2, "control character"),
    ];
    refused(&home, cases);
}

#[test]
fn wrong_usage_is_json_where_that_was_asked_for() {
    let home = working();
    for (arguments, message, hint) in [
        (&["--json", "stauts"][..], "unrecognized subcommand 'stauts'", "'status'"),
        (&["status", "--wach", "--json"], "unexpected argument '--wach' found", "'--watch'"),
        (&["completions", "--json"], "the following required arguments were not provided: <SHELL>", "--help"),
        (&["--json"], "a verb is missing", "--help"),
    ] {
        let error: Value = serde_json::from_str(&home.fails(2, arguments)).expect("JSON");
        let (error, text) = (&error["error"], |value: &Value| value.as_str().unwrap_or_default().to_owned());
        assert_eq!(
            (text(&error["message"]).as_str(), &error["reason"]),
            (message, &"malformed-request".into())
        );
        assert!(text(&error["hint"]).contains(hint), "{error}");
    }
    let stderr = home.fails(2, &["--timeout", "x", "exec", "--", "tool", "--json"]);
    assert!(stderr.starts_with("error: "), "{stderr}");
}

#[test]
fn each_kind_of_remedy_has_its_exit_code() {
    let mut home = Home::new();
    let _daemon = home.daemon();
    refused(
        &home,
        &[(&["token"], 3, "claviger login --api-key"), (&["--mode", "managed", "token"], 4, "login")],
    );
    home.write("home/.claude/settings.json", "{\n  broken");
    refused(&home, &[(&["token"], 4, "settings.json:2:")]);
    let bad = |body: &str| home.user_settings(&home.script("bad.sh", body), &[]);
    bad("exit 127");
    refused(&home, &[(&["token"], 6, "exit code 127")]);
    bad(&format!("echo {CANARY}a; echo {CANARY}b # 2"));
    home.fails(6, &["refresh"]);
    refused(&home, &[(&["token"], 6, "second line")]);
    home.user_settings(&home.path("missing.sh"), &[]);
    refused(&home, &[(&["token"], 6, "absolute path")]);
    home.user_settings(&home.script("slow.sh", "sleep 30"), &[]);
    refused(&home, &[(&["--timeout", "1", "token"], 7, "no answer within 1 s")]);
    // An OAuth token never goes to a gateway.
    home.write("home/.claude/settings.json", "{}");
    home.set("CLAUDE_CODE_OAUTH_TOKEN", "sk-canary-oauth");
    home.set("ANTHROPIC_BASE_URL", "https://gw.example");
    refused(&home, &[(&["token"], 5, "anthropic.com")]);
    refused(&home, &[(&["--socket", "/no/such/socket", "--no-start", "token"], 8, "/no/such/socket")]);
    refused(&home, &[(&["--socket", "/no/such/socket", "token"], 8, "/no/such")]);
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let home = Home::new();
    let error = |arguments: &[&str], code| -> Value {
        let stderr = home.fails(code, &[&["--json"], arguments].concat());
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        serde_json::from_str::<Value>(&stderr).expect("JSON")["error"].clone()
    };
    assert_eq!(error(&["--no-start", "get"], 8)["reason"], "daemon-unreachable");
    let nothing = error(&["get"], 3);
    assert_eq!(nothing["reason"], "no-credential");
    assert_eq!(nothing["trail"].as_array().map(Vec::len), Some(6));
    home.write("home/.claude/settings.json", "{\n \"apiKeyHelper\": 7}");
    let broken = error(&["get"], 4);
    assert_eq!((&broken["reason"], &broken["location"]["line"]), (&json!("settings-invalid"), &json!(2)));
    home.user_settings(&home.script("bad.sh", "exit 127"), &[]);
    error(&["get"], 6);
    assert!(error(&["get"], 6)["retry_after_seconds"].as_f64().is_some_and(|pause| pause > 1.0));
}

#[test]
fn settings_come_from_a_file_or_inline() {
    let home = working();
    let _daemon = home.daemon();
    let other = home.counting_helper("other", 0.0);
    let file = home.write("extra.json", &claviger_tests::settings(&other, &[]));
    assert_eq!(home.ok(&["--settings", file.to_str().expect("path"), "token"]), "sk-canary-other-1\n");
    let inline = claviger_tests::settings(&other, &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "60000")]);
    // Another time to live is not another command.
    assert_eq!(home.ok(&["--settings", &inline, "token"]), "sk-canary-other-1\n");
    assert_eq!(home.ok(&["--bare", "--settings", &inline, "token"]), "sk-canary-other-1\n");
    home.fails(3, &["--bare", "token"]);
    let stderr = home.fails(4, &["--settings", "{\"apiKeyHelper\": sk-canary-x}", "token"]);
    assert!(stderr.contains("inline:1:18") && !stderr.contains(CANARY), "{stderr}");
    let huge = home.write("huge.json", &" ".repeat(2 * 1024 * 1024 + 1));
    let stderr = home.fails(6, &["--settings", huge.to_str().expect("path"), "token"]);
    assert!(stderr.contains("2 MiB"), "{stderr}");
    assert_eq!(home.ok(&["token"]), "sk-canary-key-1\n");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let mut home = working();
    let _daemon = home.daemon();
    if !std::path::Path::new("/usr/bin/script").exists() {
        return claviger_tests::skipped("Debian package bsdutils (script)");
    }
    let on_terminal = |home: &Home| {
        let line = format!("{} get", claviger_tests::binary("claviger").display());
        let mut command = home.claviger(&[]);
        let mut terminal = std::process::Command::new("/usr/bin/script");
        terminal.args(["-qec", &line, "/dev/null"]).env_clear().current_dir(home.path("work"));
        terminal
            .envs(command.env("TERM", "xterm").get_envs().filter_map(|(name, value)| Some((name, value?))));
        text(&terminal.stdin(Stdio::null()).output().expect("script runs").stdout)
    };
    assert!(on_terminal(&home).contains("\x1b[1m"), "a terminal gets colours");
    home.set("NO_COLOR", "1");
    let plain = on_terminal(&home);
    assert!(plain.contains("api-key-helper") && !plain.contains('\x1b'), "{plain:?}");
    assert!(wait::holds_within(std::time::Duration::ZERO, || !home.ok(&["get"]).contains('\x1b')));
}
