//! Files, directories and sockets: owners and permissions.

use crate::doctor::facts::{Found, Kind, Owner, PathFact, Role};
use claviger::{
    group::{GROUPS, has_members},
    place::seat,
    socket,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

/// Most accounts' files that are checked.
const MAX: usize = 64;

/// Every place that exists.
pub(super) fn all(
    variables: &BTreeMap<String, String>,
    own_socket: Option<&Path>,
    programs: &[String],
) -> Vec<PathFact> {
    let directory = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = directory("HOME");
    let below = |path: &str| home.as_ref().map(|home| home.join(path));
    let state =
        directory("XDG_STATE_HOME").or_else(|| below(".local/state")).map(|path| path.join("claviger"));
    let config = directory("XDG_CONFIG_HOME").or_else(|| below(".config")).map(|path| path.join("claviger"));
    let claude = directory("CLAUDE_CONFIG_DIR").or_else(|| below(".claude"));
    let mut wanted = Vec::new();
    let mut add = |path: Option<PathBuf>, role| wanted.extend(path.map(|path| (path, role)));
    let in_run = |name| own_socket.and_then(Path::parent).map(|run| run.join(name));
    add(own_socket.and_then(Path::parent).map(Path::to_owned), Role::OwnDirectory);
    add(own_socket.map(Path::to_owned), Role::Socket);
    add(in_run(socket::START_LOCK_NAME), Role::OwnFile);
    add(config.clone(), Role::Directory);
    add(config.map(|config| config.join("config.toml")), Role::File);
    add(claude.clone(), Role::Directory);
    add(claude.as_ref().map(|claude| claude.join("settings.json")), Role::File);
    add(claude.map(|claude| claude.join(".credentials.json")), Role::SecretFile);
    add(below(".claude.json"), Role::File);
    add(below(".aws"), Role::Directory);
    add(directory("AWS_CONFIG_FILE").or_else(|| below(".aws/config")), Role::File);
    add(directory("AWS_SHARED_CREDENTIALS_FILE").or_else(|| below(".aws/credentials")), Role::SecretFile);
    add(
        directory("GOOGLE_APPLICATION_CREDENTIALS")
            .or_else(|| below(".config/gcloud/application_default_credentials.json")),
        Role::SecretFile,
    );
    add(below(".azure/msal_token_cache.json"), Role::SecretFile);
    for path in programs.iter().map(PathBuf::from).filter(|path| path.is_absolute()) {
        add(Some(path), Role::File);
    }
    wanted.extend(state.map(of_state).unwrap_or_default());
    wanted.into_iter().filter_map(|(path, role)| look(path, role)).collect()
}

/// The directory of the state, and everything in it and one level below.
fn of_state(state: PathBuf) -> Vec<(PathBuf, Role)> {
    let mut all = vec![(state.clone(), Role::OwnDirectory)];
    for path in [state.clone(), state.join("accounts"), seat(&state)] {
        let entries = fs::read_dir(path).into_iter().flatten().flatten().take(MAX);
        let role = |path: &Path| match path.file_name() {
            _ if path.is_dir() => Role::OwnDirectory,
            Some(name) if name == socket::SOCKET_NAME => Role::Socket,
            _ => Role::OwnFile,
        };
        all.extend(entries.map(|entry| entry.path()).map(|path| (path.clone(), role(&path))));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn look(path: PathBuf, role: Role) -> Option<PathFact> {
    // Dotfiles are often symlinks; claviger's own files never are.
    let follows = matches!(role, Role::SecretFile | Role::Directory | Role::File);
    let found = if follows { fs::metadata(&path) } else { fs::symlink_metadata(&path) }.ok()?;
    let kind = match found.file_type() {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_socket() => Kind::Socket,
        _ => Kind::Other,
    };
    let us = nix::unistd::Uid::effective().as_raw();
    let owner = match found.uid() {
        uid if uid == us => Owner::Us,
        0 => Owner::Root,
        uid => Owner::Other(uid),
    };
    // Files writable by a user's private group belong to the user alone; the daemon has the same rule.
    let is_private = found.gid() == us && matches!(role, Role::Directory | Role::File) && {
        let groups = fs::read_to_string(GROUPS).unwrap_or_default();
        !has_members(&groups, us)
    };
    let mode = found.mode() & if is_private { 0o7757 } else { 0o7777 };
    Some(PathFact { path, role, found: Found { kind, mode, owner } })
}
