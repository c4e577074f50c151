//! What a decision about a workspace is tied to: this very directory, found without believing a byte of it.

use claviger_tests::{CANARY, Home};
use std::{fs, os::unix::fs::symlink};

/// A workspace `name` whose project helper leaves a mark, trusted.
fn trusted(home: &Home, name: &str) {
    planted(home, name);
    grant(home, name);
    assert_eq!(at(home, name, &["token"]), format!("{CANARY}key-1\n"));
}

fn planted(home: &Home, name: &str) {
    let helper = home.counting_helper("key", 0.0);
    home.write(&format!("{name}/.claude/settings.json"), &claviger_tests::settings(&helper, &[]));
}

fn grant(home: &Home, name: &str) {
    home.grant(&["--cwd", home.path(name).to_str().expect("path")]);
}

fn at(home: &Home, name: &str, arguments: &[&str]) -> String {
    let path = home.path(name);
    home.ok(&[&["--cwd", path.to_str().expect("path")], arguments].concat())
}

#[track_caller]
fn untrusted(home: &Home, name: &str) {
    let path = home.path(name);
    let runs = home.runs("key");
    let stderr = home.fails(4, &["--cwd", path.to_str().expect("path"), "token"]);
    assert!(stderr.contains("`claviger --cwd /") && stderr.contains(" trust grant`"), "{stderr}");
    assert_eq!(home.runs("key"), runs);
}

#[test]
fn moving_a_workspace_away_or_another_one_in_its_place_ends_trust() {
    let home = Home::new();
    let _daemon = home.daemon();
    trusted(&home, "one");
    fs::rename(home.path("one"), home.path("moved")).expect("rename");
    untrusted(&home, "moved");
    // The same files under the same name, in another directory.
    let copied =
        std::process::Command::new("cp").arg("-a").arg(home.path("moved")).arg(home.path("one")).status();
    assert!(copied.expect("cp runs").success());
    untrusted(&home, "one");
    fs::remove_dir_all(home.path("one")).expect("remove");
    fs::rename(home.path("moved"), home.path("one")).expect("rename");
    assert_eq!(at(&home, "one", &["token"]), format!("{CANARY}key-1\n"));
}

#[test]
fn a_symlink_leads_to_the_workspace_it_points_to() {
    let home = Home::new();
    let _daemon = home.daemon();
    trusted(&home, "one");
    planted(&home, "two");
    symlink("one", home.path("link")).expect("symlink");
    assert_eq!(at(&home, "link", &["token"]), format!("{CANARY}key-1\n"));
    fs::remove_file(home.path("link")).expect("remove");
    symlink("two", home.path("link")).expect("symlink");
    untrusted(&home, "link");
    assert_eq!(at(&home, "one", &["token"]), format!("{CANARY}key-1\n"));
}

#[test]
fn a_symlinked_settings_directory_inside_the_workspace_is_still_the_workspaces() {
    let home = Home::new();
    let _daemon = home.daemon();
    planted(&home, "elsewhere");
    fs::create_dir(home.path("one")).expect("directory");
    symlink("../elsewhere/.claude", home.path("one/.claude")).expect("symlink");
    untrusted(&home, "one");
    grant(&home, "one");
    at(&home, "one", &["token"]);
    untrusted(&home, "elsewhere");
}

#[test]
fn a_nested_repository_inherits_nothing() {
    let home = Home::new();
    let _daemon = home.daemon();
    fs::create_dir_all(home.path("one/.git")).expect("directory");
    trusted(&home, "one");
    fs::create_dir_all(home.path("one/vendor/.git")).expect("directory");
    planted(&home, "one/vendor");
    untrusted(&home, "one/vendor");
    // Nor does a folder below the root whose file asks for something else.
    let other = claviger_tests::settings(&home.counting_helper("key", 0.0), &[("A", "b")]);
    home.write("one/below/.claude/settings.json", &other);
    untrusted(&home, "one/below");
}

#[test]
fn a_git_file_that_claims_to_belong_to_a_trusted_repository_inherits_nothing() {
    let home = Home::new();
    let _daemon = home.daemon();
    home.write("one/.git/config", "");
    trusted(&home, "one");
    planted(&home, "evil");
    home.write("evil/.git", &format!("gitdir: {}\n", home.path("one/.git/worktrees/evil").display()));
    untrusted(&home, "evil");
    fs::remove_file(home.path("evil/.git")).expect("remove");
    home.write("evil/.git/commondir", &format!("{}\n", home.path("one/.git").display()));
    untrusted(&home, "evil");
    fs::remove_dir_all(home.path("evil/.git")).expect("remove");
    symlink(home.path("one/.git"), home.path("evil/.git")).expect("symlink");
    untrusted(&home, "evil");
}

#[test]
fn a_git_directory_that_appears_above_makes_another_workspace() {
    let home = Home::new();
    let _daemon = home.daemon();
    trusted(&home, "above/one");
    fs::create_dir(home.path("above/.git")).expect("directory");
    untrusted(&home, "above/one");
    fs::remove_dir(home.path("above/.git")).expect("remove");
    assert_eq!(at(&home, "above/one", &["token"]), format!("{CANARY}key-1\n"));
}

#[test]
fn git_is_never_run() {
    let mut home = Home::new();
    let git = home.script("bin/git", &format!("echo run >> '{}'", home.path("git.runs").display()));
    let bin = git.parent().expect("parent").display().to_string();
    home.set("PATH", &format!("{bin}:/usr/bin:/bin"));
    let _daemon = home.daemon();
    fs::create_dir_all(home.path("one/.git")).expect("directory");
    trusted(&home, "one");
    planted(&home, "two");
    untrusted(&home, "two");
    assert_eq!(home.runs("git"), 0);
}

#[test]
fn in_the_home_directory_the_users_file_is_the_users_and_a_local_one_is_not() {
    let home = Home::new();
    let _daemon = home.daemon();
    planted(&home, "home");
    assert_eq!(at(&home, "home", &["token"]), format!("{CANARY}key-1\n"));
    let planted = home.counting_helper("planted", 0.0);
    home.write("home/.claude/settings.local.json", &claviger_tests::settings(&planted, &[]));
    let path = home.path("home");
    home.fails(4, &["--cwd", path.to_str().expect("path"), "token"]);
    assert_eq!(home.runs("planted"), 0);
    // From anywhere else it belongs to no workspace.
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key-1\n"));
}

#[test]
fn a_configuration_directory_inside_the_workspace_needs_trust_like_the_workspace() {
    let mut home = Home::new();
    let _daemon = home.daemon();
    let helper = home.counting_helper("key", 0.0);
    home.write("work/conf/settings.json", &claviger_tests::settings(&helper, &[]));
    home.set("CLAUDE_CONFIG_DIR", home.path("work/conf").to_str().expect("path"));
    untrusted(&home, "work");
    symlink("work/conf", home.path("innocent")).expect("symlink");
    home.set("CLAUDE_CONFIG_DIR", home.path("innocent").to_str().expect("path"));
    untrusted(&home, "work");
    assert_eq!(home.runs("key"), 0);
    // Seen from another workspace it is the user's own.
    fs::create_dir(home.path("other")).expect("directory");
    assert_eq!(at(&home, "other", &["token"]), format!("{CANARY}key-1\n"));
}
