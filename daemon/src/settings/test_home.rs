//! Fixture of settings tests: a home on a real filesystem, and a store that reads it.

use super::{
    File, FileState, Snapshot,
    roots::{Key, Own, Roots},
    store::SettingsStore,
};
use claviger::{reason::Reason, session::SessionContext};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// A home, a workspace in it, managed settings, and a store.
pub(super) struct TestHome {
    _temp: TempDir,
    pub(super) base: PathBuf,
    pub(super) store: Arc<SettingsStore>,
}

pub(super) const USER: &str = "home/.claude/settings.json";
pub(super) const PROJECT: &str = "home/work/.claude/settings.json";
pub(super) const LOCAL: &str = "home/work/.claude/settings.local.json";
pub(super) const MANAGED: &str = "etc/managed-settings.json";
pub(super) const CONFIG: &str = "home/.config/claviger/config.toml";

impl TestHome {
    pub(super) fn new() -> Self {
        let temp = TempDir::new().expect("a directory");
        let base = fs::canonicalize(temp.path()).expect("canonical");
        fs::create_dir_all(base.join("home/work/.git")).expect("created");
        let managed_owner = nix::unistd::Uid::effective().as_raw();
        let roots = Roots {
            home: base.join("home"),
            managed: base.join("etc"),
            config: base.join(CONFIG),
            own: Own::default(),
            system: base.join("system/config.toml"),
            managed_owner,
            recheck_after: Duration::ZERO,
        };
        Self { _temp: temp, store: SettingsStore::new(roots), base }
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(path).parent().expect("a parent")).expect("created");
        fs::write(self.path(path), text).expect("written");
    }

    /// A file with one helper.
    pub(super) fn helper(&self, path: &str, command: &str) {
        self.write(path, format!(r#"{{"apiKeyHelper":"{command}"}}"#));
    }

    pub(super) fn session_with(&self, cwd: &str, variables: &[(&str, &Path)]) -> SessionContext {
        let variables =
            variables.iter().map(|(name, path)| (OsString::from(name), path.as_os_str().to_owned()));
        SessionContext::new(self.path(cwd), variables).expect("valid")
    }

    pub(super) fn session(&self) -> SessionContext {
        self.session_with("home/work", &[("HOME", &self.path("home"))])
    }

    pub(super) async fn snapshot(&self) -> Arc<Snapshot> {
        self.store.snapshot(&self.session()).await.expect("a snapshot")
    }

    /// Looks until the last edits are old enough for stamps to be reliable.
    pub(super) async fn settle(&self, session: &SessionContext) {
        while !self.store.loaded(&Key::of(session)).await.expect("loaded").is_settled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// State and helper of the file at `path`.
    pub(super) async fn state(&self, path: &str) -> (&'static str, String) {
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

    pub(super) async fn expect(&self, path: &str, state: &str, helper: &str) {
        let found = self.state(path).await;
        assert_eq!((found.0, found.1.as_str()), (state, helper));
    }
}

pub(super) fn helper_of(file: &File) -> String {
    file.content.commands.get("apiKeyHelper").map(|command| command.value.clone()).unwrap_or_default()
}

pub(super) fn skip_unless_root() -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    if !root {
        eprintln!("SKIPPED: only root can give files away");
    }
    !root
}
