//! Builds a snapshot.

use super::{
    Directories, File, FileState, Layer, Script, Snapshot, Subject,
    file_cache::{FileCache, Known, in_layer},
    loaded::{Check, Expected, Loaded, Progress},
    roots::{Key, Own, Roots},
    scripts::{self, MAX_WORDS},
    workspace::{self, Found},
};
use crate::host::files::{self, Digested, Owner, Stamp};
use claviger::reason::{Location, Problem, Reason};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// One load.
pub(super) struct Load<'a> {
    roots: &'a Roots,
    memory: &'a FileCache,
    progress: &'a Progress,
    checks: Vec<Check>,
    files: Vec<File>,
    settled: bool,
}

// === impl Load ===

impl<'a> Load<'a> {
    pub(super) fn new(roots: &'a Roots, memory: &'a FileCache, progress: &'a Progress) -> Self {
        Self { roots, memory, progress, checks: Vec::new(), files: Vec::new(), settled: true }
    }

    /// Reads changed files and builds the snapshot.
    pub(super) fn run(mut self, key: &Key) -> Result<Loaded, Problem> {
        self.progress.note(&key.cwd);
        let home = key.home.as_deref().and_then(|home| files::canonical(home).ok());
        let found = workspace::find(&key.cwd, home.as_deref())?;
        let directories = self.expect_places(key, &found);
        self.refuse_others(&key.own)?;
        self.managed();
        let user = key.config.as_deref().map(|directory| directory.join("settings.json"));
        let user_stamp = user.as_deref().map(files::stamp);
        self.of_workspace(&found, user_stamp.as_ref().and_then(Stamp::identity));
        if let (Some(directory), Some(user)) = (&key.config, &user) {
            let layer = self.layer_of_user(directory, &found);
            let owner = if layer == Layer::User { Owner::User } else { Owner::Workspace };
            self.file(layer, user, owner);
        }
        let config = self.roots.config.clone();
        self.file(Layer::Config, &config, Owner::User);
        self.narrow(key.config.clone().unwrap_or_else(|| self.roots.home.join(".claude")));
        self.system();
        let scripts = self.scripts(&found.workspace.root, home.as_deref());
        let remote = self.is_remote();
        let subject = Subject::of(&found.workspace, &self.files, &scripts);
        let Found { workspace, .. } = found;
        let snapshot = Snapshot { workspace, files: self.files, subject, directories };
        Ok(Loaded::new(snapshot, remote, self.checks, self.settled))
    }

    fn expect(&mut self, path: &Path, expected: Expected) {
        self.checks.push(Check { path: path.to_owned(), expected });
    }

    fn expect_places(&mut self, key: &Key, found: &Found) -> Directories {
        // Symlinks in the caller's path are followed; canonical paths must stay what they are.
        if key.cwd != found.cwd {
            self.expect(&key.cwd, Expected::Place(Some(found.cwd_identity)));
        }
        self.expect(&found.cwd, Expected::Canonical(found.cwd_identity));
        if found.workspace.root != found.cwd {
            self.expect(&found.workspace.root, Expected::Canonical(found.root_identity));
        }
        for (mark, owner) in &found.probes {
            self.expect(mark, Expected::Mark(*owner));
        }
        let home = key.home.as_deref().and_then(|home| self.expect_place(home));
        let config = key.config.as_deref().and_then(|config| self.expect_place(config));
        Directories { home, config }
    }

    // A session with its own configuration or accounts would get those of the daemon.
    fn refuse_others(&mut self, own: &Own) -> Result<(), Problem> {
        let ours = self.roots.own.clone();
        for (own, ours, what) in [
            (&own.config, ours.config, "the configuration of this session"),
            (&own.accounts, ours.accounts, "the list of accounts of this session"),
        ] {
            let (Some(own), Some(ours)) = (own, ours) else { continue };
            let found = if *own == ours { None } else { self.expect_place(own) };
            let known = files::identity(&ours).map(|known| (known.device, known.inode));
            if found.is_some() && found != known {
                let message = format!("it is {what}, and the daemon uses another, {}", ours.display());
                return Err(Problem::new(Reason::SettingsInvalid, message)
                    .hint(
                        "one daemon serves one HOME, XDG_CONFIG_HOME and XDG_STATE_HOME: set them to its \
                        values, or name the socket of another daemon with CLAVIGER_SOCK",
                    )
                    .at(&Location::of_file(own)));
            }
        }
        Ok(())
    }

