//! Watching on a real filesystem. Every wait is for a condition, and bounded.

use super::{WatchGuard, within};
use crate::{
    live::lock,
    settings::test_home::{PROJECT, TestHome, USER},
};
use std::{fs, os::unix::fs::symlink, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Far longer than an event takes, so that only a lost one fails.
const LIMIT: Duration = Duration::from_secs(10);

struct Watch {
    house: TestHome,
    guard: WatchGuard,
    changes: watch::Receiver<u64>,
}

impl Watch {
    /// Watches, once `prepare` is done and the watches are set.
    async fn new(prepare: impl FnOnce(&TestHome)) -> Self {
        let house = TestHome::new();
        prepare(&house);
        let guard = house.store.watch_session(&house.session());
        let mut changes = house.store.changes();
        within(LIMIT, changes.wait_for(|count| *count > 0)).await.expect("open");
        Self { house, guard, changes }
    }

    fn helper(&self, name: &str) -> String {
        let snapshot = self.house.store.cached(&self.guard.key).expect("known").snapshot.clone();
        let file =
            snapshot.files.iter().find(|file| file.path == self.house.path(name)).expect("listed").clone();
        file.content.commands.get("apiKeyHelper").map(|command| command.value.clone()).unwrap_or_default()
    }

    /// Waits, without looking ourselves, until the watcher has seen `helper` in the file `name`.
    async fn sees(&mut self, name: &str, helper: &str) {
        let arrived = async {
            while self.helper(name) != helper {
                self.changes.changed().await.expect("open");
            }
        };
        tokio::time::timeout(LIMIT, arrived)
            .await
            .unwrap_or_else(|_| panic!("{name}: {:?} instead of {helper:?}", self.helper(name)));
    }
}

#[tokio::test]
async fn every_way_to_edit_a_file_is_noticed() {
    let mut watch = Watch::new(|_| {}).await;
    for round in ["a", "b"] {
        let text = |what: &str| format!("{what}-{round}");
        watch.house.helper(PROJECT, &text("created"));
        watch.sees(PROJECT, &text("created")).await;
        watch.house.helper(PROJECT, &text("edited"));
        watch.sees(PROJECT, &text("edited")).await;
        watch.house.helper("home/new.json", &text("renamed"));
        fs::rename(watch.house.path("home/new.json"), watch.house.path(PROJECT)).expect("renamed");
        watch.sees(PROJECT, &text("renamed")).await;
        fs::remove_file(watch.house.path(PROJECT)).expect("removed");
        watch.sees(PROJECT, "").await;
        watch.house.helper(PROJECT, &text("again"));
        watch.sees(PROJECT, &text("again")).await;
        fs::remove_dir_all(watch.house.path("home/work/.claude")).expect("removed");
        watch.sees(PROJECT, "").await;
    }
}

#[tokio::test]
async fn directories_that_come_go_and_move_are_noticed() {
    let mut watch = Watch::new(|house| house.helper(PROJECT, "first")).await;
    let claude = watch.house.path("home/work/.claude");
    fs::rename(&claude, watch.house.path("home/aside")).expect("renamed");
    watch.sees(PROJECT, "").await;
    fs::rename(watch.house.path("home/aside"), &claude).expect("renamed");
    watch.sees(PROJECT, "first").await;
    fs::rename(&claude, watch.house.path("home/aside")).expect("renamed");
    watch.house.helper(PROJECT, "second");
    watch.sees(PROJECT, "second").await;
    watch.house.helper(PROJECT, "third");
    watch.sees(PROJECT, "third").await;
    let work = watch.house.path("home/work");
    fs::rename(&work, watch.house.path("home/old")).expect("renamed");
    watch.house.helper(PROJECT, "fourth");
    watch.sees(PROJECT, "fourth").await;
}

#[tokio::test]
async fn every_hop_of_a_symlink_is_noticed() {
    let mut watch = Watch::new(|house| {
        house.helper("dots/one.json", "one");
        house.helper("dots/two.json", "two");
        fs::create_dir_all(house.path("home/.claude")).expect("created");
        symlink("one.json", house.path("dots/link.json")).expect("linked");
        symlink("../../dots/link.json", house.path(USER)).expect("linked");
    })
    .await;
    watch.sees(USER, "one").await;
    watch.house.helper("dots/one.json", "uno");
    watch.sees(USER, "uno").await;
    symlink("two.json", watch.house.path("dots/new")).expect("linked");
    fs::rename(watch.house.path("dots/new"), watch.house.path("dots/link.json")).expect("renamed");
    watch.sees(USER, "two").await;
    fs::remove_file(watch.house.path(USER)).expect("removed");
    watch.sees(USER, "").await;
    fs::remove_dir(watch.house.path("home/.claude")).expect("removed");
    watch.house.helper("dots/claude/settings.json", "directory");
    symlink("../dots/claude", watch.house.path("home/.claude")).expect("linked");
    watch.sees(USER, "directory").await;
    watch.house.helper("dots/claude/settings.json", "edited");
    watch.sees(USER, "edited").await;
    fs::remove_file(watch.house.path("home/.claude")).expect("removed");
    symlink(".claude", watch.house.path("home/.claude")).expect("linked");
    within(LIMIT, watch.changes.changed()).await.expect("open");
    fs::remove_file(watch.house.path("home/.claude")).expect("removed");
    watch.house.helper(USER, "fixed");
    watch.sees(USER, "fixed").await;
}

#[tokio::test]
async fn a_broken_file_and_its_mending_are_noticed() {
    let mut watch = Watch::new(|house| house.helper(USER, "good")).await;
    watch.house.settle(&watch.house.session()).await;
    watch.house.write(USER, "{");
    within(LIMIT, watch.changes.changed()).await.expect("open");
    assert_eq!(watch.helper(USER), "good");
    watch.house.helper(USER, "fixed");
    watch.sees(USER, "fixed").await;
    fs::remove_file(watch.house.path(USER)).expect("removed");
    nix::unistd::mkfifo(&watch.house.path(USER), nix::sys::stat::Mode::S_IRWXU).expect("created");
    within(LIMIT, watch.changes.changed()).await.expect("open");
    fs::remove_file(watch.house.path(USER)).expect("removed");
    watch.sees(USER, "").await;
}

#[tokio::test]
async fn managed_drop_ins_configuration_and_git_are_noticed() {
    let mut watch = Watch::new(|_| {}).await;
    let managed = "etc/managed-settings.d/a.json";
    watch.house.helper("etc/managed-settings.json", "m");
    watch.sees("etc/managed-settings.json", "m").await;
    watch.house.helper(managed, "d");
    let listed = |watch: &Watch| {
        let snapshot = watch.house.store.cached(&watch.guard.key).expect("known").snapshot.clone();
        snapshot.files.iter().any(|file| file.path == watch.house.path(managed))
    };
    let arrives = async {
        while !listed(&watch) {
            watch.house.store.changes().changed().await.expect("open");
        }
    };
    within(LIMIT, arrives).await;
    watch.sees(managed, "d").await;
    watch.house.write("home/.config/claviger/config.toml", "settings.apiKeyHelper = 't'");
    watch.sees("home/.config/claviger/config.toml", "t").await;
    let root =
        |watch: &Watch| watch.house.store.cached(&watch.guard.key).expect("known").snapshot.subject.clone();
    watch.house.helper(PROJECT, "p");
    watch.sees(PROJECT, "p").await;
    let before = root(&watch);
    fs::rename(watch.house.path("home/work"), watch.house.path("home/w2")).expect("renamed");
    fs::create_dir_all(watch.house.path("home/work/.git")).expect("created");
    watch.house.helper(PROJECT, "p");
    let arrives = async {
        while root(&watch).is_none_or(|now| Some(now) == before) {
            watch.changes.changed().await.expect("open");
        }
    };
    within(LIMIT, arrives).await;
}

#[tokio::test]
async fn what_does_not_matter_is_no_change() {
    let mut watch = Watch::new(|house| house.helper(USER, "u")).await;
    let before = *watch.changes.borrow_and_update();
    for name in ["home/noise", "home/work/noise", "home/.claude/noise", "home/work/.git/HEAD"] {
        watch.house.write(name, "x");
    }
    watch.house.helper(USER, "u");
    let _ = fs::read(watch.house.path(USER));
    watch.house.helper(USER, "last");
    watch.sees(USER, "last").await;
    assert_eq!(*watch.changes.borrow(), before + 1, "only the last edit changed anything");
}

#[tokio::test]
async fn guards_share_one_task_and_the_last_one_ends_it() {
    let mut watch = Watch::new(|_| {}).await;
    let second = watch.house.store.watch_session(&watch.house.session());
    let task = |watch: &Watch| lock(&watch.house.store.watching).task.as_ref().map(|task| task.handle.id());
    let first_task = task(&watch);
    assert!(first_task.is_some());
    drop(second);
    assert_eq!(task(&watch), first_task);
    watch.house.helper(PROJECT, "still watched");
    watch.sees(PROJECT, "still watched").await;
    let Watch { house, guard, .. } = watch;
    drop(guard);
    assert!(lock(&house.store.watching).task.is_none());
    // The task holds the store; once it is gone, its watches and notify's thread are too.
    let gone = async {
        while Arc::strong_count(&house.store) > 1 {
            tokio::task::yield_now().await;
        }
    };
    within(LIMIT, gone).await;
}

#[tokio::test]
async fn a_change_between_snapshot_and_guard_is_not_lost() {
    let house = TestHome::new();
    house.helper(USER, "old");
    house.store.snapshot(&house.session()).await.expect("a snapshot");
    let mut changes = house.store.changes();
    house.helper(USER, "new");
    let _guard = house.store.watch_session(&house.session());
    within(LIMIT, changes.changed()).await.expect("open");
}

#[tokio::test]
async fn a_session_whose_directory_comes_back_is_watched_again() {
    let mut watch = Watch::new(|house| house.helper(PROJECT, "p")).await;
    fs::remove_dir_all(watch.house.path("home/work")).expect("removed");
    within(LIMIT, watch.changes.changed()).await.expect("open");
    watch.house.helper(PROJECT, "back");
    watch.sees(PROJECT, "back").await;
}

#[tokio::test(start_paused = true)]
async fn without_inotify_changes_are_noticed_by_looking() {
    let house = TestHome::new();
    lock(&house.store.watching).without_events = true;
    let _guard = house.store.watch_session(&house.session());
    let mut changes = house.store.changes();
    within(LIMIT, changes.wait_for(|count| *count > 0)).await.expect("open");
    house.helper(USER, "u");
    within(LIMIT, changes.wait_for(|count| *count > 1)).await.expect("open");
}
