//! Owners and permissions.

use crate::doctor::{
    facts::{Facts, Found, Kind, Owner, PathFact, Role},
    finding::Finding,
};
use claviger::{reason::Location, remedy::Remedy, socket::SOCKET_VARIABLE};

/// Checks every place, except settings files whose faults the daemon itself reports.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let told = |place: &&PathFact| {
        let path = place.path.display().to_string();
        !explained.is_some_and(|explained| super::settings::is_broken(explained, &path))
    };
    facts.places.iter().filter(told).filter_map(|place| judge(place, facts)).collect()
}

fn judge(place: &PathFact, facts: &Facts) -> Option<Finding> {
    let finding = kind(place).or_else(|| owner(place, facts)).or_else(|| mode(place))?;
    Some(finding.at(&Location::of_file(&place.path)))
}

fn wanted(role: Role) -> (Kind, &'static str) {
    match role {
        Role::OwnDirectory | Role::Directory => (Kind::Directory, "a directory"),
        Role::Socket => (Kind::Socket, "a socket"),
        Role::OwnFile | Role::SecretFile | Role::File => (Kind::File, "a file"),
    }
}

fn kind(PathFact { path, role, found }: &PathFact) -> Option<Finding> {
    let (kind, name) = wanted(*role);
    (found.kind != kind).then(|| {
        Finding::error("wrong-kind", format!("it should be {name}"))
            .because("claviger does not change it, and does not work around it")
            .helped(Remedy::move_away(path))
    })
}

fn owner(PathFact { path, role, found }: &PathFact, facts: &Facts) -> Option<Finding> {
    let whose = match (found.owner, role) {
        (Owner::Us, _) | (Owner::Root, Role::Directory | Role::File) => return None,
        (Owner::Root, _) => "root".to_owned(),
        (Owner::Other(uid), _) => format!("uid {uid}"),
    };
    let remedy = match (found.owner, role) {
        // It may belong to a daemon of its owner: the owner has to decide.
        (_, Role::Socket) if facts.names_socket => Remedy::unset(&[SOCKET_VARIABLE]),
        (Owner::Other(_), Role::Directory | Role::File) => {
            Remedy::Administrator(format!("make {} yours, or root's", path.display()))
        }
        (Owner::Root, _) if !matches!(role, Role::Socket) => {
            Remedy::run(&["sudo", "chown", &facts.uid.to_string(), &path.to_string_lossy()])
        }
        _ => Remedy::move_away(path),
    };
    Some(
        Finding::error("wrong-owner", format!("it belongs to {whose}"))
            .because("often left behind by sudo; its owner can change its content")
            .helped(remedy),
    )
}

fn mode(PathFact { path, role, found: Found { mode, owner, .. } }: &PathFact) -> Option<Finding> {
    let (forbidden, right, cause) = match role {
        Role::OwnDirectory => (0o077, "700", "only you may access it"),
        Role::OwnFile | Role::SecretFile => (0o077, "600", "only you may read it"),
        Role::Socket => (0o077, "600", "only you may connect to it"),
        Role::Directory | Role::File => (0o022, "go-w", "anyone who can write here decides what runs as you"),
    };
    let open = mode & forbidden;
    let can = if open & 0o022 != 0 { "change" } else { "read" };
    // Write access is worse than read access, except for files with an unencrypted secret.
    let finding = if open & 0o022 != 0 { Finding::error } else { Finding::warning };
    (open != 0).then(|| {
        finding("open-to-others", format!("other users can {can} it (mode {mode:04o})"))
            .because(cause)
            .helped(match owner {
                Owner::Us => Remedy::permit(right, path),
                Owner::Root | Owner::Other(_) => {
                    Remedy::Administrator(format!("deny others access to {} (chmod {right})", path.display()))
                }
            })
    })
}