    fn expect_place(&mut self, path: &Path) -> Option<(u64, u64)> {
        let found = files::identity(path);
        self.expect(path, Expected::Place(found));
        found.map(|found| (found.device, found.inode))
    }

    // Later drop-ins are stronger, and all of them are stronger than the file.
    fn managed(&mut self) {
        let owner = Owner::Managed(self.roots.managed_owner);
        let (directory, drop_ins) =
            (self.roots.managed.clone(), self.roots.managed.join("managed-settings.d"));
        self.progress.note(&directory);
        if self.expect_directory(&directory) {
            self.memory.forget_below(Layer::Managed, &directory);
            return self.absent(Layer::Managed, &directory.join("managed-settings.json"));
        }
        self.expect_directory(&drop_ins);
        for place in [&directory, &drop_ins] {
            if let Err(problem) = files::check_managed_directory(place, self.roots.managed_owner) {
                self.unusable(place, problem);
            }
        }
        let names = files::names(&drop_ins).unwrap_or_else(|problem| {
            self.unusable(&drop_ins, problem);
            None
        });
        let names = names.unwrap_or_default();
        self.memory.forget_others(Layer::Managed, &drop_ins, &names);
        for name in names.iter().rev().filter(|name| is_drop_in(name.as_encoded_bytes())) {
            self.file(Layer::Managed, &drop_ins.join(name), owner);
        }
        self.file(Layer::Managed, &directory.join("managed-settings.json"), owner);
    }

    fn unusable(&mut self, directory: &Path, problem: Problem) {
        let state = FileState::Invalid(in_layer(problem, Layer::Managed));
        let (layer, path) = (Layer::Managed, directory.to_owned());
        self.files.push(File { layer, path, state, content: Arc::default() });
    }

    // Returns whether there is none.
    fn expect_directory(&mut self, directory: &Path) -> bool {
        let stamp = files::stamp(directory);
        let absent = stamp.is_absent();
        self.settled &= stamp.settled();
        self.expect(directory, Expected::Stamp(stamp));
        absent
    }

    // The user's own file is never also the workspace's, as it would be with cwd == HOME.
    fn of_workspace(&mut self, found: &Found, user: Option<(u64, u64)>) {
        let (root, cwd) = (found.workspace.root.join(".claude"), found.cwd.join(".claude"));
        let mut files = vec![(Layer::Local, root.join("settings.local.json"))];
        if root != cwd {
            files.push((Layer::Local, cwd.join("settings.local.json")));
        }
        files.push((Layer::Project, cwd.join("settings.json")));
        let missing = cwd != root && self.is_missing(&cwd);
        for (layer, path) in files {
            let stamp = files::stamp(&path);
            if missing && path.starts_with(&cwd) {
                self.absent(layer, &path);
            } else if user.is_some() && stamp.identity() == user {
                self.expect(&path, Expected::Stamp(stamp));
            } else {
                self.file(layer, &path, Owner::Workspace);
            }
        }
    }

    // A missing directory stands for all of its files.
    fn is_missing(&mut self, directory: &Path) -> bool {
        let stamp = files::stamp(directory);
        let missing = stamp.is_absent();
        if missing {
            self.expect(directory, Expected::Stamp(stamp));
        }
        missing
    }

    // Write access to a repository must not make its files "the user's" through HOME or CLAUDE_CONFIG_DIR. The usual
    // place is always trusted, even if it leads to a repository of dotfiles.
    fn layer_of_user(&mut self, directory: &Path, found: &Found) -> Layer {
        let (root, home) = (&found.workspace.root, files::canonical_as_far_as_possible(&self.roots.home));
        let canonical = files::canonical_as_far_as_possible(directory);
        if canonical == files::canonical_as_far_as_possible(&self.roots.home.join(".claude")) {
            return Layer::User;
        }
        let (is_marked, probes) = workspace::mark_above(&canonical, &home);
        for (mark, owner) in &probes {
            self.expect(mark, Expected::Mark(*owner));
        }
        let is_in_workspace = canonical.starts_with(root) && !home.starts_with(root);
        if !is_marked && !is_in_workspace {
            return Layer::User;
        }
        if self.memory.first_time(&canonical) {
            tracing::warn!(directory = %directory.display(),
                "the configuration directory lies inside a repository or the workspace, so its settings need trust like a workspace's");
        }
        Layer::Project
    }

