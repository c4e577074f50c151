//! Settings files and working directories that are broken: a typed error that says what, where and
//! what next, soon; a daemon that lives on; and what was good before still counts.

use claviger::{
    client::{Client, request},
    proto::v1::{GetCredentialRequest, SessionContext},
    wire,
};
use claviger_tests::{CANARY, Home, text};
use serde_json::Value;
use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, chown, lchown, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
    time::Instant,
};

const USER: &str = "home/.claude/settings.json";
const PROJECT: &str = "work/.claude/settings.json";
/// `MAX_SETTINGS`.
const LIMIT: usize = 2 * 1024 * 1024;
const STRANGER: u32 = 65534;

fn good() -> String {
    claviger_tests::settings(Path::new(&format!("echo {CANARY}good")), &[])
}

fn padded(to: usize) -> String {
    let text = good();
    let padding = " ".repeat(to - text.len());
    text + &padding
}

/// Puts something bad at a path where nothing is.
type Plant = fn(&Path);

/// What is planted, and what the error has to say.
const BAD: &[(&str, Plant, &str)] = &[
    ("broken JSON", |path| put(path, "{\"apiKeyHelper\": \"sk-canary-x\""), ""),
    ("a list", |path| put(path, "[]"), "object"),
    ("number as a command", |path| put(path, "{\n  \"apiKeyHelper\": 7\n}"), "apiKeyHelper"),
    ("list as env", |path| put(path, "{\"env\": [\"sk-canary-x\"]}"), "env"),
    ("object as a variable", |path| put(path, "{\"env\": {\"A\": {}}}"), "A"),
    ("NUL in a command", |path| put(path, "{\"apiKeyHelper\": \"a\\u0000b\"}"), "apiKeyHelper"),
    ("a comment", |path| put(path, "{} // sk-canary-x"), ""),
    ("deep nesting", |path| put(path, &"[".repeat(100_000)), ""),
    ("byte order mark", |path| put(path, "\u{feff}{}"), "byte order mark"),
    ("not UTF-8", |path| fs::write(path, b"{\"apiKeyHelper\": \"\xff\"}").expect("file"), "not UTF-8"),
    ("2 MiB and 1", |path| put(path, &padded(LIMIT + 1)), "2 MiB"),
    ("directory", |path| fs::create_dir(path).expect("directory"), "not a regular file"),
    ("FIFO", fifo, "not a regular file"),
    ("socket", |path| drop(UnixListener::bind(path).expect("socket")), "not a regular file"),
    ("device", |path| symlink("/dev/zero", path).expect("symlink"), "not a regular file"),
    ("symlink loop", |path| symlink("settings.json", path).expect("symlink"), "loop"),
];

fn put(path: &Path, text: &str) {
    fs::write(path, text).expect("file");
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

fn remove(path: &Path) {
    drop(fs::remove_file(path).or_else(|_| fs::remove_dir(path)));
}

/// The fetch fails soon, with `settings-invalid` and all that a person needs.
#[track_caller]
fn refused(home: &Home, what: &str, file: &str, says: &str) {
    let start = Instant::now();
    let output = home.run(&["--json", "get"]);
    let stderr = text(&output.stderr);
    claviger_tests::wait::not_held_up(start);
    assert_eq!(output.status.code(), Some(4), "{what}: {stderr}");
    assert!(!stderr.contains(CANARY), "{what}: {stderr}");
    let error: Value = serde_json::from_str::<Value>(&stderr).expect("JSON")["error"].clone();
    assert_eq!(error["reason"], "settings-invalid", "{what}: {error}");
    assert_eq!(error["location"]["file"], *home.path(file).to_string_lossy(), "{what}: {error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(says)), "{what}: {error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.len() > 10), "{what}: {error}");
}

#[track_caller]
fn kept(home: &Home, what: &str) {
    let start = Instant::now();
    assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"), "{what}");
    claviger_tests::wait::not_held_up(start);
    let explained = home.ok(&["--json", "explain"]);
    assert!(explained.contains("kept-last-good") && !explained.contains(CANARY), "{what}: {explained}");
}

#[test]
fn a_bad_user_file_is_refused_and_the_last_good_one_kept() {
    let home = Home::new();
    let daemon = home.daemon();
    let path = home.path(USER);
    for (what, plant, says) in BAD {
        // Absent in between: what was good under the case before is forgotten.
        assert!(home.fails(3, &["token"]).contains("nothing provides"), "{what}");
        plant(&path);
        refused(&home, what, USER, says);
        remove(&path);
        put(&path, &good());
        assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"), "{what}");
        remove(&path);
        // By rename: a deletion that is noticed would revoke it.
        put(&path, &good());
        kept_after(&home, what, *plant);
        remove(&path);
    }
    assert_eq!(home.status()["pid"], daemon.pid());
}

/// Replaces the good file by the bad one in one step.
fn kept_after(home: &Home, what: &str, plant: Plant) {
    home.ok(&["token"]);
    let path = home.path(USER);
    let aside = home.path("aside");
    fs::create_dir(&aside).expect("directory");
    let planted = aside.join("settings.json");
    plant(&planted);
    if planted.is_dir() {
        return fs::remove_dir_all(aside).expect("remove"); // cannot replace a file
    }
    fs::rename(&planted, path).expect("rename");
    fs::remove_dir(aside).expect("remove");
    kept(home, what);
}

#[test]
fn a_bad_project_file_stops_the_sessions_of_that_workspace_only() {
    let home = Home::new();
    home.write(USER, &good());
    let _daemon = home.daemon();
    fs::create_dir_all(home.path("work/.claude")).expect("directory");
    fs::create_dir_all(home.path("other")).expect("directory");
    let (path, other) = (home.path(PROJECT), home.path("other"));
    for (what, plant, says) in BAD {
        plant(&path);
        refused(&home, what, PROJECT, says);
        let elsewhere = home.ok(&["--cwd", other.to_str().expect("path"), "token"]);
        assert_eq!(elsewhere, format!("{CANARY}good\n"), "{what}");
        remove(&path);
        assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"), "{what}");
    }
}

#[test]
fn a_bad_project_file_can_be_ignored_and_not_trusted() {
    let home = Home::new();
    home.write(USER, &good());
    let _daemon = home.daemon();
    fs::create_dir_all(home.path("work/.claude")).expect("directory");
    let path = home.path(PROJECT);
    let foreign: Plant = |path| {
        put(path, &good());
        chown(path, Some(STRANGER), None).expect("chown");
    };
    let foreign = claviger_tests::is_root().then_some(("foreign owner", foreign, "another user"));
    for (what, plant, says) in BAD.iter().copied().chain(foreign) {
        plant(&path);
        assert!(home.fails(4, &["token"]).contains("`trust ignore` ignores the workspace's files"), "{what}");
        let shown = home.ok(&["trust", "show"]);
        assert!(shown.contains("cannot be used") && shown.contains(says), "{what}: {shown}");
        assert!(!shown.contains(CANARY), "{what}: {shown}");
        let refused = home.fails(4, &["trust", "grant", "--digest", &home.digest(&[])]);
        assert!(refused.contains("cannot be trusted"), "{what}: {refused}");
        home.ok(&["trust", "ignore", "--yes"]);
        assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"), "{what}");
        // What it says once it can be read is another question.
        remove(&path);
        put(&path, "{\"apiKeyHelper\": \"evil\"}");
        home.fails(4, &["token"]);
        remove(&path);
        home.ok(&["trust", "revoke"]);
    }
}

#[test]
fn two_mebibytes_are_accepted() {
    let home = Home::new();
    home.write(USER, &padded(LIMIT));
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"));
    let file = home.write("explicit.json", &padded(LIMIT));
    home.ok(&["--bare", "--settings", file.to_str().expect("path"), "token"]);
    home.write("explicit.json", &padded(LIMIT + 1));
    assert!(
        home.fails(6, &["--bare", "--settings", file.to_str().expect("path"), "token"]).contains("2 MiB")
    );
}

#[test]
fn a_file_of_another_user_is_refused() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: only it can give files away");
    }
    let home = Home::new();
    let path = home.write(USER, &good());
    chown(&path, Some(STRANGER), None).expect("chown");
    let _daemon = home.daemon();
    refused(&home, "foreign owner", USER, "another user");
    chown(&path, Some(0), None).expect("chown");
    assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"));
    chown(&path, Some(STRANGER), None).expect("chown");
    kept(&home, "foreign owner");
}

