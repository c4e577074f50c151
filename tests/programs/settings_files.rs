//! Settings files that change under a running daemon: the very next fetch is right, and an open watch stream is told
//! within 200 ms.

use claviger_tests::{CANARY, Home, secret, wait, watch::Watch};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

const USER: &str = "home/.claude/settings.json";
/// How soon a watcher must know.
const SOON: Duration = Duration::from_millis(200);
/// So often at least. The best of them counts: a machine that is busy with something else proves nothing.
const TRIES: usize = 3;
/// So often at most, until one was soon enough.
const MOST_TRIES: usize = 20;

/// Whether another try is due.
fn goes_on(times: &[Duration]) -> bool {
    times.len() < TRIES || times.len() < MOST_TRIES && times.iter().all(|time| *time >= SOON)
}

/// Settings whose helper prints [`secret`] of `name`.
fn settings(name: &str) -> String {
    claviger_tests::settings(Path::new(&format!("echo {}", secret(name))), &[])
}

fn token(home: &Home) -> String {
    home.ok(&["token"]).trim_end().to_owned()
}

/// Makes edits that lead to a new secret: each time the next fetch is right, and once an open watch stream learns of it soon
/// enough.
fn follow(what: &str, home: &Home, edit: impl Fn(&str)) {
    let _turn = claviger_tests::turn::take();
    edit("zero");
    let _daemon = home.daemon();
    let watch = Watch::start(home, &[]);
    watch.issued(&secret("zero"));
    let mut times = Vec::new();
    while goes_on(&times) {
        let number = times.len();
        let name = format!("told-{number}");
        let start = Instant::now();
        edit(&name);
        times.push(watch.issued(&secret(&name)) - start);
        assert_eq!(token(home), secret(&name), "{what}");
        let name = format!("asked-{number}");
        edit(&name);
        assert_eq!(token(home), secret(&name), "{what}: the very next fetch");
        watch.issued(&secret(&name));
    }
    soon_enough(what, &times);
}

fn soon_enough(what: &str, times: &[Duration]) {
    let best = times.iter().min().expect("tries");
    eprintln!("{what}: a watcher knew after {best:.0?} (all: {times:.0?})");
    assert!(*best < SOON, "{what}: {times:?}");
}

#[test]
fn edited_by_atomic_rename() {
    let home = Home::new();
    follow("atomic rename", &home, |name| home.replace(USER, &settings(name)));
}

#[test]
fn edited_in_place() {
    let home = Home::new();
    follow("in place", &home, |name| drop(home.write(USER, &settings(name))));
}

#[test]
fn edited_through_a_symlinked_file() {
    let home = Home::new();
    home.write("dotfiles/claude.json", &settings("zero"));
    symlink("../../dotfiles/claude.json", home.path(USER)).expect("symlink");
    follow("symlinked file, in place", &home, |name| {
        drop(home.write("dotfiles/claude.json", &settings(name)));
    });
}

#[test]
fn edited_by_atomic_rename_behind_a_symlink() {
    let home = Home::new();
    home.write("dotfiles/claude.json", &settings("zero"));
    symlink(home.path("dotfiles/claude.json"), home.path(USER)).expect("symlink");
    follow("symlinked file, renamed", &home, |name| home.replace("dotfiles/claude.json", &settings(name)));
}

#[test]
fn a_symlink_pointed_elsewhere() {
    let home = Home::new();
    follow("another target", &home, |name| {
        home.write(&format!("dotfiles/{name}.json"), &settings(name));
        symlink(home.path(format!("dotfiles/{name}.json")), home.path("home/.claude/fresh"))
            .expect("symlink");
        fs::rename(home.path("home/.claude/fresh"), home.path(USER)).expect("rename");
    });
}

#[test]
fn edited_in_a_symlinked_directory() {
    let home = Home::new();
    fs::remove_dir(home.path("home/.claude")).expect("remove");
    fs::create_dir_all(home.path("dotfiles/claude")).expect("directory");
    symlink("../dotfiles/claude", home.path("home/.claude")).expect("symlink");
    follow("symlinked directory", &home, |name| {
        home.replace("dotfiles/claude/settings.json", &settings(name))
    });
}

/// Lets `make` create the settings while a watcher waits, undoes it with `undo`, and so on. Deleting revokes at once.
fn come_and_go(what: &str, home: &Home, make: impl Fn(&str), undo: impl Fn()) {
    let _turn = claviger_tests::turn::take();
    let _daemon = home.daemon();
    let watch = Watch::start(home, &[]);
    watch.told("problem", "no-credential");
    let (mut came, mut went) = (Vec::new(), Vec::new());
    while goes_on(&came) || goes_on(&went) {
        let name = format!("{}", came.len());
        let start = Instant::now();
        make(&name);
        came.push(watch.issued(&secret(&name)) - start);
        assert_eq!(token(home), secret(&name), "{what}");
        let start = Instant::now();
        undo();
        let stderr = home.fails(3, &["token"]);
        assert!(stderr.contains("nothing provides a credential"), "{what}: {stderr}");
        went.push(watch.told("problem", "no-credential") - start);
        make("again");
        assert_eq!(token(home), secret("again"), "{what}");
        watch.issued(&secret("again"));
        undo();
        watch.told("problem", "no-credential");
    }
    soon_enough(&format!("{what}, created"), &came);
    soon_enough(&format!("{what}, deleted"), &went);
}