    // The last file has additional values for some configuration directories.
    fn narrow(&mut self, directory: PathBuf) {
        let Some(file) = self.files.last_mut().filter(|file| !file.content.directories.is_empty()) else {
            return;
        };
        let canonical = files::canonical_as_far_as_possible(&directory);
        let is_own =
            |path: &Path| path == directory || files::canonical_as_far_as_possible(path) == canonical;
        if let Some((_, own)) = file.content.directories.iter().find(|(path, _)| is_own(path)) {
            file.content = Arc::new(file.content.within(own));
        }
    }

    // The lowest file of all; its locked commands count as managed ones.
    fn system(&mut self) {
        let path = self.roots.system.clone();
        self.file(Layer::Config, &path, Owner::Managed(self.roots.managed_owner));
        let Some(File { state, content, .. }) = self.files.last() else { return };
        let (state, content) = (state.clone(), content.locked());
        if !content.commands.is_empty() {
            let at = self.files.iter().position(|file| file.layer > Layer::Managed);
            let locked = File { layer: Layer::Managed, path, state, content: Arc::new(content) };
            self.files.insert(at.unwrap_or(self.files.len()), locked);
        }
    }

    fn file(&mut self, layer: Layer, path: &Path, owner: Owner) {
        self.progress.note(path);
        let Known { file, stamp, settled } = self.memory.file(layer, path, owner);
        self.settled &= settled;
        self.expect(path, Expected::Stamp(stamp));
        self.files.push(file);
    }

    /// The files below `root` that commands of the workspace name, each once.
    fn scripts(&mut self, root: &Path, home: Option<&Path>) -> Vec<Script> {
        let files = self.files.iter().filter(|file| file.layer.is_workspace());
        let commands = files.flat_map(|file| file.content.commands.values());
        let named: BTreeMap<PathBuf, Location> = commands
            .flat_map(|command| {
                let paths = scripts::candidates(&command.value, root, home);
                paths.into_iter().map(|path| (path, command.at.clone()))
            })
            .collect();
        let mut found = Vec::new();
        if let Some(at) = named.values().nth(MAX_WORDS) {
            let state = format!(
                "the commands have {} words: not all files that they may name are compared",
                named.len()
            );
            found.push(Script { name: "names".into(), state, at: at.clone() });
        }
        for (path, at) in named.into_iter().take(MAX_WORDS) {
            found.extend(self.script(&path, at, root));
        }
        found
    }

    fn script(&mut self, path: &Path, at: Location, root: &Path) -> Option<Script> {
        self.progress.note(path);
        let canonical = files::canonical(path).unwrap_or_else(|_| path.to_owned());
        let lexical = path.components().collect::<PathBuf>();
        if !canonical.starts_with(root) && !lexical.starts_with(root) {
            return None;
        }
        let (stamp, settled, digested) = files::digest(path);
        self.settled &= settled;
        self.expect(path, Expected::Stamp(stamp));
        let state = match digested {
            Digested::Nothing => return None,
            _ if !canonical.starts_with(root) => format!("leads to {}", canonical.display()),
            Digested::Regular(digest, size) => format!("sha256 {digest}, {size} bytes"),
            Digested::Unreadable(why) => why.to_owned(),
        };
        let name = lexical.strip_prefix(root).unwrap_or(&lexical).to_string_lossy().into_owned();
        Some(Script { name, state, at })
    }

    // A file in a directory that does not exist: it is listed, but checking the directory is enough.
    fn absent(&mut self, layer: Layer, path: &Path) {
        self.memory.forget_below(layer, path);
        self.files.push(File {
            layer,
            path: path.to_owned(),
            state: FileState::Absent,
            content: Arc::default(),
        });
    }

    fn is_remote(&self) -> bool {
        let mut devices = HashSet::new();
        self.checks.iter().any(|Check { path, .. }| {
            self.progress.note(path);
            let device = path.ancestors().find_map(files::identity).map(|identity| identity.device);
            devices.insert(device) && files::is_remote(path)
        })
    }
}

fn is_drop_in(name: &[u8]) -> bool {
    name.ends_with(b".json") && !name.starts_with(b".")
}
