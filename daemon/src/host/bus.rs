//! The session bus of the daemon's user, and the meaning of its address.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use super::{
    files,
    system::{variable, variable_path},
};
use crate::logs::Rarely;
#[cfg(target_os = "linux")]
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt::PeerCredentials,
};
use nix::unistd::Uid;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// Whether the log has reported that a bus is not used.
static WARNED: Rarely = Rarely::new();

/// Address of the session bus: from the environment, else from systemd's user manager.
#[derive(Clone, Debug, Default)]
pub struct SessionBus {
    named: Option<String>,
    usual: Vec<PathBuf>,
    home: Option<PathBuf>,
}

/// A socket in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// A file.
    Path(PathBuf),
    /// An abstract name, which any user can take once it is free.
    Abstract(String),
}

/// The sockets in an address of the D-Bus specification ("Server Addresses"); `None` if it can also lead elsewhere.
pub fn sockets(address: &str) -> Option<Vec<Socket>> {
    let mut sockets = Vec::new();
    for address in address.split(';').filter(|address| !address.is_empty()) {
        for pair in address.strip_prefix("unix:")?.split(',') {
            match pair.split_once('=')? {
                ("path", path) if path.starts_with('/') && !path.contains('%') => {
                    sockets.push(Socket::Path(path.into()));
                }
                ("abstract", name) if !name.contains('%') => sockets.push(Socket::Abstract(name.to_owned())),
                ("guid", _) => {}
                _ => return None,
            }
        }
    }
    Some(sockets)
}

// === impl SessionBus ===

impl SessionBus {
    /// From the daemon's own environment. A session's variable is not used: a keyring there could be any program's.
    pub fn own() -> Self {
        let own = PathBuf::from(format!("/run/user/{}", Uid::effective()));
        let directories = variable_path("XDG_RUNTIME_DIR").into_iter().chain([own]);
        let usual = directories.map(|directory| directory.join("bus")).collect();
        let home = variable_path("HOME").map(|home| files::canonical_as_far_as_possible(&home));
        Self { named: variable("DBUS_SESSION_BUS_ADDRESS"), usual, home }
    }

    /// Whether there is one, or may be later.
    pub fn may_come(&self) -> bool {
        self.named.is_some() || !self.usual.is_empty()
    }

    /// Its current address. A daemon started by cron has no such variable, and the bus may come with a later login; a
    /// bus that was named may be gone with its session. A bus that others than the user could provide is not used: the
    /// environment is that of the first session, and a keyring receives refresh tokens.
    pub fn address(&self) -> Option<String> {
        let is_there = |socket: &Socket| match socket {
            Socket::Path(path) => path.exists(),
            Socket::Abstract(_) => true,
        };
        let named = self.named.as_ref().map(|named| (named, sockets(named).unwrap_or_default()));
        let is_usable = |(_, sockets): &(&String, Vec<Socket>)| {
            !sockets.is_empty() && sockets.iter().all(|socket| self.is_ours(socket))
        };
        if named.as_ref().is_some_and(|named| !is_usable(named)) && WARNED.is_due() {
            tracing::warn!("the session bus of the environment is not used: another user could provide it");
        }
        let named = named.filter(is_usable);
        let is_gone = named.as_ref().is_some_and(|(_, sockets)| !sockets.iter().any(is_there));
        let named = named.map(|(named, _)| named.clone());
        let usual = || {
            let is_usable = |path: &&PathBuf| path.exists() && self.is_ours(&Socket::Path((*path).clone()));
            let path = self.usual.iter().find(is_usable)?;
            Some(format!("unix:path={}", path.display()))
        };
        if is_gone { usual().or(named) } else { named.or_else(usual) }
    }

