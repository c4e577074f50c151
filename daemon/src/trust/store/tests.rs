//! The store on a real filesystem.

use super::TrustStore;
use crate::{
    settings::{Decision, File, FileState, Layer, Subject, Workspace, parse},
    trust::{Change, compare},
};
use claviger::reason::Reason;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

fn subject(root: &str, text: &str) -> Subject {
    let workspace = Workspace { root: PathBuf::from(root), device: 1, inode: 2 };
    let content = Arc::new(parse::json(Layer::Local, "s.json", text.as_bytes()).expect("valid"));
    let file = File { layer: Layer::Local, path: "s.json".into(), state: FileState::Loaded, content };
    Subject::of(&workspace, &[file], &[]).expect("items")
}

fn helper(command: &str) -> Subject {
    subject("/w", &format!(r#"{{"apiKeyHelper":"{command}"}}"#))
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn home() -> (TempDir, PathBuf) {
    let temp = TempDir::new().expect("a directory");
    let path = temp.path().join("state/claviger/trust.json");
    (temp, path)
}

fn open(path: &Path) -> TrustStore {
    TrustStore::open(path.to_owned()).expect("usable")
}

#[test]
fn a_decision_covers_exactly_its_subject_and_survives() {
    let (_temp, path) = home();
    let store = open(&path);
    let mut changes = store.changes();
    assert_eq!(store.decision(Some(&helper("a"))), Decision::Undecided);
    store.decide(&helper("a"), Decision::Trusted, at(1)).expect("written");
    store.decide(&helper("b"), Decision::Ignored, at(2)).expect("written");
    assert!(changes.has_changed().expect("open"));
    changes.mark_unchanged();
    for store in [&store, &open(&path)] {
        assert_eq!(store.decision(Some(&helper("a"))), Decision::Trusted);
        assert_eq!(store.decision(Some(&helper("b"))), Decision::Ignored);
        assert_eq!(store.decision(Some(&helper("c"))), Decision::Undecided);
        assert_eq!(store.decision(Some(&Subject { inode: 3, ..helper("a") })), Decision::Undecided);
        assert_eq!(store.decision(Some(&Subject { root: "/v".into(), ..helper("a") })), Decision::Undecided);
        assert_eq!(store.decision(None), Decision::Undecided);
        assert_eq!(store.last_for_root(Path::new("/w")).expect("recorded").digest, helper("b").digest);
    }
    store.decide(&helper("b"), Decision::Undecided, at(3)).expect("written");
    assert_eq!(store.decision(Some(&helper("b"))), Decision::Undecided);
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn revoking_forgets_all_of_a_root_and_nothing_else() {
    let (_temp, path) = home();
    let store = open(&path);
    let other = subject("/x", r#"{"apiKeyHelper":"a"}"#);
    for (subject, seconds) in [(&helper("a"), 1), (&helper("b"), 2), (&other, 3)] {
        store.decide(subject, Decision::Trusted, at(seconds)).expect("written");
    }
    assert_eq!(store.revoke(Path::new("/w")), Ok(2));
    let changes = store.changes();
    assert_eq!(store.revoke(Path::new("/w")), Ok(0));
    assert!(!changes.has_changed().expect("open"), "nothing was revoked, so nothing changed");
    let reopened = open(&path);
    assert_eq!(
        reopened.list().iter().map(|record| record.root.as_path()).collect::<Vec<_>>(),
        [Path::new("/x")]
    );
    assert_eq!(reopened.decision(Some(&other)), Decision::Trusted);
}

#[test]
fn old_decisions_about_a_root_are_forgotten_in_the_end() {
    let (_temp, path) = home();
    let store = open(&path);
    for n in 0..=super::MAX_PER_ROOT as u64 {
        store.decide(&helper(&n.to_string()), Decision::Trusted, at(n)).expect("written");
    }
    assert_eq!(store.list().len(), super::MAX_PER_ROOT);
    assert_eq!(store.decision(Some(&helper("0"))), Decision::Undecided);
    assert_eq!(store.decision(Some(&helper("1"))), Decision::Trusted);
}

#[test]
fn a_file_that_is_not_safely_ours_is_refused_and_left_alone() {
    let (temp, path) = home();
    let subject = helper("a");
    open(&path).decide(&subject, Decision::Trusted, at(1)).expect("written");
    let good = fs::read(&path).expect("there");
    let newer = String::from_utf8(good.clone()).expect("text").replace("\"version\": 1", "\"version\": 2");
    let cut = good[..good.len() / 2].to_vec();
    for (what, bytes, mode) in [
        ("corrupt", b"{".to_vec(), 0o600),
        ("empty", Vec::new(), 0o600),
        ("cut short", cut, 0o600),
        ("newer", newer.into_bytes(), 0o600),
        ("world-readable", good.clone(), 0o604),
        ("group-writable", good.clone(), 0o620),
    ] {
        fs::write(&path, &bytes).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let problem = TrustStore::open(path.clone()).expect_err(what);
        assert_eq!(problem.reason, Reason::SettingsInvalid, "{what}");
        let store = TrustStore::closed(path.clone(), problem.clone());
        assert_eq!(store.decision(Some(&subject)), Decision::Undecided, "{what}");
        assert_eq!(store.decide(&subject, Decision::Trusted, at(2)), Err(problem), "{what}");
        assert_eq!(fs::read(&path).expect("there"), bytes, "{what}: overwritten");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    }
    fs::remove_file(&path).expect("removed");
    let target = temp.path().join("target.json");
    fs::write(&target, &good).expect("written");
    symlink(&target, &path).expect("linked");
    assert_eq!(TrustStore::open(path.clone()).expect_err("symlink").reason, Reason::SettingsInvalid);
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("created");
    assert_eq!(TrustStore::open(path.clone()).expect_err("directory").reason, Reason::SettingsInvalid);
}

#[test]
fn a_file_of_another_user_is_refused() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let (_temp, path) = home();
    open(&path).decide(&helper("a"), Decision::Trusted, at(1)).expect("written");
    std::os::unix::fs::chown(&path, Some(65534), None).expect("given away");
    assert_eq!(TrustStore::open(path).expect_err("foreign").reason, Reason::SettingsInvalid);
}

#[test]
fn a_mended_file_is_used_again_with_all_it_had() {
    let (_temp, path) = home();
    open(&path).decide(&helper("a"), Decision::Trusted, at(1)).expect("written");
    let good = fs::read(&path).expect("there");
    fs::write(&path, "{").expect("written");
    let store = TrustStore::closed(path.clone(), TrustStore::open(path.clone()).expect_err("corrupt"));
    fs::write(&path, good).expect("written");
    store.decide(&helper("b"), Decision::Trusted, at(2)).expect("fixed");
    assert_eq!(store.fault(), None);
    assert_eq!(store.decision(Some(&helper("a"))), Decision::Trusted);
}

#[test]
fn a_symlink_put_in_the_way_later_is_not_written_through() {
    let (temp, path) = home();
    let store = open(&path);
    store.decide(&helper("a"), Decision::Trusted, at(1)).expect("written");
    let victim = temp.path().join("victim");
    fs::write(&victim, "mine").expect("written");
    fs::remove_file(&path).expect("removed");
    symlink(&victim, &path).expect("linked");
    assert!(store.decide(&helper("b"), Decision::Trusted, at(2)).is_err());
    assert_eq!(store.decision(Some(&helper("b"))), Decision::Undecided, "not on disk, so not in effect");
    assert_eq!(fs::read(&victim).expect("there"), b"mine");
}

#[test]
fn what_a_writer_killed_before_the_rename_left_is_harmless() {
    let (_temp, path) = home();
    open(&path).decide(&helper("a"), Decision::Trusted, at(1)).expect("written");
    let leftover = path.with_file_name(".trust.json.new");
    fs::write(&leftover, "{\"version\": 1, \"rec").expect("written");
    let store = open(&path);
    assert_eq!(store.decision(Some(&helper("a"))), Decision::Trusted);
    store.decide(&helper("b"), Decision::Trusted, at(2)).expect("written");
    assert!(!leftover.exists());
    assert_eq!(open(&path).list().len(), 2);
}

#[test]
fn comparing_says_what_changed_since() {
    let before = subject("/w", r#"{"apiKeyHelper":"old","env":{"SAME":"1","GONE":"g","MY_TOKEN":"one"}}"#);
    let after = subject("/w", r#"{"apiKeyHelper":"new","env":{"SAME":"1","FRESH":"f","MY_TOKEN":"two"}}"#);
    let (_temp, path) = home();
    let store = open(&path);
    store.decide(&before, Decision::Trusted, at(1)).expect("written");
    let compared = compare(&after, store.last_for_root(Path::new("/w")).as_ref());
    let compared: Vec<_> = compared
        .iter()
        .map(|(item, change, before)| (item.name.as_str(), *change, before.as_deref()))
        .collect();
    let expected = [
        ("apiKeyHelper", Change::Modified, Some("old")),
        ("env.FRESH", Change::Added, None),
        ("env.MY_TOKEN", Change::Modified, Some("(secret)")),
        ("env.SAME", Change::None, None),
        ("env.GONE", Change::Removed, Some("g")),
    ];
    assert_eq!(compared, expected);
    assert!(compare(&after, None).iter().all(|(_, change, _)| *change == Change::Added));
    assert!(!fs::read_to_string(&path).expect("there").contains("\"one\""), "a secret was stored");
}
