//! Files, their layers, and their workspaces.

use crate::settings::{
    File, Layer, Snapshot,
    test_home::{CONFIG, LOCAL, MANAGED, PROJECT, TestHome, USER, helper_of},
};
use claviger::reason::Reason;
use std::{fs, os::unix::fs::symlink, path::Path};

fn listed(snapshot: &Snapshot, base: &Path) -> Vec<String> {
    let name = |file: &File| {
        let path = file.path.strip_prefix(base).expect("inside").display();
        format!("{} {path} {}", file.layer.name(), helper_of(file))
    };
    snapshot.files.iter().map(name).collect()
}

#[tokio::test]
async fn files_come_from_the_highest_layer_to_the_lowest() {
    let house = TestHome::new();
    fs::create_dir_all(house.path("home/work/sub")).expect("created");
    for path in [
        MANAGED,
        "etc/managed-settings.d/10-a.json",
        "etc/managed-settings.d/20-b.json",
        "etc/managed-settings.d/.hidden.json",
        "etc/managed-settings.d/notes.txt",
        LOCAL,
        "home/work/sub/.claude/settings.local.json",
        "home/work/sub/.claude/settings.json",
        PROJECT,
        USER,
    ] {
        house.helper(path, path.rsplit('/').next().expect("a name"));
    }
    house.write(CONFIG, "[settings]\napiKeyHelper = 'toml'\n");
    let session = house.session_with("home/work/sub", &[("HOME", &house.path("home"))]);
    let snapshot = house.store.snapshot(&session).await.expect("a snapshot");
    assert_eq!(snapshot.workspace.root, house.path("home/work"));
    assert_eq!(
        listed(&snapshot, &house.base),
        [
            "managed etc/managed-settings.d/20-b.json 20-b.json",
            "managed etc/managed-settings.d/10-a.json 10-a.json",
            "managed etc/managed-settings.json managed-settings.json",
            "local home/work/.claude/settings.local.json settings.local.json",
            "local home/work/sub/.claude/settings.local.json settings.local.json",
            "project home/work/sub/.claude/settings.json settings.json",
            "user home/.claude/settings.json settings.json",
            "config home/.config/claviger/config.toml toml",
            "config system/config.toml ",
        ]
    );
    let subject = snapshot.subject.as_ref().expect("items");
    assert_eq!((subject.items.len(), &subject.root), (3, &house.path("home/work")));
}

#[tokio::test]
async fn a_git_that_appears_or_goes_moves_the_root() {
    let house = TestHome::new();
    fs::create_dir_all(house.path("home/work/a/b")).expect("created");
    let session = house.session_with("home/work/a/b", &[("HOME", &house.path("home"))]);
    let root = async || house.store.snapshot(&session).await.expect("a snapshot").workspace.root.clone();
    assert_eq!(root().await, house.path("home/work"));
    house.settle(&session).await;
    fs::create_dir(house.path("home/work/a/.git")).expect("created");
    assert_eq!(root().await, house.path("home/work/a"));
    house.settle(&session).await;
    fs::remove_dir(house.path("home/work/a/.git")).expect("removed");
    fs::remove_dir(house.path("home/work/.git")).expect("removed");
    assert_eq!(root().await, house.path("home/work/a/b"));
    fs::remove_dir_all(house.path("home/work/a")).expect("removed");
    let problem = house.store.snapshot(&session).await.expect_err("gone");
    assert_eq!(
        (problem.reason, problem.message.as_str()),
        (Reason::MalformedRequest, "working directory does not exist")
    );
}

#[tokio::test]
async fn a_workspace_replaced_at_its_path_is_another_one() {
    let house = TestHome::new();
    house.helper(PROJECT, "x");
    let before = house.snapshot().await;
    fs::rename(house.path("home/work"), house.path("home/old")).expect("renamed");
    house.helper(PROJECT, "x");
    fs::create_dir(house.path("home/work/.git")).expect("created");
    let after = house.snapshot().await;
    assert_eq!(before.workspace.root, after.workspace.root);
    assert_ne!(before.workspace, after.workspace);
    assert_ne!(before.subject.as_ref().expect("items").digest, after.subject.as_ref().expect("items").digest);
}

