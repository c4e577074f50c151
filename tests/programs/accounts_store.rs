//! The file store when its files are not as they should be, and when the disk is full or read-only.

use claviger::{
    proto::v1::StorePlace::File as InFile,
    reason::{Problem, Reason},
};
use claviger_tests::{
    CANARY, Home,
    accounts::{fresh_token, list, log_out, save, server, sign_in_config, token},
    disk::Disk,
    secret,
};
use nix::sys::stat::Mode;
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

const STATE: &str = "home/.local/state/claviger";
const RECORD: &str = "home/.local/state/claviger/accounts/work.account";
const KEY: &str = "home/.local/state/claviger/accounts/key";
const LIST: &str = "home/.local/state/claviger/accounts.json";
const CONFIG: &str = "home/.config/claviger/config.toml";

/// A home with the account `work`, and no daemon.
fn with_account() -> Home {
    let home = Home::new();
    home.write(CONFIG, "[daemon]\nstore = \"file\"\n");
    let daemon = home.daemon();
    save(&home, "work", &secret("one"), InFile).expect("saved");
    drop(daemon);
    home
}

type Damage = Box<dyn Fn(&Path)>;

fn put(bytes: Vec<u8>) -> Damage {
    Box::new(move |path| fs::write(path, &bytes).expect("written"))
}

