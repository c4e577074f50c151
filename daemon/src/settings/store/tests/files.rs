//! One file: the next call sees every edit, and forbidden files are refused.

use crate::{
    host::files::MAX_SETTINGS,
    settings::{
        File, FileState,
        test_home::{MANAGED, PROJECT, TestHome, USER, skip_unless_root},
    },
};
use claviger::remedy::Remedy;
use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, chown, symlink},
};

#[tokio::test]
async fn every_way_to_edit_a_file_is_seen_by_the_next_call() {
    let house = TestHome::new();
    house.expect(PROJECT, "absent", "").await;
    house.helper(PROJECT, "created");
    house.expect(PROJECT, "loaded", "created").await;
    for n in 0..50 {
        house.helper(PROJECT, &format!("in-place-{n:02}"));
        house.expect(PROJECT, "loaded", &format!("in-place-{n:02}")).await;
    }
    house.helper("home/new.json", "renamed");
    fs::rename(house.path("home/new.json"), house.path(PROJECT)).expect("renamed");
    house.expect(PROJECT, "loaded", "renamed").await;
    let session = house.session();
    house.settle(&session).await;
    house.helper(PROJECT, "in-place-settled");
    house.expect(PROJECT, "loaded", "in-place-settled").await;
    house.settle(&session).await;
    fs::remove_file(house.path(PROJECT)).expect("removed");
    house.expect(PROJECT, "absent", "").await;
    house.helper(PROJECT, "again");
    house.expect(PROJECT, "loaded", "again").await;
    house.settle(&session).await;
    fs::remove_dir_all(house.path("home/work/.claude")).expect("removed");
    house.expect(PROJECT, "absent", "").await;
    house.write(PROJECT, "");
    house.expect(PROJECT, "loaded", "").await;
}

#[tokio::test]
async fn what_others_can_write_is_the_users_no_more() {
    let house = TestHome::new();
    house.helper(PROJECT, "p");
    house.helper(USER, "u");
    let open = |path: &str, mode| {
        fs::set_permissions(house.path(path), fs::Permissions::from_mode(mode)).expect("mode");
    };
    for mode in [0o602, 0o666, 0o646] {
        open(USER, mode);
        house.expect(USER, "invalid", "").await;
        let snapshot = house.snapshot().await;
        let problem = snapshot.files.iter().find_map(|file| match &file.state {
            FileState::Invalid(problem) => problem.remedy.clone(),
            _ => None,
        });
        assert_eq!(problem, Some(Remedy::permit("go-w", &house.path(USER))));
        open(USER, 0o644);
        house.expect(USER, "loaded", "u").await;
        fs::remove_file(house.path(USER)).expect("removed");
        house.expect(USER, "absent", "").await;
        house.helper(USER, "u");
    }
    // A project decides itself who may write there: the content needs trust.
    open(PROJECT, 0o666);
    house.expect(PROJECT, "loaded", "p").await;
    if skip_unless_root() {
        return;
    }
    chown(house.path(USER), None, Some(4711)).expect("a group");
    open(USER, 0o660);
    house.expect(USER, "kept", "u").await;
    open(USER, 0o640);
    house.expect(USER, "loaded", "u").await;
}

#[tokio::test]
async fn symlinks_are_followed_wherever_they_come_to_point() {
    let house = TestHome::new();
    house.helper("dots/one.json", "one");
    house.helper("dots/two.json", "two");
    fs::create_dir_all(house.path("home/.claude")).expect("created");
    symlink("../../dots/one.json", house.path(USER)).expect("linked");
    house.expect(USER, "loaded", "one").await;
    house.helper("dots/one.json", "uno");
    house.expect(USER, "loaded", "uno").await;
    symlink("../../dots/two.json", house.path("home/.claude/new")).expect("linked");
    fs::rename(house.path("home/.claude/new"), house.path(USER)).expect("renamed");
    house.expect(USER, "loaded", "two").await;
    fs::remove_dir_all(house.path("home/.claude")).expect("removed");
    house.helper("dots/claude/settings.json", "directory");
    symlink("../dots/claude", house.path("home/.claude")).expect("linked");
    house.expect(USER, "loaded", "directory").await;
    fs::remove_file(house.path("home/.claude")).expect("removed");
    house.expect(USER, "absent", "").await;
    symlink("dangling", house.path("home/.claude")).expect("linked");
    house.expect(USER, "absent", "").await;
}

#[tokio::test]
async fn a_broken_file_keeps_its_last_good_content_until_it_is_deleted() {
    let house = TestHome::new();
    house.write(USER, "{");
    house.expect(USER, "invalid", "").await;
    house.helper(USER, "good");
    house.settle(&house.session()).await;
    house.expect(USER, "loaded", "good").await;
    house.write(USER, "{\"apiKeyHelper\": 5}");
    house.expect(USER, "kept", "good").await;
    house.write(USER, "{\"apiKeyHelper\": 6}");
    house.expect(USER, "kept", "good").await;
    house.helper(USER, "fixed");
    house.expect(USER, "loaded", "fixed").await;
    fs::remove_file(house.path(USER)).expect("removed");
    house.expect(USER, "absent", "").await;
    house.write(USER, "{");
    house.expect(USER, "invalid", "").await;
}

