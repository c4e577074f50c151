//! Sessions in different terminals share one run of a command, and none of them can plant its answer into another's.

use claviger_tests::{CANARY, Home, text, wait};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

const MANY: usize = 24;

/// A helper that notes where it runs, and fails where there is no agent, once `go` is there.
fn helper(home: &Home, prints: &str) {
    let (runs, go) = (home.path("runs"), home.path("go"));
    let body = format!(
        "echo \"${{SSH_AUTH_SOCK:-none}} ${{DISPLAY:-none}}\" >> {}\n\
         while [ -z \"$SSH_AUTH_SOCK\" ] && [ ! -e {} ]; do sleep 0.02; done\n\
         [ -n \"$SSH_AUTH_SOCK\" ] || exit 1\nsleep 0.5\necho '{prints}'",
        runs.display(),
        go.display()
    );
    home.script("helper.sh", &body);
}

/// `claviger ARGUMENTS` in another terminal: a virtual environment first in PATH, and everything else of its own.
fn terminal(home: &Home, number: usize, arguments: &[&str]) -> Command {
    let own = |what: &str| home.path(format!("terminal/{number}/{what}"));
    fs::create_dir_all(own("venv/bin")).expect("directory");
    fs::create_dir_all(own("tmp")).expect("directory");
    fs::create_dir_all(own("work")).expect("directory");
    let mut command = home.claviger(arguments);
    command.current_dir(own("work")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", own("venv/bin").display()));
    command.env("SSH_AUTH_SOCK", own("agent")).env("TMPDIR", own("tmp"));
    command.env("DISPLAY", format!(":{number}")).env("LANG", ["C", "C.UTF-8", "de_DE.UTF-8"][number % 3]);
    command.env("TERM", ["dumb", "xterm-256color"][number % 2]).env("GPG_TTY", format!("/dev/pts/{number}"));
    command
}

fn spawned(mut command: Command) -> Child {
    command.spawn().expect("claviger runs")
}

fn runs(home: &Home) -> Vec<String> {
    home.read("runs").lines().map(str::to_owned).collect()
}

/// One session has neither agent nor display, and starts the run, which fails. All others share another one.
fn shared_by_all(home: &Home, arguments: &[&str], expected: &str) {
    let mut without = terminal(home, 0, arguments);
    without.env_remove("SSH_AUTH_SOCK").env_remove("DISPLAY");
    let without = spawned(without);
    wait::until("it runs", || !runs(home).is_empty());
    let others: Vec<_> = (1..MANY).map(|number| spawned(terminal(home, number, arguments))).collect();
    let waiting = || home.status()["counters"]["waits"].as_u64() == Some(MANY as u64);
    wait::until("all wait", waiting);
    fs::write(home.path("go"), "").expect("written");
    let ended = |child: Child| -> Output { child.wait_with_output().expect("it ends") };
    let failed = ended(without);
    assert_eq!((failed.status.success(), text(&failed.stdout).as_str()), (false, ""));
    for other in others {
        let output = ended(other);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains(expected), "{}", text(&output.stdout));
    }
    let (failures, successes): (Vec<_>, Vec<_>) = runs(home).into_iter().partition(|run| run == "none none");
    assert_eq!((successes.len(), failures.is_empty()), (1, false), "{successes:?}");
    assert_eq!(home.status()["entries"].as_array().map(Vec::len), Some(1));
}

#[test]
fn many_terminals_share_one_run_of_a_helper() {
    let home = Home::new();
    helper(&home, &format!("{CANARY}key"));
    home.user_settings(&home.path("helper.sh"), &[]);
    let _daemon = home.daemon();
    shared_by_all(&home, &["token"], &format!("{CANARY}key"));
}

