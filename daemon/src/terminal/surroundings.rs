//! Meaning of a surrounding's value. Pure.

use crate::host::bus::{Socket, sockets};
use std::path::{Path, PathBuf};

/// Target of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Nothing that others could replace: a language, a display, an abstract socket.
    Nothing,
    /// These files, sockets or directories.
    Paths(Vec<PathBuf>),
    /// Anything else, for example a server.
    Other,
}

/// The target of `value` of the variable `name`.
pub(super) fn named(name: &str, value: &str) -> Named {
    if value.is_empty() {
        return Named::Nothing;
    }
    match name {
        "DBUS_SESSION_BUS_ADDRESS" => bus(value),
        "DISPLAY" => {
            if is_display(value) {
                Named::Nothing
            } else {
                Named::Other
            }
        }
        "TZ" => zone(value.strip_prefix(':').unwrap_or(value)),
        "TERM" | "LANG" | "WAYLAND_DISPLAY" | "BROWSER" | "GPG_TTY" => word_or_path(value),
        _ if name.starts_with("LC_") => word_or_path(value),
        _ => path(value),
    }
}

fn path(value: &str) -> Named {
    match Path::new(value).is_absolute() {
        true => Named::Paths(vec![value.into()]),
        false => Named::Other,
    }
}

/// A name, as in `C.UTF-8` or `firefox` or `not a tty`, or a path.
fn word_or_path(value: &str) -> Named {
    let is_word = |c: char| c.is_ascii_alphanumeric() || " ._-+@=".contains(c);
    if value.chars().all(is_word) { Named::Nothing } else { path(value) }
}

/// `Europe/Berlin` is below the system's own directory.
fn zone(value: &str) -> Named {
    let is_inside = !value.starts_with('/') && !value.split('/').any(|part| part == "..");
    if is_inside { Named::Nothing } else { path(value) }
}

/// A display of this machine, as in `:0.0`, or one that ssh forwards. That of another host is controlled by whatever
/// answers there.
fn is_display(value: &str) -> bool {
    let Some((host, number)) = value.rsplit_once(':') else { return false };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !number.is_empty();
    ["", "localhost", "unix", "127.0.0.1"].contains(&host) && is_number
}

/// An abstract socket is a name. Its owner is not checked, since a session that lends it has access to it in any case.
fn bus(value: &str) -> Named {
    let Some(sockets) = sockets(value) else { return Named::Other };
    let path = |socket| match socket {
        Socket::Path(path) => Some(path),
        Socket::Abstract(_) => None,
    };
    let paths: Vec<_> = sockets.into_iter().filter_map(path).collect();
    if paths.is_empty() { Named::Nothing } else { Named::Paths(paths) }
}

#[cfg(test)]
mod tests {
    use super::{Named, named};

    #[test]
    fn what_others_could_stand_behind_is_told_from_names() {
        let paths = |list: &[&str]| Named::Paths(list.iter().map(Into::into).collect());
        for (name, value, expected) in [
            ("SSH_AUTH_SOCK", "", Named::Nothing),
            ("SSH_AUTH_SOCK", "/tmp/ssh-x/agent.1", paths(&["/tmp/ssh-x/agent.1"])),
            ("SSH_AUTH_SOCK", "agent", Named::Other),
            ("DISPLAY", ":0", Named::Nothing),
            ("DISPLAY", "localhost:10.0", Named::Nothing),
            ("DISPLAY", "evil.example:0", Named::Other),
            ("DISPLAY", "/tmp/x:0", Named::Other),
            ("WAYLAND_DISPLAY", "wayland-0", Named::Nothing),
            ("WAYLAND_DISPLAY", "/run/w", paths(&["/run/w"])),
            ("WAYLAND_DISPLAY", "../w", Named::Other),
            ("LANG", "de_DE.UTF-8@euro", Named::Nothing),
            ("LC_ALL", "/evil", paths(&["/evil"])),
            ("LC_TIME", "x/y", Named::Other),
            ("TZ", "Europe/Berlin", Named::Nothing),
            ("TZ", ":/etc/localtime", paths(&["/etc/localtime"])),
            ("TZ", "../../evil", Named::Other),
            ("TERM", "xterm-256color", Named::Nothing),
            ("GPG_TTY", "not a tty", Named::Nothing),
            ("GPG_TTY", "/dev/pts/1", paths(&["/dev/pts/1"])),
            ("BROWSER", "firefox", Named::Nothing),
            ("BROWSER", "sh -c $(x)", Named::Other),
            ("SHELL", "/bin/zsh", paths(&["/bin/zsh"])),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1/bus,guid=ab", paths(&["/run/user/1/bus"])),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=/tmp/dbus-x", Named::Nothing),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/a;unix:path=/b", paths(&["/a", "/b"])),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/a;tcp:host=evil", Named::Other),
            ("DBUS_SESSION_BUS_ADDRESS", "tcp:host=localhost,port=1", Named::Other),
            ("DBUS_SESSION_BUS_ADDRESS", "unixexec:path=/bin/sh", Named::Other),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/%65vil", Named::Other),
        ] {
            assert_eq!(named(name, value), expected, "{name}={value}");
        }
    }
}