#[test]
fn a_file_created_later_and_deleted() {
    let home = Home::new();
    let make = |name: &str| drop(home.write(USER, &settings(name)));
    come_and_go("the file", &home, make, || fs::remove_file(home.path(USER)).expect("remove"));
}

#[test]
fn a_whole_directory_created_later_and_deleted() {
    let home = Home::new();
    fs::remove_dir(home.path("home/.claude")).expect("remove");
    let make = |name: &str| drop(home.write(USER, &settings(name)));
    come_and_go("the directory", &home, make, || {
        fs::remove_dir_all(home.path("home/.claude")).expect("remove")
    });
}

#[test]
fn a_directory_moved_in_and_away() {
    let home = Home::new();
    fs::rename(home.path("home/.claude"), home.path("aside")).expect("rename");
    let make = |name: &str| {
        home.write("aside/settings.json", &settings(name));
        fs::rename(home.path("aside"), home.path("home/.claude")).expect("rename");
    };
    let undo = || fs::rename(home.path("home/.claude"), home.path("aside")).expect("rename");
    come_and_go("a moved directory", &home, make, undo);
}

#[test]
fn a_broken_file_leaves_the_last_good_one_in_force_and_says_so() {
    let home = Home::new();
    home.replace(USER, &settings("good"));
    let _daemon = home.daemon();
    let watch = Watch::start(&home, &[]);
    watch.issued(&secret("good"));
    home.replace(USER, "{\n  \"apiKeyHelper\": \"echo sk-canary-x\",\n  \"env\": {]\n}\n");
    assert_eq!(token(&home), secret("good"));
    let explained: Value = serde_json::from_str(&home.ok(&["--json", "explain"])).expect("JSON");
    let files = explained["files"].as_array().expect("files");
    let file = files.iter().find(|file| file["layer"] == "user").expect("user layer");
    assert_eq!(file["state"], "kept-last-good", "{file}");
    let at = &file["problem"]["location"];
    assert_eq!((&at["file"], &at["line"]), (&file["file"], &Value::from(3)), "{file}");
    assert_eq!(at["column"], 11, "{file}");
    let shown = home.ok(&["explain"]);
    assert!(shown.contains("settings.json:3:11") && !shown.contains(CANARY), "{shown}");
    // What was deleted is gone, even if it was broken when it went.
    fs::remove_file(home.path(USER)).expect("remove");
    home.fails(3, &["token"]);
    watch.told("problem", "no-credential");
    let start = Instant::now();
    home.replace(USER, &settings("fixed"));
    let time = watch.issued(&secret("fixed")) - start;
    eprintln!("fixed: a watcher knew after {time:.0?}");
    assert_eq!(token(&home), secret("fixed"));
}

#[test]
fn a_broken_file_that_never_was_good_stops_until_it_is_mended() {
    let home = Home::new();
    home.replace(USER, "{\n  \"apiKeyHelper\": \"echo sk-canary-x\n}\n");
    let daemon = home.daemon();
    let watch = Watch::start(&home, &[]);
    watch.told("human-needed", "settings-invalid");
    let stderr = home.fails(4, &["token"]);
    assert!(stderr.contains("settings.json:2:") && !stderr.contains(CANARY), "{stderr}");
    let start = Instant::now();
    home.replace(USER, &settings("fixed"));
    let time = watch.issued(&secret("fixed")) - start;
    eprintln!("fixed: a watcher knew after {time:.0?}");
    assert_eq!(token(&home), secret("fixed"));
    assert_eq!(home.status()["pid"], daemon.pid());
}

#[test]
fn an_edit_ends_the_background_refresh_of_what_it_replaced() {
    let home = Home::new();
    let ttl = [("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "2000")];
    home.user_settings(&home.counting_helper("old", 0.0), &ttl);
    let _daemon = home.daemon();
    let watch = Watch::start(&home, &[]);
    watch.issued(&secret("old-1"));
    home.user_settings(&home.counting_helper("new", 0.0), &ttl);
    watch.issued(&secret("new-1"));
    let runs = home.runs("old");
    wait::until("the new one was refreshed twice", || home.runs("new") >= 3);
    assert_eq!(home.runs("old"), runs, "the old one was refreshed in the background");
}