#[tokio::test]
async fn what_was_read_in_the_middle_of_a_writing_is_not_the_last_good_content() {
    let house = TestHome::new();
    let session = house.session();
    // The first part of a file that becomes too large is valid.
    let piece = "{\"apiKeyHelper\": \"piece\"}";
    let add = |bytes: usize| {
        let mut file = fs::OpenOptions::new().append(true).open(house.path(USER)).expect("opened");
        file.write_all(&vec![b' '; bytes]).expect("written");
    };
    house.write(USER, piece);
    house.expect(USER, "loaded", "piece").await;
    add(10);
    house.expect(USER, "loaded", "piece").await;
    add(MAX_SETTINGS);
    house.expect(USER, "invalid", "").await;
    fs::remove_file(house.path(USER)).expect("removed");
    house.expect(USER, "absent", "").await;
    house.helper(USER, "good");
    house.settle(&session).await;
    house.write(USER, piece);
    house.expect(USER, "loaded", "piece").await;
    add(10);
    house.expect(USER, "loaded", "piece").await;
    add(MAX_SETTINGS);
    house.expect(USER, "kept", "good").await;
    // Another file is another write.
    house.helper("home/new.json", "renamed");
    fs::rename(house.path("home/new.json"), house.path(USER)).expect("renamed");
    house.expect(USER, "loaded", "renamed").await;
    house.write("home/new.json", "{");
    fs::rename(house.path("home/new.json"), house.path(USER)).expect("renamed");
    house.expect(USER, "kept", "renamed").await;
}

#[tokio::test]
async fn whatever_is_no_regular_file_is_refused_without_hanging() {
    let house = TestHome::new();
    fs::create_dir_all(house.path("home/.claude")).expect("created");
    let path = house.path(USER);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("created");
    house.expect(USER, "invalid", "").await;
    fs::remove_file(&path).expect("removed");
    let socket = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    house.expect(USER, "invalid", "").await;
    drop(socket);
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("created");
    house.expect(USER, "invalid", "").await;
    fs::remove_dir(&path).expect("removed");
    symlink("/dev/zero", &path).expect("linked");
    house.expect(USER, "invalid", "").await;
    fs::remove_file(&path).expect("removed");
    symlink("settings.json", &path).expect("linked");
    house.expect(USER, "invalid", "").await;
    fs::remove_file(&path).expect("removed");
    house.helper(USER, "file");
    house.settle(&house.session()).await;
    house.expect(USER, "loaded", "file").await;
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("created");
    house.expect(USER, "kept", "file").await;
}

#[tokio::test]
async fn two_mebibytes_are_the_limit() {
    let house = TestHome::new();
    let text = |len: usize| format!("{}{}", r#"{"apiKeyHelper":"x"}"#, " ".repeat(len - 20));
    house.write(USER, text(MAX_SETTINGS));
    house.settle(&house.session()).await;
    house.expect(USER, "loaded", "x").await;
    house.write(USER, text(MAX_SETTINGS + 1));
    house.expect(USER, "kept", "x").await;
}

#[tokio::test]
async fn an_unreadable_file_is_refused() {
    if nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: root can read everything");
        return;
    }
    let house = TestHome::new();
    house.helper(USER, "x");
    fs::set_permissions(house.path(USER), fs::Permissions::from_mode(0o000)).expect("set");
    house.expect(USER, "invalid", "").await;
    fs::set_permissions(house.path(USER), fs::Permissions::from_mode(0o600)).expect("set");
    house.expect(USER, "loaded", "x").await;
}

#[tokio::test]
async fn a_file_of_another_user_is_refused() {
    if skip_unless_root() {
        return;
    }
    let house = TestHome::new();
    house.helper(PROJECT, "x");
    chown(house.path(PROJECT), Some(65534), None).expect("given away");
    house.expect(PROJECT, "invalid", "").await;
    chown(house.path(PROJECT), Some(0), None).expect("taken back");
    house.expect(PROJECT, "loaded", "x").await;
}

#[tokio::test]
async fn managed_settings_must_be_closed_to_others() {
    let house = TestHome::new();
    house.helper(MANAGED, "m");
    house.helper("etc/managed-settings.d/a.json", "d");
    house.expect(MANAGED, "loaded", "m").await;
    house.settle(&house.session()).await;
    let mode = |path: &str, mode| {
        fs::set_permissions(house.path(path), fs::Permissions::from_mode(mode)).expect("set")
    };
    for (path, open, closed, concerned) in [
        (MANAGED, 0o664, 0o644, MANAGED),
        (MANAGED, 0o646, 0o644, MANAGED),
        ("etc", 0o777, 0o755, MANAGED),
        ("etc", 0o775, 0o755, "etc"),
        ("etc/managed-settings.d", 0o775, 0o755, "etc/managed-settings.d/a.json"),
    ] {
        mode(path, open);
        house.expect(concerned, "invalid", "").await;
        mode(path, closed);
        let snapshot = house.snapshot().await;
        let broken = |file: &File| matches!(file.state, FileState::Invalid(_));
        assert!(!snapshot.files.iter().any(broken), "{path} {open:o}");
    }
    // Anyone who can write there can remove a policy, so an open directory is wrong even while it is empty.
    fs::remove_file(house.path(MANAGED)).expect("removed");
    mode("etc", 0o777);
    house.expect("etc", "invalid", "").await;
    mode("etc", 0o755);
    fs::remove_dir_all(house.path("etc/managed-settings.d")).expect("removed");
    fs::write(house.path("etc/managed-settings.d"), "").expect("written");
    house.expect("etc/managed-settings.d", "invalid", "").await;
}

#[tokio::test]
async fn a_deleted_drop_in_does_not_come_back_as_last_good() {
    let house = TestHome::new();
    let path = "etc/managed-settings.d/a.json";
    house.helper(path, "d");
    house.settle(&house.session()).await;
    house.expect(path, "loaded", "d").await;
    house.write(path, "{");
    house.expect(path, "kept", "d").await;
    fs::remove_file(house.path(path)).expect("removed");
    house.snapshot().await;
    house.write(path, "{");
    house.expect(path, "invalid", "").await;
}
