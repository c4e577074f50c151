//! A secret goes to the caller that asked for it and nowhere else: no log, audit line, error, status, argv or environment.

use claviger_tests::{CANARY, Home, text, wait, watch::Watch};
use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Processes of ours, and those of them that have a canary among their arguments or in their environment.
fn look(home: &Home, seen: &mut BTreeSet<String>) -> Vec<String> {
    let root = home.path("").display().to_string();
    let mut leaks = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let (arguments, environment) = (read("cmdline"), read("environ"));
        if !contains(&environment, &root) && !contains(&arguments, &root) {
            continue;
        }
        let name = text(&read("comm")).trim().to_owned();
        for (what, bytes) in [("arguments", arguments), ("environment", environment)] {
            if contains(&bytes, CANARY) {
                leaks.push(format!("{what} of {name}"));
            }
        }
        seen.insert(name);
    }
    leaks
}

#[test]
fn no_process_carries_it_in_arguments_or_environment() {
    let home = Home::new();
    home.write("secret", &format!("{CANARY}key\n"));
    let secret = home.path("secret").display().to_string();
    // It goes on when it was seen.
    let mark = home.path("seen").display().to_string();
    let body = format!("until [ -e '{mark}' ]; do sleep 0.05; done; exec cat '{secret}'");
    let helper = home.script("key.sh", &body);
    home.user_settings(&helper, &[]);
    let _daemon = home.daemon();
    let (done, mut seen) = (AtomicBool::new(false), BTreeSet::new());
    let leaks = thread::scope(|scope| {
        scope.spawn(|| {
            let _watch = Watch::start(&home, &[]);
            for verb in ["token", "get", "refresh", "env", "status", "explain"] {
                assert!(home.herd(5, &[verb]).iter().all(|output| output.status.success()), "{verb}");
            }
            done.store(true, Relaxed);
        });
        let mut leaks = Vec::new();
        while !done.load(Relaxed) {
            leaks.extend(look(&home, &mut seen));
            if seen.contains("key.sh") {
                home.write("seen", "");
            }
        }
        leaks
    });
    assert!(leaks.is_empty(), "{leaks:?}");
    let expected = ["claviger", "clavigerd", "key.sh"];
    assert!(expected.iter().all(|name| seen.contains(*name)), "{seen:?}");
}

/// Runs everything that talks about a credential, and returns what it says where no secret belongs.
fn talk(home: &Home, options: &[&str]) -> String {
    let verbs: [&[&str]; 20] = [
        &["status"],
        &["status", "--json"],
        &["explain"],
        &["explain", "--json"],
        &["trust", "show"],
        &["trust", "show", "--json"],
        &["trust", "list"],
        &["trust", "list", "--json"],
        &["refresh"],
        &["refresh", "--rejected", "401"],
        &["get"],
        &["get", "--json"],
        &["refresh", "--json"],
        &["refresh", "--rejected", "401", "--json"],
        &["accounts", "--json"],
        &["pending", "--json"],
        &["doctor", "--offline", "--json"],
        &["gate", "list", "--json"],
        &["daemon", "status"],
        &["daemon", "reload", "--log-level", "trace"],
    ];
    let mut all = String::new();
    for verb in verbs {
        let output = home.claviger(&[options, verb].concat()).output().expect("claviger runs");
        all += &(text(&output.stdout) + &text(&output.stderr));
    }
    // These print it on stdout, and say nothing of it on stderr.
    for verb in [
        &["token"][..],
        &["get", "--show-secret"],
        &["get", "--json", "--show-secret"],
        &["get", "--headers"],
        &["env"],
        &["exec", "--", "true"],
    ] {
        let output = home.claviger(&[options, verb].concat()).output().expect("claviger runs");
        all += &text(&output.stderr);
    }
    all
}