#[tokio::test]
async fn a_working_directory_that_moves_behind_a_symlink_is_another_workspace() {
    let house = TestHome::new();
    house.helper(PROJECT, "x");
    let before = house.snapshot().await;
    house.settle(&house.session()).await;
    fs::rename(house.path("home/work"), house.path("home/moved")).expect("renamed");
    symlink("moved", house.path("home/work")).expect("linked");
    assert_eq!(house.snapshot().await.workspace.root, house.path("home/moved"));
    assert_eq!(before.workspace.inode, house.snapshot().await.workspace.inode);
}

#[tokio::test]
async fn at_home_the_users_file_is_not_the_projects_too() {
    let house = TestHome::new();
    house.helper(USER, "u");
    let session = house.session_with("home", &[("HOME", &house.path("home"))]);
    let snapshot = house.store.snapshot(&session).await.expect("a snapshot");
    let of_user: Vec<_> =
        snapshot.files.iter().filter(|file| file.path == house.path(USER)).map(|file| file.layer).collect();
    assert_eq!(of_user, [Layer::User]);
    assert_eq!(snapshot.subject, None);
}

#[tokio::test]
async fn a_config_dir_inside_a_repository_is_a_projects() {
    let house = TestHome::new();
    house.helper("home/work/conf/settings.json", "evil");
    house.helper("elsewhere/settings.json", "mine");
    let home = house.path("home");
    fs::create_dir_all(house.path("home/plain")).expect("created");
    fs::create_dir_all(house.path("home/work/sub/.git")).expect("created");
    symlink(house.path("home/work/conf"), house.path("home/link")).expect("linked");
    for (cwd, directory, layer) in [
        ("home/work", "home/work/conf", Layer::Project),
        ("home/work", "home/link", Layer::Project),
        ("home/work", "home/work/not/there", Layer::Project),
        ("home/work", "elsewhere", Layer::User),
        ("home", "home/work/conf", Layer::Project),
        ("home/work/sub", "home/work/conf", Layer::Project),
        ("home/plain", "home/work/conf", Layer::Project),
        ("home/work/conf", "home/.claude", Layer::User),
        ("", "home/work/conf", Layer::Project),
        ("", "home/plain", Layer::User),
        ("home/plain", "home/plain", Layer::Project),
    ] {
        let directory = house.path(directory);
        let session = house.session_with(cwd, &[("HOME", &home), ("CLAUDE_CONFIG_DIR", &directory)]);
        let snapshot = house.store.snapshot(&session).await.expect("a snapshot");
        let file =
            snapshot.files.iter().find(|file| file.path == directory.join("settings.json")).expect("listed");
        assert_eq!(file.layer, layer, "{cwd} {}", directory.display());
    }
    house.helper(USER, "u");
    let session = house.session_with("home/.claude", &[("HOME", &home)]);
    let snapshot = house.store.snapshot(&session).await.expect("a snapshot");
    assert_eq!(
        snapshot.files.iter().find(|file| file.path == house.path(USER)).expect("listed").layer,
        Layer::User
    );
}

#[tokio::test]
async fn a_clone_that_is_called_home_is_a_projects_and_dotfiles_are_the_users() {
    let house = TestHome::new();
    house.helper("home/work/.claude/settings.json", "evil");
    let clone = house.path("home/work");
    let session = house.session_with("home", &[("HOME", &clone)]);
    let snapshot = house.store.snapshot(&session).await.expect("a snapshot");
    assert!(snapshot.files.iter().all(|file| file.layer != Layer::User), "{:?}", snapshot.files);

    house.helper("home/dotfiles/claude/settings.json", "mine");
    fs::create_dir(house.path("home/dotfiles/.git")).expect("created");
    symlink("dotfiles/claude", house.path("home/.claude")).expect("linked");
    let snapshot = house.snapshot().await;
    let user = snapshot.files.iter().find(|file| file.path == house.path(USER)).expect("listed");
    assert_eq!((user.layer, helper_of(user).as_str()), (Layer::User, "mine"));
}

#[tokio::test]
async fn without_a_home_there_is_no_user_layer() {
    let house = TestHome::new();
    let snapshot = house.store.snapshot(&house.session_with("home/work", &[])).await.expect("a snapshot");
    assert!(snapshot.files.iter().all(|file| file.layer != Layer::User));
}