    /// Whether only the user or root can provide it; a repository must not control it either.
    fn is_ours(&self, socket: &Socket) -> bool {
        let is_outside = |path: &Path| files::repositories(path, self.home.as_deref()).is_empty();
        match socket {
            Socket::Path(path) => {
                let held = files::is_private(path);
                is_outside(path) && held.is_some_and(|canonical| is_outside(&canonical))
            }
            Socket::Abstract(name) => is_served_by_us(name),
        }
    }
}

/// Whether the abstract socket `name` belongs to the user or to root. The kernel answers at once.
#[cfg(target_os = "linux")]
fn is_served_by_us(name: &str) -> bool {
    let served = || {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(stream.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
        getsockopt(&stream, PeerCredentials)
    };
    served().is_ok_and(|peer| [Uid::effective().as_raw(), 0].contains(&peer.uid()))
}

/// There are none.
#[cfg(not(target_os = "linux"))]
fn is_served_by_us(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::{SessionBus, Socket, sockets};
    use std::{
        fs,
        os::unix::{
            fs::{PermissionsExt as _, symlink},
            net::UnixListener,
        },
        path::Path,
    };

    #[test]
    fn an_address_names_sockets_or_leads_anywhere() {
        let path = |path: &str| Socket::Path(path.into());
        let name = |name: &str| Socket::Abstract(name.into());
        for (address, expected) in [
            ("unix:path=/run/user/1/bus,guid=ab", Some(vec![path("/run/user/1/bus")])),
            ("unix:abstract=/tmp/dbus-x", Some(vec![name("/tmp/dbus-x")])),
            ("unix:path=/a;unix:path=/b", Some(vec![path("/a"), path("/b")])),
            ("unix:path=/a;tcp:host=evil", None),
            ("tcp:host=localhost,port=1", None),
            ("unixexec:path=/bin/sh", None),
            ("unix:path=/%65vil", None),
            ("unix:path=bus", None),
            ("unix:runtime=yes", None),
            ("autolaunch:", None),
        ] {
            assert_eq!(sockets(address), expected, "{address}");
        }
    }

    #[test]
    fn a_bus_that_others_could_stand_behind_is_not_used() {
        let place = tempfile::tempdir().expect("a directory");
        let base = fs::canonicalize(place.path()).expect("canonical");
        let listen = |below: &str| {
            let path = base.join(below);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            (UnixListener::bind(&path).expect("bound"), path)
        };
        let (_own, own) = listen("run/bus");
        let (_theirs, theirs) = listen("clone/run/bus");
        let (_open, open) = listen("open/bus");
        fs::create_dir(base.join("clone/.git")).expect("created");
        fs::set_permissions(base.join("open"), fs::Permissions::from_mode(0o777)).expect("mode");
        symlink(&own, base.join("clone/link")).expect("linked");
        symlink(&theirs, base.join("run/link")).expect("linked");
        let address = |path: &Path| format!("unix:path={}", path.display());
        let bus = |named: &str, usual: &Path| SessionBus {
            named: Some(named.to_owned()),
            usual: vec![usual.to_owned()],
            home: Some(base.join("home")),
        };
        let used = Some(address(&own));
        assert_eq!(bus(&address(&own), &open).address(), used);
        let gone = base.join("run/gone");
        assert_eq!(bus(&address(&gone), &own).address(), used, "one that went with its session");
        assert_eq!(bus(&address(&gone), &theirs).address(), Some(address(&gone)), "nothing answers there");
        for wrong in
            [&theirs, &open, &base.join("clone/link"), &base.join("run/link"), &base.join("clone/no")]
        {
            assert_eq!(
                bus(&address(wrong), &own).address(),
                used,
                "{}: the usual one is there",
                wrong.display()
            );
            assert_eq!(bus(&address(wrong), wrong).address(), None, "{}", wrong.display());
        }
        for wrong in ["tcp:host=localhost,port=1", "unix:abstract=claviger-no-such-bus", "autolaunch:"] {
            assert_eq!(bus(wrong, &theirs).address(), None, "{wrong}");
        }
    }
}
