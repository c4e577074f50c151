//! The far side of a socket: a process with namespaces of its own, which sees the socket and nothing else of the home.

use super::{Home, binary, is_root, skipped, text};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Mounts the socket where a container would have it, hides the near side, and becomes the command.
const MOUNTS: &str = r#"
set -eu
mount -t tmpfs tmpfs /mnt
mkdir -m 700 /mnt/s /mnt/home
: > /mnt/s/c.sock
mount --bind "$FAR_SOCK" /mnt/s/c.sock
mkdir /mnt/bin
for program in claviger clavigerd; do : > /mnt/bin/$program; mount --bind "$FAR_BIN/$program" /mnt/bin/$program; done
mount -t tmpfs tmpfs "$FAR_HIDDEN"
cd /mnt/home
unset FAR_SOCK FAR_BIN FAR_HIDDEN XDG_RUNTIME_DIR
export HOME=/mnt/home CLAVIGER_SOCK=/mnt/s/c.sock
exec "$@"
"#;

/// A container's side of a socket.
pub struct Far {
    socket: PathBuf,
    hidden: PathBuf,
}

impl Far {
    /// The far side of `socket`, which is one of `home`. `None`, and a line that says so, where namespaces cannot be made.
    pub fn new(home: &Home, socket: &Path) -> Option<Self> {
        if !is_root() {
            skipped("root, to make namespaces");
            return None;
        }
        Some(Self { socket: socket.to_owned(), hidden: home.path("") })
    }

    /// A command there: its own mount, process, user and network namespaces.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "--mount-proc"]);
        command.args(["sh", "-c", MOUNTS, "far"]).args(words).env_clear().stdin(Stdio::null());
        let programs = binary("claviger").parent().map(Path::to_owned).unwrap_or_default();
        command.env("PATH", "/mnt/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("FAR_BIN", programs);
        command.env("FAR_SOCK", &self.socket).env("FAR_HIDDEN", &self.hidden).current_dir("/");
        command
    }

    /// Runs the client there to its end.
    pub fn claviger(&self, arguments: &[&str]) -> Output {
        self.command(&[&["/mnt/bin/claviger"], arguments].concat()).output().expect("unshare runs")
    }

    /// Its stdout, which must be a success.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.claviger(arguments);
        assert!(output.status.success(), "claviger {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Its stderr; it must end with `code` and print nothing.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.claviger(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "claviger {arguments:?}: {stderr}");
        assert_eq!(text(&output.stdout), "", "stdout is for data");
        stderr
    }
}

/// Every process below this test that is not one of claviger's own, by its command line: what a caller made the daemon run.
pub fn started_by(pid: u32) -> Vec<String> {
    let children = |pid: u32| {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|word| word.parse::<u32>().ok()).collect::<Vec<_>>()
    };
    let line = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    children(pid).iter().map(|child| String::from_utf8_lossy(&line(child)).replace('\0', " ")).collect()
}