#[test]
fn many_terminals_share_one_run_of_an_export() {
    let home = Home::new();
    let keys = format!(r#"{{"AccessKeyId":"AKIAX","SecretAccessKey":"{CANARY}s","SessionToken":"t"}}"#);
    helper(&home, &format!(r#"{{"Credentials":{keys}}}"#));
    home.write(
        "home/.claude/settings.json",
        &format!(r#"{{"awsCredentialExport":"{}"}}"#, home.path("helper.sh").display()),
    );
    let _daemon = home.daemon();
    shared_by_all(&home, &["aws"], &format!("{CANARY}s"));
}

/// Tokens of two sessions that differ in `PATH`, the second of which has `planted` first.
fn with_planted(home: &Home, planted: &Path, directory: &Path) -> (String, String) {
    let token = |path: String| {
        let mut command = home.claviger(&["token"]);
        let output = command.current_dir(directory).env("PATH", path).output().expect("claviger runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let real = home.path("tools").display().to_string();
    let second = token(format!("{}:{real}:/usr/bin:/bin", planted.display()));
    (token(format!("{real}:/usr/bin:/bin")), second)
}

#[test]
fn a_fake_program_on_one_path_answers_no_other_session() {
    let home = Home::new();
    home.script("tools/vault", &format!("echo {CANARY}real"));
    let fake = home.script("fake/vault", &format!("echo {CANARY}fake"));
    home.write("home/.claude/settings.json", r#"{"apiKeyHelper":"echo $(vault)"}"#);
    let _daemon = home.daemon();
    let directory = fake.parent().expect("a parent");
    let (real, fake) = with_planted(&home, directory, &home.path("work"));
    assert_eq!((real, fake), (format!("{CANARY}real\n"), format!("{CANARY}fake\n")), "each its own");
}

#[test]
fn a_script_finds_what_its_text_does_not_name_in_the_places_of_all_sessions() {
    let home = Home::new();
    home.script("tools/key", &format!("vault && exit 1; echo {CANARY}no-vault"));
    let fake = home.script("fake/vault", "exit 0");
    home.write("home/.claude/settings.json", r#"{"apiKeyHelper":"key"}"#);
    let _daemon = home.daemon();
    let (one, other) = with_planted(&home, fake.parent().expect("a parent"), &home.path("work"));
    assert_eq!((one, other), (format!("{CANARY}no-vault\n"), format!("{CANARY}no-vault\n")));
    assert_eq!(home.status()["entries"].as_array().map(Vec::len), Some(1));
}

#[test]
fn programs_of_an_undecided_project_are_not_found() {
    let home = Home::new();
    home.script("tools/vault", &format!("echo {CANARY}real"));
    fs::create_dir_all(home.path("work/.git")).expect("directory");
    let planted = home.script("work/node_modules/.bin/vault", &format!("echo {CANARY}fake"));
    fs::create_dir_all(home.path("links")).expect("directory");
    symlink(home.path("work/node_modules/.bin"), home.path("linked")).expect("linked");
    symlink(&planted, home.path("links/vault")).expect("linked");
    fs::create_dir_all(home.path("open")).expect("directory");
    home.script("open/vault", &format!("echo {CANARY}fake"));
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(home.path("open"), open).expect("opened");
    home.write("home/.claude/settings.json", r#"{"apiKeyHelper":"vault"}"#);
    let _daemon = home.daemon();
    let places = ["work/node_modules/.bin", "linked", "links", "open"].map(|place| home.path(place));
    for planted in places.iter().map(|place| &**place).chain([Path::new("node_modules/.bin"), Path::new("")])
    {
        let (one, other) = with_planted(&home, planted, &home.path("work"));
        assert_eq!((&one, &other), (&format!("{CANARY}real\n"), &one), "{}", planted.display());
    }
    assert_eq!(home.status()["entries"].as_array().map(Vec::len), Some(1));
}

#[test]
fn surroundings_that_others_could_stand_behind_are_shared_with_none() {
    let home = Home::new();
    let bus = home.script("key.sh", &format!("echo {CANARY}${{DBUS_SESSION_BUS_ADDRESS:-none}}"));
    home.user_settings(&bus, &[]);
    let _daemon = home.daemon();
    let token = |address: &str| {
        let mut command = home.claviger(&["token"]);
        text(&command.env("DBUS_SESSION_BUS_ADDRESS", address).output().expect("claviger runs").stdout)
    };
    let own = format!("unix:path={}", home.path("run/bus").display());
    assert_eq!(token("tcp:host=evil.example"), format!("{CANARY}tcp:host=evil.example\n"));
    assert_eq!(token(&own), format!("{CANARY}{own}\n"));
    assert_eq!(token("unix:abstract=other"), format!("{CANARY}{own}\n"), "the first run is for all");
    assert_eq!(token("unix:path=work/bus"), format!("{CANARY}unix:path=work/bus\n"));
    // What an undecided project has is not shared, either.
    let project = format!("unix:path={}", home.path("work/bus").display());
    assert_eq!(token(&project), format!("{CANARY}{project}\n"));
    assert_eq!(home.status()["entries"].as_array().map(Vec::len), Some(4));
}

#[test]
fn many_terminals_share_one_run_of_a_credential_process() {
    let home = Home::new();
    let keys = format!(r#""AccessKeyId":"AKIAX","SecretAccessKey":"{CANARY}s","SessionToken":"t""#);
    helper(&home, &format!(r#"{{"Version":1,{keys}}}"#));
    let process = home.path("helper.sh").display().to_string();
    home.write("home/.aws/config", &format!("[default]\ncredential_process = {process}\n"));
    let _daemon = home.daemon();
    shared_by_all(&home, &["aws"], &format!("{CANARY}s"));
}

#[test]
fn a_fake_program_on_one_path_answers_no_other_sessions_credential_process() {
    let home = Home::new();
    let printing = |what: &str| {
        format!("echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAX\",\"SecretAccessKey\":\"{CANARY}{what}\"}}'")
    };
    let real = home.script("tools/keys", &printing("real"));
    let fake = home.script("fake/keys", &printing("fake"));
    home.write("home/.aws/config", "[default]\ncredential_process = keys\n");
    let _daemon = home.daemon();
    let secret = |directories: &[&Path]| {
        let mut path: Vec<_> =
            directories.iter().map(|program| program.parent().expect("a parent")).collect();
        path.extend([Path::new("/usr/bin"), Path::new("/bin")]);
        let path = std::env::join_paths(path).expect("a PATH");
        let output = home.claviger(&["aws"]).env("PATH", path).output().expect("claviger runs");
        let keys: serde_json::Value = serde_json::from_slice(&output.stdout).expect("keys");
        keys["SecretAccessKey"].as_str().expect("a secret").to_owned()
    };
    assert_eq!(secret(&[&fake, &real]), format!("{CANARY}fake"));
    assert_eq!(secret(&[&real]), format!("{CANARY}real"));
    assert_eq!(secret(&[&real, &fake]), format!("{CANARY}real"));
    assert_eq!(home.status()["entries"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_keeps_two_rows_apart_is_said() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    assert!(!home.ok(&["status"]).contains("kept apart"));
    let proxied = |arguments: &[&str]| {
        let mut command = home.claviger(arguments);
        command.env("HTTPS_PROXY", "http://proxy.example:1").env("NO_PROXY", "x").env("LANG", "C.UTF-8");
        text(&command.output().expect("claviger runs").stdout)
    };
    proxied(&["token"]);
    let line = "kept apart from another by HTTPS_PROXY, NO_PROXY";
    let status = home.ok(&["status"]);
    assert_eq!(status.matches(line).count(), 2, "{status}");
    assert!(proxied(&["explain"]).contains(line));
    assert_eq!(home.status()["entries"][0]["apart"], serde_json::json!(["HTTPS_PROXY", "NO_PROXY"]));
}

#[test]
fn what_a_well_known_helper_reads_reaches_it_and_is_its_identity() {
    let home = Home::new();
    let key = home.script(
        "key.sh",
        &format!("echo run >> {}; echo $VAULT_TOKEN@$VAULT_ADDR", home.path("runs").display()),
    );
    home.user_settings(&key, &[]);
    let _daemon = home.daemon();
    let token = |secret: &str| {
        let mut command = home.claviger(&["token"]);
        command.env("VAULT_TOKEN", format!("{CANARY}{secret}")).env("VAULT_ADDR", "https://vault.example");
        command.env("OTHER_TOKEN", format!("{CANARY}other"));
        text(&command.output().expect("claviger runs").stdout)
    };
    for secret in ["one", "two", "one"] {
        assert_eq!(token(secret), format!("{CANARY}{secret}@https://vault.example\n"));
    }
    assert_eq!(runs(&home).len(), 2);
    let status = home.ok(&["status"]);
    assert!(status.contains("kept apart from another by VAULT_TOKEN"), "{status}");
}

#[test]
fn another_time_to_live_is_no_other_run() {
    let home = Home::new();
    let helper = home.counting_helper("key", 0.0);
    let _daemon = home.daemon();
    for life in ["300000", "600000"] {
        home.user_settings(&helper, &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", life)]);
        home.ok(&["token"]);
    }
    assert_eq!((home.runs("key"), home.status()["entries"].as_array().map(Vec::len)), (1, Some(1)));
}