#[test]
fn a_helpers_key_is_told_to_nobody_else() {
    let home = Home::new();
    let broken = home.path("broken").display().to_string();
    let body =
        format!("echo {CANARY}noise >&2; test -e '{broken}' && echo {CANARY}a b && exit; echo {CANARY}key");
    home.user_settings(&home.script("key.sh", &body), &[("MY_TOKEN", &format!("{CANARY}env"))]);
    let env = serde_json::json!({ "env": { "SOME_TOKEN": format!("{CANARY}project"), "A": "b" } });
    // What a repository wrote is shown; the local file can have secrets of the user's own.
    home.write("work/.claude/settings.local.json", &env.to_string());
    let _daemon = home.daemon();
    let mut all = talk(&home, &[]);
    home.grant(&[]);
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key\n"));
    all += &talk(&home, &[]);
    home.write("broken", "");
    home.fails(6, &["refresh"]);
    all += &talk(&home, &[]);
    assert!(!all.contains(CANARY), "{all}");
    assert!(all.contains("api-key-helper") && all.contains("white space"), "{all}");
    // Home scans log, audit log and trust store when it goes; they must have something in them.
    for file in
        ["daemon.log", "home/.local/state/claviger/audit.jsonl", "home/.local/state/claviger/trust.json"]
    {
        wait::until(file, || home.read(file).len() > 100);
    }
}

#[test]
fn a_sessions_own_secrets_never_reach_the_daemon() {
    for name in ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"] {
        let mut home = Home::new();
        home.set(name, &format!("{CANARY}own"));
        home.set("ANTHROPIC_CUSTOM_HEADERS", &format!("X-Team: {CANARY}header"));
        home.set("AWS_SECRET_ACCESS_KEY", &format!("{CANARY}aws"));
        // Started on demand, by a client that has it all in its environment.
        assert_eq!(home.ok(&["token"]), format!("{CANARY}own\n"));
        assert!(home.ok(&["get", "--headers"]).contains(&format!("{CANARY}header")));
        let all = talk(&home, &[]);
        assert!(all.contains("chosen") && !all.contains(CANARY), "{all}");
        let pid = home.status()["pid"].clone();
        match fs::read(format!("/proc/{pid}/environ")) {
            Ok(environment) => assert!(!contains(&environment, CANARY), "the daemon inherited it"),
            Err(_) => claviger_tests::skipped("root: the daemon hides its environment"),
        }
        let audit = || home.read("home/.local/state/claviger/audit.jsonl");
        wait::until("it is in the audit log", || audit().contains("own-variable"));
    }
}

#[test]
fn secrets_in_explicit_settings_are_used_and_not_told() {
    let home = Home::new();
    let _daemon = home.daemon();
    let explicit = serde_json::json!({ "env": {
        "ANTHROPIC_API_KEY": format!("{CANARY}explicit"),
        "ANTHROPIC_CUSTOM_HEADERS": format!("X-Team: {CANARY}header"),
    }});
    let file = home.write("explicit.json", &explicit.to_string());
    for options in [["--settings", &explicit.to_string()], ["--settings", file.to_str().expect("path")]] {
        assert_eq!(home.ok(&[&options[..], &["token"]].concat()), format!("{CANARY}explicit\n"));
        let all = talk(&home, &options);
        assert!(all.contains("env.ANTHROPIC_API_KEY") && !all.contains(CANARY), "{all}");
    }
    for broken in [
        "{\"env\": {\"ANTHROPIC_API_KEY\": \"sk-canary-x\"}",
        "{\"env\": {\"A\": [\"sk-canary-x\"]}}",
        "{\"env\": {\"ANTHROPIC_CUSTOM_HEADERS\": \"sk-canary-x\"}}",
        "{\"env\": {\"API_TIMEOUT_MS\": \"sk-canary-x\"}}",
        "{\"env\": {\"ANTHROPIC_BASE_URL\": \"https://u:sk-canary-x@h\", \"ANTHROPIC_API_KEY\": \"k\"}}",
        "{\"env\": {\"ANTHROPIC_API_KEY\": \"sk-canary-x\\n\"}}",
        "{\"sk-canary-x\": 1, \"apiKeyHelper\": 7}",
    ] {
        let stderr = home.fails(4, &["--settings", broken, "token"]);
        assert!(!stderr.contains(CANARY), "{broken}: {stderr}");
        let all = talk(&home, &["--settings", broken]);
        assert!(!all.contains(CANARY), "{broken}: {all}");
    }
}