#[test]
fn a_symlink_of_somebody_else_is_refused() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: only it can give files away");
    }
    let home = Home::new();
    let link = home.path(USER);
    symlink(home.write("work/planted.json", &good()), &link).expect("linked");
    lchown(&link, Some(STRANGER), None).expect("chown");
    let _daemon = home.daemon();
    refused(&home, "foreign link", USER, "a symlink that belongs to another user");
    lchown(&link, Some(0), None).expect("chown");
    assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"));
}

#[test]
fn an_unreadable_file_or_directory_is_refused() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: to become another user");
    }
    let home = Home::of(STRANGER);
    let path = home.write(USER, &good());
    let _daemon = home.daemon();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    mode(&path, 0o000);
    refused(&home, "unreadable file", USER, "permission denied");
    mode(&path, 0o644);
    assert_eq!(home.ok(&["token"]), format!("{CANARY}good\n"));
    mode(&path, 0o000);
    kept(&home, "unreadable file");
    mode(&path, 0o644);
    mode(&home.path("home/.claude"), 0o000);
    kept(&home, "unreadable directory");
    mode(&home.path("home/.claude"), 0o755);
}

#[test]
fn a_working_directory_that_is_gone_is_refused_by_the_client() {
    let home = Home::new();
    home.write(USER, &good());
    let _daemon = home.daemon();
    let mut shell = Command::new("sh");
    let client = home.claviger(&[]);
    shell
        .args(["-c", "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" token"])
        .arg(client.get_program());
    shell.env_clear().current_dir(home.path("work"));
    shell.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().expect("sh runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("does not exist") && stderr.contains("--cwd"), "{stderr}");
    home.fails(2, &["--cwd", "no/such/place", "token"]);
    home.fails(2, &["--cwd", home.path(USER).to_str().expect("path"), "token"]);
}

#[test]
fn a_working_directory_that_no_client_would_send_is_refused_by_the_daemon() {
    let home = Home::new();
    home.write(USER, &good());
    let daemon = home.daemon();
    let gone = home.path("gone").display().to_string();
    let file = home.path(USER).display().to_string();
    let long = format!("/{}", "x".repeat(5000));
    claviger_tests::block_on(async {
        let client = Client::connect(&home.socket()).await.expect("connection");
        for cwd in ["", ".", "work", "../work", "/\n", "/a\0b", &gone, &file, &long] {
            let session = SessionContext { working_directory: cwd.to_owned(), ..Default::default() };
            let message = GetCredentialRequest { session: Some(session), min_validity: None, hook: None };
            let status = client.credentials().get_credential(request(message)).await.expect_err("refused");
            let problem = wire::from_status(&status);
            assert_eq!(problem.reason.as_str(), "malformed-request", "{cwd:?}: {problem}");
            assert!(
                problem.message.contains("working") || problem.message.contains("path"),
                "{cwd:?}: {problem}"
            );
        }
    });
    assert_eq!(home.status()["pid"], daemon.pid());
}