/// What can be in the place of a file, and one word of what is said of it.
fn damages(good: &[u8]) -> Vec<(Damage, &'static str)> {
    let mut flipped = good.to_vec();
    *flipped.last_mut().expect("a byte") ^= 1;
    let mut all: Vec<(Damage, &str)> = vec![
        (put(flipped), ""),
        (put(b"{}".to_vec()), ""),
        (Box::new(|path| mode(path, 0o644)), "other users"),
        (
            Box::new(|path| {
                fs::rename(path, path.with_extension("away")).expect("renamed");
                symlink(path.with_extension("away"), path).expect("a symlink");
            }),
            "symlink",
        ),
        (
            Box::new(|path| {
                fs::remove_file(path).expect("removed");
                fs::create_dir(path).expect("a directory");
            }),
            "not a regular file",
        ),
        (
            Box::new(|path| {
                fs::remove_file(path).expect("removed");
                nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe");
            }),
            "not a regular file",
        ),
    ];
    all.extend(
        [0, 1, 4, 5, 16, 17, good.len() / 2, good.len() - 1].map(|len| (put(good[..len].to_vec()), "")),
    );
    all
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

fn fix(path: &Path, good: &[u8]) {
    if path.is_dir() {
        fs::remove_dir(path).expect("removed");
    } else {
        drop(fs::remove_file(path));
    }
    fs::write(path, good).expect("written");
    mode(path, 0o600);
}

/// The problem names the file, and says what to do.
fn is_told(problem: &Problem, path: &Path, says: &str) {
    assert_eq!(problem.reason, Reason::SettingsInvalid, "{problem}");
    let location = problem.location.as_ref().map_or(String::new(), |at| at.file.clone());
    let text = format!("{problem} {location}");
    assert!(text.contains(&path.display().to_string()) && text.contains(says), "{text}: {says}");
    assert!(problem.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{problem}");
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn a_record_that_is_not_as_it_was_is_told_and_works_again_once_mended() {
    let home = with_account();
    let path = home.path(RECORD);
    let good = fs::read(&path).expect("a record");
    let newer = (put([b"CLV2", &good[4..]].concat()), "newer");
    for (damage, says) in damages(&good).into_iter().chain([newer]) {
        damage(&path);
        is_told(&fresh_token(&home).expect_err(says), &path, says);
        fix(&path, &good);
        assert_eq!(fresh_token(&home).expect("a token"), secret("one"), "{says}");
    }
    // What is merely damaged can be replaced.
    fs::write(&path, "damaged").expect("written");
    let _daemon = home.daemon();
    save(&home, "work", &secret("two"), InFile).expect("saved");
    assert_eq!(token(&home).expect("a token"), secret("two"));
}

#[test]
fn a_key_that_is_not_as_it_was_is_told_and_works_again_once_mended() {
    let home = with_account();
    let (path, record) = (home.path(KEY), home.path(RECORD));
    let good = fs::read(&path).expect("a key");
    let cases: [(Damage, &Path, &str); 5] = [
        (Box::new(|path| fs::remove_file(path).expect("removed")), &record, "key is gone"),
        (put(good[..31].to_vec()), &path, "too short"),
        (put(vec![7; 32]), &record, "another key"),
        (Box::new(|path| mode(path, 0o640)), &path, "other users"),
        (Box::new(symlink_to_itself), &path, "symlink"),
    ];
    for (damage, named, says) in cases {
        damage(&path);
        is_told(&fresh_token(&home).expect_err(says), named, says);
        fix(&path, &good);
        assert_eq!(fresh_token(&home).expect("a token"), secret("one"), "{says}");
    }
}

fn symlink_to_itself(path: &Path) {
    fs::remove_file(path).expect("removed");
    symlink(path, path).expect("a symlink");
}

#[test]
fn a_list_that_is_not_as_it_was_is_told_and_keeps_new_secrets_out() {
    let home = with_account();
    let (path, record) = (home.path(LIST), home.path(RECORD));
    let good = fs::read(&path).expect("a list");
    let kept = fs::read(&record).expect("a record");
    let newer = String::from_utf8(good.clone()).expect("text").replace("\"version\": 1", "\"version\": 2");
    let all = damages(&good).into_iter().chain([(put(newer.into_bytes()), "version 2")]);
    for (damage, says) in all {
        damage(&path);
        let daemon = home.daemon();
        is_told(&list(&home).expect_err(says), &path, says);
        is_told(&token(&home).expect_err(says), &path, says);
        is_told(&save(&home, "work", &secret("x"), InFile).expect_err(says), &path, says);
        assert_eq!(fs::read(&record).expect("a record"), kept, "{says}");
        fix(&path, &good);
        assert_eq!(list(&home).expect("a list").len(), 1);
        assert_eq!(token(&home).expect("a token"), secret("one"), "{says}");
        drop(daemon);
    }
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_nothing_is_lost() {
    let home = Home::new();
    let Some(disk) = Disk::mount(&home.path(STATE), 1) else { return };
    let server = server(|| {});
    home.write(CONFIG, &sign_in_config(&server, "file"));
    let _daemon = home.daemon();
    home.ok(&["login", "--device"]);
    assert_eq!(token(&home).expect("a token"), secret("access-1"));
    for trouble in ["full", "read-only"] {
        let (before, count) = (fs::read(home.path(RECORD)).expect("a record"), server.count("/token"));
        match trouble {
            "full" => disk.fill(),
            _ => disk.make_read_only(),
        }
        let refused = save(&home, "new", &secret("new"), InFile).expect_err(trouble);
        assert_eq!(refused.reason, Reason::SourceUnavailable, "{refused}");
        assert!(refused.location.is_some_and(|at| at.file.contains(STATE)), "{trouble}");
        assert!(refused.hint.is_some(), "{trouble}");
        // Nothing is asked of a server whose answer could not be kept.
        let stderr = home.run(&["refresh"]).stderr;
        assert!(claviger_tests::text(&stderr).contains(STATE), "{}", claviger_tests::text(&stderr));
        let stderr = home.fails(6, &["login", "--device"]);
        assert!(stderr.contains(STATE), "{stderr}");
        assert_eq!(server.count("/token"), count, "{trouble}");
        assert_eq!(fs::read(home.path(RECORD)).expect("a record"), before, "{trouble}");
        disk.fix();
        home.ok(&["refresh"]);
        assert_eq!(server.count("/token"), count + 1, "{trouble}");
        save(&home, "new", &secret("new"), InFile).expect("saved");
        log_out(&home, "new").expect("out");
    }
}

#[test]
fn a_credential_of_the_service_manager_seals_the_store() {
    let mut home = with_account();
    let credential =
        home.write("credentials/claviger-store-key", &format!("{CANARY}{}", "0123456789".repeat(4)));
    let plain = home.path("no-credentials");
    home.set("CREDENTIALS_DIRECTORY", &home.path("credentials").display().to_string());
    // What was sealed before is read, and what is written now needs the credential.
    assert_eq!(fresh_token(&home).expect("a token"), secret("one"));
    let daemon = home.daemon();
    save(&home, "work", &secret("two"), InFile).expect("saved");
    drop(daemon);
    fs::remove_file(home.path(KEY)).expect("removed");
    assert_eq!(fresh_token(&home).expect("a token"), secret("two"));
    assert!(!home.path(KEY).exists());
    home.set("CREDENTIALS_DIRECTORY", &plain.display().to_string());
    let problem = fresh_token(&home).expect_err("sealed");
    is_told(&problem, &home.path(RECORD), "credential of the service manager");
    assert!(problem.hint.is_some_and(|hint| hint.contains("LoadCredential")));
    home.set("CREDENTIALS_DIRECTORY", &home.path("credentials").display().to_string());
    fs::write(&credential, "short").expect("written");
    is_told(&fresh_token(&home).expect_err("short"), &credential, "too short");
    home.scan();
}

#[test]
fn files_are_closed_whatever_the_umask_and_what_a_kill_left_is_removed() {
    let home = Home::new();
    let _daemon = home.daemon_by(Path::new("/bin/sh"), &["-c", "umask 0; exec \"$@\"", "sh"]);
    save(&home, "work", &secret("one"), InFile).expect("saved");
    let left = home.write("home/.local/state/claviger/accounts/.work.account.new", "left");
    for path in home.files(STATE) {
        let found = fs::metadata(&path).expect("metadata").permissions().mode() & 0o7777;
        let is_ours = path.file_name().is_some_and(|name| name != ".work.account.new");
        assert!(!is_ours || found == 0o600, "{}: {found:o}", path.display());
    }
    for below in [STATE, "home/.local/state/claviger/accounts"] {
        let found = fs::metadata(home.path(below)).expect("metadata").permissions().mode() & 0o7777;
        assert_eq!(found, 0o700, "{below}");
    }
    log_out(&home, "work").expect("out");
    assert!(!left.exists() && !home.path(RECORD).exists());
}
