//! Owners and permissions.

use super::daemon::quoted;
use crate::doctor::{
    facts::{Facts, Found, Kind, Owner, Place, Role},
    finding::Finding,
};
use claviger::reason::Location;

/// Judges every place, but settings files of which the daemon says itself what is wrong.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let told = |place: &&Place| {
        let path = place.path.display().to_string();
        !explained.is_some_and(|explained| super::settings::is_broken(explained, &path))
    };
    facts.places.iter().filter(told).filter_map(judge).collect()
}

fn judge(place: &Place) -> Option<Finding> {
    let finding = kind(place).or_else(|| owner(place)).or_else(|| mode(place))?;
    Some(finding.at(&Location { file: place.path.display().to_string(), ..Location::default() }))
}

fn wanted(role: Role) -> (Kind, &'static str) {
    match role {
        Role::OwnDirectory | Role::Directory => (Kind::Directory, "a directory"),
        Role::Socket => (Kind::Socket, "a socket"),
        Role::OwnFile | Role::SecretFile | Role::File => (Kind::File, "a file"),
    }
}

fn kind(Place { path, role, found }: &Place) -> Option<Finding> {
    let (kind, name) = wanted(*role);
    (found.kind != kind).then(|| {
        Finding::error("wrong-kind", format!("it should be {name}"))
            .because("claviger leaves it alone, and does not work around it")
            .mend(format!("mv {path} {path}.old", path = quoted(path)))
    })
}

fn owner(Place { path, role, found }: &Place) -> Option<Finding> {
    let whose = match (found.owner, role) {
        (Owner::Us, _) | (Owner::Root, Role::Directory | Role::File) => return None,
        (Owner::Root, _) => "root".to_owned(),
        (Owner::Other(uid), _) => format!("uid {uid}"),
    };
    Some(
        Finding::error("wrong-owner", format!("it belongs to {whose}"))
            .because("often left behind by sudo; its owner can change what it says")
            .mend(format!("sudo chown \"$(id -u)\" {}", quoted(path))),
    )
}

fn mode(Place { path, role, found: Found { mode, .. } }: &Place) -> Option<Finding> {
    let (forbidden, right, cause) = match role {
        Role::OwnDirectory => (0o077, "700", "only you may look in"),
        Role::OwnFile | Role::SecretFile => (0o077, "600", "only you may read it"),
        Role::Socket => (0o077, "600", "only you may connect to it"),
        Role::Directory | Role::File => (0o022, "go-w", "who can write here decides what runs as you"),
    };
    let open = mode & forbidden;
    let can = if open & 0o022 != 0 { "change" } else { "read" };
    // What others can change is worse than what they can read, but for files that hold a secret in the clear.
    let finding = if open & 0o022 != 0 { Finding::error } else { Finding::warning };
    (open != 0).then(|| {
        finding("open-to-others", format!("others than you can {can} it (mode {mode:04o})"))
            .because(cause)
            .mend(format!("chmod {right} {}", quoted(path)))
    })
}
