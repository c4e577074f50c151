//! The verbs about accounts, on the real binaries: what is asked, told and answered.

use claviger_tests::{CANARY, Home, binary, signal, terminal::Terminal, text, wait};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

const CONFIG: &str = "home/.config/claviger/config.toml";

/// Keeps an API key that comes through a pipe.
fn keep(home: &Home, arguments: &[&str], secret: &str) -> String {
    let mut command = home.claviger(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("claviger runs");
    child.stdin.take().expect("stdin").write_all(secret.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("output");
    assert!(output.status.success(), "{arguments:?}");
    text(&output.stdout)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_key_is_typed_unseen() {
    let home = Home::new();
    let _daemon = home.daemon();
    let mut login = Terminal::start(&home, &["login", "--api-key"]);
    login.shows("API key (not shown): ");
    assert!(!login.echoes());
    login.types(&format!("{CANARY}typed\n"));
    let (code, said, screen) = login.end();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(said, "saved default; for https://api.anthropic.com only, kept in a sealed file\n");
    assert!(!screen.contains(CANARY), "{screen}");
    assert_eq!(home.ok(&["token"]), format!("{CANARY}typed\n"));
    let login = Terminal::start(&home, &["login", "--token", "other"]);
    login.shows("token (not shown): ");
    signal(login.pid(), "INT");
    wait::until("what is typed is shown again", || login.echoes());
    let (code, _, screen) = login.end();
    assert_eq!(code, Some(130), "{screen}");
    assert_eq!(json_of(&home.ok(&["accounts", "--json"]))["accounts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn secrets_are_no_arguments_and_help_leads_to_a_section() {
    let home = Home::new();
    let _daemon = home.daemon();
    let told = home.fails(2, &["login", "--api-key", "sk-canary-argument"]);
    assert!(told.contains("looks like a secret") && !told.contains("canary"), "{told}");
    assert!(home.fails(2, &["login", "--api-key"]).contains("no API key was given"));
    let told = home.fails(4, &["login"]);
    assert!(told.contains("config.toml") && told.contains("`claviger login --help`"), "{told}");
    let help = home.ok(&["login", "--help"]);
    for part in ["No client id of Anthropic", "Anthropic's own clients", "[oauth.work]"] {
        assert!(help.contains(part), "{part}: {help}");
    }
    // The section that it shows is one.
    let section: Vec<_> = help.lines().skip_while(|line| !line.contains("[oauth.work]")).collect();
    let section: Vec<_> = section.into_iter().take_while(|line| !line.starts_with("With --json")).collect();
    home.write(CONFIG, &section.join("\n"));
    assert_eq!(json_of(&home.ok(&["accounts", "--json"]))["registrations"][0]["name"], "work");
}

#[test]
fn what_a_key_takes_the_place_of_is_said() {
    let home = Home::new();
    let _daemon = home.daemon();
    let say = |arguments: &[&str]| {
        let mut command = home.claviger(arguments);
        command.args(["--store", "file"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs");
        child.stdin.take().expect("stdin").write_all(b"sk-canary-new").expect("written");
        text(&child.wait_with_output().expect("output").stderr)
    };
    assert_eq!(say(&["login", "--api-key"]), "");
    assert_eq!(say(&["login", "--api-key"]), "", "a new key for the same is what was asked for");
    let told = say(&["login", "--token"]);
    assert!(
        told.contains("default was an API key for https://api.anthropic.com, which is not kept any more"),
        "{told}"
    );
    let told = say(&["login", "--token", "--audience", "https://gateway.example"]);
    assert!(told.contains("default was a token for https://api.anthropic.com"), "{told}");
    assert_eq!(say(&["login", "--api-key", "other"]), "");
    home.user_settings(&home.script("key.sh", "echo sk-canary-helper"), &[]);
    let told = say(&["login", "--api-key", "other"]);
    assert!(told.contains("here api-key-helper comes first (") && told.contains("settings.json:"), "{told}");
    assert_eq!(say(&["--quiet", "login", "--api-key", "other"]), "");
}

#[test]
fn how_a_kept_token_of_anthropic_reaches_the_tool_is_said() {
    let home = Home::new();
    let _daemon = home.daemon();
    let say = |arguments: &[&str], secret: &str| {
        let mut command = home.claviger(arguments);
        command.args(["--store", "file"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("claviger runs");
        child.stdin.take().expect("stdin").write_all(secret.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("output");
        (text(&output.stdout), text(&output.stderr))
    };
    let token = format!("sk-ant-oat01-{CANARY}token");
    let (_, told) = say(&["login", "--api-key"], &token);
    assert!(told.contains("`claviger login --token`"), "{told}");
    let (_, told) = say(&["login", "--api-key", "odd"], CANARY.strip_prefix("sk-").expect("a key"));
    assert!(told.contains("does not begin with `sk-`"), "{told}");
    let (_, told) = say(&["login", "--token"], &token);
    let lines = ["hook of Claude Code cannot", "`claviger exec -- claude`", "`eval \"$(claviger env)\"`"];
    assert!(lines.iter().all(|line| told.contains(line)), "{told}");
    assert_eq!(say(&["--quiet", "login", "--token"], &token).1, "");
    let (events, _) = say(&["--json", "login", "--token"], &token);
    assert!(events.contains("\"event\":\"notice\"") && events.contains("exec -- claude"), "{events}");
    assert_eq!(say(&["login", "other", "--token"], "sk-canary-gateway").1, "", "another issuer's token");
    // What is said there is so.
    home.ok(&["use", "default"]);
    let seen = home.ok(&["exec", "--", "sh", "-c", "printf %s \"$CLAUDE_CODE_OAUTH_TOKEN\""]);
    assert_eq!(seen, token);
    let script = "eval \"$(\"$0\" env)\"; printf %s \"$CLAUDE_CODE_OAUTH_TOKEN\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(binary("claviger")).env_clear();
    shell.envs(home.claviger(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(text(&shell.current_dir(home.path("work")).output().expect("sh runs").stdout), token);
}

#[test]
fn accounts_are_listed_used_moved_and_left() {
    let mut home = Home::new();
    let _daemon = home.daemon();
    assert!(home.fails(3, &["logout"]).contains("there is no account"));
    keep(&home, &["login", "--api-key"], "sk-canary-default\n");
    keep(
        &home,
        &["login", "gateway", "--token", "--audience", "https://gateway.example/v1"],
        "sk-canary-gateway",
    );
    let listed = home.ok(&["accounts"]);
    assert!(listed.contains("default  first, here  api-key  https://api.anthropic.com  file"), "{listed}");
    assert!(listed.contains("gateway  first        token    https://gateway.example    file"), "{listed}");
    assert!(home.fails(2, &["logout"]).contains("default, gateway"));
    assert_eq!(home.ok(&["use", "gateway"]), "gateway is in use, for https://gateway.example\n");
    assert!(home.ok(&["accounts"]).contains("gateway  yes          token"));
    assert_eq!(home.ok(&["token"]), "sk-canary-default\n", "it is in use for another address");
    home.set("CLAVIGER_ACCOUNT", "gateway");
    let refused = home.fails(5, &["token"]);
    assert!(refused.contains("may only be sent to https://gateway.example"), "{refused}");
    assert!(refused.contains("hint: set ANTHROPIC_BASE_URL to https://gateway.example,"), "{refused}");
    home.set("CLAVIGER_ACCOUNT", "default");
    assert_eq!(home.ok(&["token"]), "sk-canary-default\n");
    assert!(home.ok(&["accounts"]).contains("default  first, here  "));
    home.set("CLAVIGER_ACCOUNT", "");
    assert!(home.ok(&["use", "--none"]).starts_with("none is chosen"));
    assert_eq!(home.ok(&["token"]), "sk-canary-default\n");
    assert!(home.fails(4, &["use", "absent"]).contains("run `claviger login absent`"));
    // There is no keyring in a home of a test.
    home.fails(6, &["accounts", "move", "gateway", "--to", "keyring"]);
    home.ok(&["use", "gateway"]);
    assert_eq!(home.ok(&["logout"]), "gateway: signed out\n");
    let left = json_of(&home.ok(&["logout", "--json"]));
    assert_eq!(left["accounts"][0]["name"], "default");
    home.fails(3, &["token"]);
    assert_eq!(home.ok(&["logout", "--all"]), "there was no account\n");
}

#[test]
fn explain_status_and_pending_name_the_account() {
    let mut home = Home::new();
    let _daemon = home.daemon();
    keep(&home, &["login", "mine", "--api-key"], "sk-canary-mine");
    assert!(home.ok(&["explain"]).contains("it is the account mine"));
    home.ok(&["token"]);
    assert_eq!(home.status()["entries"][0]["account"], "mine");
    assert!(home.ok(&["status"]).lines().any(|line| line.starts_with("mine  saved-api-key ")));
    fs::remove_file(home.path("home/.local/state/claviger/accounts/mine.account")).expect("removed");
    let told = home.fails(4, &["refresh"]);
    assert!(told.contains("`claviger login mine --api-key`"), "{told}");
    let pending = home.ok(&["pending"]);
    assert!(pending.contains("run      claviger login mine --api-key\n"), "{pending}");
    assert!(home.ok(&["accounts"]).contains("; run: claviger login mine --api-key"));
    home.set("CLAVIGER_ACCOUNT", "absent");
    let mut watch =
        home.claviger(&["get", "--watch", "--json"]).stdout(Stdio::piped()).spawn().expect("claviger runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    let event = json_of(&lines.next().expect("an event"));
    assert_eq!(
        (&event["event"], &event["command"]),
        (&json!("human-needed"), &json!("claviger login absent"))
    );
    watch.kill().expect("kill");
    watch.wait().expect("wait");
}

#[test]
fn locked_is_locked_until_somebody_unlocks() {
    let home = Home::new();
    let daemon = home.daemon();
    keep(&home, &["login", "--api-key"], "sk-canary-locked");
    home.ok(&["token"]);
    let shown = home.ok(&["lock"]);
    assert_eq!(
        shown,
        "locked: nothing is lent until `claviger unlock`\n1 credential was dropped from memory\n"
    );
    assert!(home.fails(4, &["token"]).contains("`claviger unlock`"));
    assert!(home.ok(&["status"]).contains("\nlocked: nothing is lent") && home.status()["locked"] == true);
    daemon.terminate();
    let _daemon = home.daemon();
    home.fails(4, &["token"]);
    assert_eq!(home.ok(&["unlock"]), "unlocked\n");
    assert_eq!(home.ok(&["unlock"]), "it was not locked\n");
    assert_eq!(home.ok(&["token"]), "sk-canary-locked\n");
    assert_eq!(home.status()["locked"], false);
}

#[test]
fn a_reset_asks_first_and_says_what_it_cleared() {
    let home = Home::new();
    let helper = home.counting_helper("project", 0.0);
    home.write("work/.claude/settings.json", &claviger_tests::settings(&helper, &[]));
    let _daemon = home.daemon();
    home.grant(&[]);
    keep(&home, &["login", "--api-key"], "sk-canary-reset");
    home.ok(&["token"]);
    assert!(home.fails(2, &["reset"]).contains("--yes"));
    let mut asked = Terminal::start(&home, &["reset"]);
    asked.answer("Continue? [y/N]: ", "n\n");
    assert_eq!(asked.end().0, Some(130));
    assert!(home.ok(&["accounts"]).contains("default"));
    let cleared = home.ok(&["reset", "--yes"]);
    let expected =
        "default: signed out\n1 trust decision was forgotten\n1 credential was dropped from memory\n";
    assert_eq!(cleared, expected);
    assert!(home.ok(&["accounts"]).starts_with("there is no account"));
    home.fails(4, &["token"]);
}

#[test]
fn a_shell_completes_what_the_daemon_holds() {
    let home = Home::new();
    home.write("home/.aws/config", "[default]\n[profile develop]\n[sso-session dev]\n");
    let _daemon = home.daemon();
    keep(&home, &["login", "working", "--api-key", "--store", "file"], "sk-canary-new");
    home.ok(&["share", "box"]);
    home.ok(&["share", "gated", "--gate", "--account", "working"]);
    home.write("completions", &home.ok(&["completions", "bash"]));
    home.script("bin/completed-tool", "");
    let script = format!(
        "PATH='{}:{}':$PATH; . '{}'; COMP_WORDS=(claviger \"$@\"); COMP_CWORD=$#; _clap_complete_claviger claviger \"${{@: -1}}\"; echo \"${{COMPREPLY[@]}}\"",
        home.path("bin").display(),
        binary("claviger").parent().expect("a directory").display(),
        home.path("completions").display()
    );
    for (typed, expected) in [
        (&["use", "w"][..], "working"),
        (&["logout", "wo"], "working"),
        (&["aws", "--profile", "d"], "default develop"),
        (&["share", "stop", "b"], "box"),
        (&["gate", "close", "ga"], "gated"),
        (&["exec", "--", "completed-t"], "completed-tool"),
        (&["audit", "--event", "logi"], "login"),
        (&["statu"], "status"),
        (&["use", "sk-"], ""),
    ] {
        let shell = home.claviger(&[]);
        let mut bash = Command::new("bash");
        bash.env_clear().envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
        bash.args(["--norc", "-c", &script, "bash"]).args(typed).current_dir(home.path("work"));
        let output = bash.output().expect("bash runs");
        assert_eq!(text(&output.stdout).trim(), expected, "{typed:?}: {}", text(&output.stderr));
    }
}
