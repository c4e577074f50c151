//! The LaunchAgent of macOS: launchd expands no variable and makes no directory, so both are done at installation.

// The very function that daemon and clients use; their crate would bring half of the tree along.
#[allow(dead_code, unreachable_pub, reason = "a library elsewhere")]
#[path = "../../src/socket.rs"]
mod socket;

use crate::{check::PROGRAM, sh};
use std::{
    env,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Where it is in the repository.
pub(crate) const FILE: &str = "launchd/dev.claviger.clavigerd.plist";
/// Loads it, in the words of a shell.
pub(crate) const START: &str =
    "launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/dev.claviger.clavigerd.plist";
/// What stands in it for the socket, and for the home directory everywhere else.
const SOCKET: &str = "/Users/USER/.local/run/claviger/claviger.sock";
const HOME: &str = "/Users/USER";

/// What is different for each user.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) home: PathBuf,
    pub(crate) socket: PathBuf,
}

/// Whose agent it is, and where his clients look for the socket.
pub(crate) fn facts() -> sh::Result<Facts> {
    let path = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = path("HOME").ok_or("HOME is not set to an absolute path")?;
    let uid = sh::stdout(Command::new("id").arg("-u"))?.parse()?;
    let runtime = socket::runtime_dir(path("XDG_RUNTIME_DIR"), Some(&home));
    Ok(Facts { socket: socket::default_path(runtime.as_deref(), uid), home })
}

/// The property list for one user. The paths need no quoting in XML.
pub(crate) fn fill(text: &str, program: &str, socket: &str, home: &str) -> String {
    // The socket first: the home directory is a part of it.
    text.replace(PROGRAM, program).replace(SOCKET, socket).replace(HOME, home)
}

/// Makes the directories of socket and log.
pub(crate) fn prepare() -> sh::Result {
    let facts = facts()?;
    let run = facts.socket.parent().unwrap_or(Path::new("/"));
    for directory in [run, &facts.home.join(".local/state/claviger")] {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    Ok(())
}

/// Takes it away from launchd, if it has it.
pub(crate) fn unload() {
    let Ok(uid) = sh::stdout(Command::new("id").arg("-u")) else { return };
    let agent = format!("gui/{uid}/dev.claviger.clavigerd");
    drop(sh::capture(Command::new("launchctl").arg("bootout").arg(agent)));
}

#[cfg(test)]
mod tests {
    use super::{FILE, fill};
    use crate::sh;
    use std::fs;

    #[test]
    fn no_placeholder_is_left_and_each_path_is_there_once() {
        let text = fs::read_to_string(sh::root().join(FILE)).expect("the agent");
        let filled = fill(&text, "/p/clavigerd", "/s/claviger.sock", "/h");
        for path in [">/p/clavigerd<", ">/s/claviger.sock<", ">/h/.local/state/claviger/launchd.log<"] {
            assert_eq!(filled.matches(path).count(), 1, "{path}");
        }
        assert!(!filled.contains("/Users/") && !filled.contains("/usr/local"), "{filled}");
    }
}
