//! The store on a real filesystem: every edit is seen by the very next call.

use super::{Key, Roots, SettingsStore, explicit};
use crate::{
    host::files::MAX_SETTINGS,
    lock::lock,
    settings::{File, FileState, Layer, Snapshot},
};
use claviger::{reason::Reason, session::SessionContext};
use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};
use tempfile::TempDir;

/// A home, a workspace in it, managed settings, and a store.
pub(in crate::settings) struct House {
    _temp: TempDir,
    pub(in crate::settings) base: PathBuf,
    pub(in crate::settings) store: Arc<SettingsStore>,
}

pub(in crate::settings) const USER: &str = "home/.claude/settings.json";
pub(in crate::settings) const PROJECT: &str = "home/work/.claude/settings.json";
const LOCAL: &str = "home/work/.claude/settings.local.json";
const MANAGED: &str = "etc/managed-settings.json";
const CONFIG: &str = "home/.config/claviger/config.toml";

impl House {
    pub(in crate::settings) fn new() -> Self {
        let temp = TempDir::new().expect("a directory");
        let base = fs::canonicalize(temp.path()).expect("canonical");
        fs::create_dir_all(base.join("home/work/.git")).expect("created");
        let managed_owner = nix::unistd::Uid::effective().as_raw();
        let roots = Roots {
            managed: base.join("etc"),
            config: base.join(CONFIG),
            managed_owner,
            recheck_after: Duration::ZERO,
        };
        Self { _temp: temp, store: SettingsStore::new(roots), base }
    }

    pub(in crate::settings) fn path(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    pub(in crate::settings) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(path).parent().expect("a parent")).expect("created");
        fs::write(self.path(path), text).expect("written");
    }

    /// A file with one helper.
    pub(in crate::settings) fn helper(&self, path: &str, command: &str) {
        self.write(path, format!(r#"{{"apiKeyHelper":"{command}"}}"#));
    }

    pub(in crate::settings) fn session_with(&self, cwd: &str, variables: &[(&str, &Path)]) -> SessionContext {
        let variables =
            variables.iter().map(|(name, path)| (OsString::from(name), path.as_os_str().to_owned()));
        SessionContext::new(self.path(cwd), variables).expect("valid")
    }

    pub(in crate::settings) fn session(&self) -> SessionContext {
        self.session_with("home/work", &[("HOME", &self.path("home"))])
    }

    async fn snapshot(&self) -> Arc<Snapshot> {
        self.store.snapshot(&self.session()).await.expect("a snapshot")
    }

    /// Looks until the last edits are so old that stamps alone are relied on.
    pub(in crate::settings) async fn settle(&self, session: &SessionContext) {
        while !self.store.loaded(&Key::of(session)).await.expect("loaded").is_settled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// State and helper of the file at `path`.
    async fn state(&self, path: &str) -> (&'static str, String) {
        let snapshot = self.snapshot().await;
        let file = snapshot.files.iter().find(|file| file.path == self.path(path)).expect("listed");
        let state = match &file.state {
            FileState::Absent => "absent",
            FileState::Loaded => "loaded",
            FileState::KeptLastGood(problem) => {
                assert_eq!(problem.reason, Reason::SettingsInvalid);
                "kept"
            }
            FileState::Invalid(problem) => {
                assert_eq!(problem.reason, Reason::SettingsInvalid);
                let location = problem.location.as_ref().expect("a place");
                assert_eq!(
                    (location.layer.as_str(), location.file.as_str()),
                    (file.layer.name(), file.path.to_str().expect("text"))
                );
                assert!(problem.hint.is_some());
                "invalid"
            }
        };
        (state, helper_of(file))
    }

    async fn expect(&self, path: &str, state: &str, helper: &str) {
        let found = self.state(path).await;
        assert_eq!((found.0, found.1.as_str()), (state, helper));
    }
}

fn helper_of(file: &File) -> String {
    file.content.commands.get("apiKeyHelper").map(|command| command.value.clone()).unwrap_or_default()
}

fn listed(snapshot: &Snapshot, base: &Path) -> Vec<String> {
    let name = |file: &File| {
        let path = file.path.strip_prefix(base).expect("inside").display();
        format!("{} {path} {}", file.layer.name(), helper_of(file))
    };
    snapshot.files.iter().map(name).collect()
}

fn skip_unless_root() -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    if !root {
        eprintln!("SKIPPED: only root can give files away");
    }
    !root
}

#[tokio::test]
async fn files_come_from_the_highest_layer_to_the_lowest() {
    let house = House::new();
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
        ]
    );
    let subject = snapshot.subject.as_ref().expect("items");
    assert_eq!((subject.items.len(), &subject.root), (3, &house.path("home/work")));
}

#[tokio::test]
async fn nothing_changed_is_the_same_snapshot() {
    let house = House::new();
    house.helper(USER, "a");
    let first = house.snapshot().await;
    assert!(Arc::ptr_eq(&first, &house.snapshot().await));
    house.helper(USER, "a");
    assert!(Arc::ptr_eq(&first, &house.snapshot().await), "rewritten with the same content");
    house.helper(USER, "b");
    assert!(!Arc::ptr_eq(&first, &house.snapshot().await));
}

#[tokio::test]
async fn every_way_to_edit_a_file_is_seen_by_the_next_call() {
    let house = House::new();
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
async fn symlinks_are_followed_wherever_they_come_to_point() {
    let house = House::new();
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
    let house = House::new();
    house.write(USER, "{");
    house.expect(USER, "invalid", "").await;
    house.helper(USER, "good");
    house.expect(USER, "loaded", "good").await;
    house.write(USER, "{\"apiKeyHelper\": 5}");
    house.expect(USER, "kept", "good").await;
    house.write(USER, "{\"apiKeyHelper\": 6}");
    house.expect(USER, "kept", "good").await;
    house.helper(USER, "mended");
    house.expect(USER, "loaded", "mended").await;
    fs::remove_file(house.path(USER)).expect("removed");
    house.expect(USER, "absent", "").await;
    house.write(USER, "{");
    house.expect(USER, "invalid", "").await;
}

#[tokio::test]
async fn whatever_is_no_regular_file_is_refused_without_hanging() {
    let house = House::new();
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
    house.expect(USER, "loaded", "file").await;
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("created");
    house.expect(USER, "kept", "file").await;
}

#[tokio::test]
async fn two_mebibytes_are_the_limit() {
    let house = House::new();
    let text = |len: usize| format!("{}{}", r#"{"apiKeyHelper":"x"}"#, " ".repeat(len - 20));
    house.write(USER, text(MAX_SETTINGS));
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
    let house = House::new();
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
    let house = House::new();
    house.helper(PROJECT, "x");
    chown(house.path(PROJECT), Some(65534), None).expect("given away");
    house.expect(PROJECT, "invalid", "").await;
    chown(house.path(PROJECT), Some(0), None).expect("taken back");
    house.expect(PROJECT, "loaded", "x").await;
}

#[tokio::test]
async fn managed_settings_must_be_closed_to_others() {
    let house = House::new();
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
        ("etc/managed-settings.d", 0o775, 0o755, "etc/managed-settings.d/a.json"),
    ] {
        mode(path, open);
        house.expect(concerned, "invalid", "").await;
        mode(path, closed);
        assert_eq!(house.state(concerned).await.0, "loaded", "{path} {open:o}");
    }
    fs::remove_dir_all(house.path("etc/managed-settings.d")).expect("removed");
    fs::write(house.path("etc/managed-settings.d"), "").expect("written");
    house.expect("etc/managed-settings.d", "invalid", "").await;
}

#[tokio::test]
async fn a_deleted_drop_in_does_not_come_back_as_last_good() {
    let house = House::new();
    let path = "etc/managed-settings.d/a.json";
    house.helper(path, "d");
    house.expect(path, "loaded", "d").await;
    house.write(path, "{");
    house.expect(path, "kept", "d").await;
    fs::remove_file(house.path(path)).expect("removed");
    house.snapshot().await;
    house.write(path, "{");
    house.expect(path, "invalid", "").await;
}

#[tokio::test]
async fn a_git_that_appears_or_goes_moves_the_root() {
    let house = House::new();
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
    let house = House::new();
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
    let house = House::new();
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
    let house = House::new();
    house.helper(USER, "u");
    let session = house.session_with("home", &[("HOME", &house.path("home"))]);
    let snapshot = house.store.snapshot(&session).await.expect("a snapshot");
    let of_user: Vec<_> =
        snapshot.files.iter().filter(|file| file.path == house.path(USER)).map(|file| file.layer).collect();
    assert_eq!(of_user, [Layer::User]);
    assert_eq!(snapshot.subject, None);
}

#[tokio::test]
async fn a_config_dir_inside_the_workspace_is_the_workspaces() {
    let house = House::new();
    house.helper("home/work/conf/settings.json", "evil");
    house.helper("elsewhere/settings.json", "mine");
    let home = house.path("home");
    symlink(house.path("home/work/conf"), house.path("home/link")).expect("linked");
    for (cwd, directory, layer) in [
        ("home/work", "home/work/conf", Layer::Project),
        ("home/work", "home/link", Layer::Project),
        ("home/work", "home/work/not/there", Layer::Project),
        ("home/work", "elsewhere", Layer::User),
        ("home", "home/work/conf", Layer::User),
        ("home/work/conf", "home/.claude", Layer::User),
        ("", "home/work/conf", Layer::User),
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
async fn without_a_home_there_is_no_user_layer() {
    let house = House::new();
    let snapshot = house.store.snapshot(&house.session_with("home/work", &[])).await.expect("a snapshot");
    assert!(snapshot.files.iter().all(|file| file.layer != Layer::User));
}

#[tokio::test]
async fn many_sessions_at_once_agree_and_the_cache_stays_small() {
    let house = House::new();
    house.helper(USER, "u");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (store, session) = (Arc::clone(&house.store), house.session());
        calls.spawn(async move { store.snapshot(&session).await.expect("a snapshot") });
    }
    let snapshots = calls.join_all().await;
    assert!(snapshots.iter().all(|snapshot| snapshot.files == snapshots[0].files));
    for n in 0..super::MAX_SNAPSHOTS + 20 {
        let cwd = format!("home/work/{n}");
        fs::create_dir(house.path(&cwd)).expect("created");
        let session = house.session_with(&cwd, &[("HOME", &house.path("home"))]);
        house.store.snapshot(&session).await.expect("a snapshot");
    }
    assert_eq!(lock(&house.store.cache).entries.len(), super::MAX_SNAPSHOTS);
}

#[tokio::test]
async fn a_filesystem_that_hangs_is_named_in_time_and_holds_up_nobody_else() {
    let house = House::new();
    let roots = house.store.roots.clone();
    let store = Arc::new(SettingsStore::with_deadline(roots, Duration::from_millis(50)));
    let key = Key::of(&house.session_with("home", &[]));
    let (release, hang) = mpsc::channel::<()>();
    let hung = {
        let store = Arc::clone(&store);
        let look = {
            let (store, key) = (Arc::clone(&store), key.clone());
            move |progress: &super::Progress| {
                let outcome = store.look(&key, progress);
                let _ = hang.recv();
                outcome
            }
        };
        store.join_or_start(&key, look).expect("started")
    };
    let problem = store.loaded(&key).await.expect_err("hangs");
    assert_eq!(problem.reason, Reason::SourceTimeout);
    assert!(store.snapshot(&house.session()).await.is_ok());
    let again = store.load(&key).await.expect_err("still hangs");
    assert!(again.hint.expect("a hint").contains(house.base.to_str().expect("text")));
    assert_eq!(lock(&store.loads).started, 2, "no second thread may be lost to the same mount");
    release.send(()).expect("waiting");
    let mut outcome = hung.outcome.clone();
    outcome.wait_for(Option::is_some).await.expect("released");
    assert!(store.loaded(&key).await.is_ok());
}

#[test]
fn explicit_settings_are_parsed_from_their_bytes() {
    let house = House::new();
    let mut session = house.session();
    assert_eq!(explicit(&session), Ok(None));
    session.explicit =
        claviger::session::explicit("x.json".into(), b"{\"apiKeyHelper\":\"e\"}".to_vec()).expect("small");
    let file = explicit(&session).expect("valid").expect("some");
    assert_eq!((file.layer, helper_of(&file)), (Layer::Explicit, "e".to_owned()));
    session.explicit = claviger::session::explicit("x.json".into(), b"{\n5}".to_vec()).expect("small");
    let problem = explicit(&session).expect_err("broken");
    assert_eq!(problem.reason, Reason::SettingsInvalid);
    assert!(problem.to_string().starts_with("x.json:2:1: "), "{problem}");
}

/// Run with `cargo test --release -p clavigerd -- --ignored --nocapture unchanged`.
#[tokio::test]
#[ignore = "measures time, which says nothing on a busy machine or without optimisation"]
async fn an_unchanged_snapshot_takes_microseconds() {
    const CALLS: u32 = 2_000;
    let house = House::new();
    fs::create_dir_all(house.path("home/work/a/b/c/d")).expect("created");
    for path in [LOCAL, PROJECT, USER] {
        house.helper(path, "x");
    }
    let session = house.session_with("home/work/a/b/c/d", &[("HOME", &house.path("home"))]);
    house.settle(&session).await;
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let start = std::time::Instant::now();
        for _ in 0..CALLS {
            house.store.snapshot(&session).await.expect("a snapshot");
        }
        best = best.min(start.elapsed() / CALLS);
    }
    println!(
        "unchanged snapshot: {best:?}, {} checks",
        house.store.cached(&Key::of(&session)).expect("known").paths().count()
    );
    assert!(best < Duration::from_micros(20), "{best:?}");
}
