//! A real `systemd --user` of an ordinary user, with our units in it.

use super::{Home, binary, is_root, skipped, text};
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a script saw, by name.
pub type Seen = BTreeMap<String, String>;

/// Namespaces of its own need root, and a kernel that lets this root have them.
const NAMESPACES: [&str; 7] =
    ["--mount", "--pid", "--cgroup", "--ipc", "--fork", "--mount-proc", "--kill-child"];

/// Whether a manager can run here; says why not.
pub fn can_run() -> bool {
    if !is_root() || !Path::new("/lib/systemd/systemd").is_file() {
        skipped("root and systemd");
        return false;
    }
    let probe =
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup && rmdir $(mktemp -d /sys/fs/cgroup/claviger.XXXXXX)";
    let allowed = Command::new("unshare").args(NAMESPACES).args(["sh", "-c", probe]).output();
    let allowed = allowed.is_ok_and(|output| output.status.success());
    if !allowed {
        // Nothing that could be installed would help, so this is no error in CI either.
        let _ = writeln!(std::io::stderr(), "skipped: needs a kernel that gives root a cgroup namespace");
    }
    allowed
}

/// A file of the repository.
pub fn repository(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below)
}

/// A home with the units as they are installed, and the drop-ins beside.
pub fn home() -> Home {
    let home = Home::new();
    let program = home.path("home/bin/clavigerd").display().to_string();
    for name in ["clavigerd.socket", "clavigerd.service"] {
        let unit = fs::read_to_string(repository("systemd").join(name)).expect("unit");
        home.write(
            &format!("home/.config/systemd/user/{name}"),
            &unit.replace("/usr/local/bin/clavigerd", &program),
        );
    }
    for name in ["setgid-helpers.conf", "strict.conf"] {
        fs::copy(repository("systemd").join(name), home.path(format!("home/{name}"))).expect("drop-in");
    }
    home
}

/// Runs a script of tests/support/systemd under a manager, and gives what it saw.
pub fn observe(home: &Home, script: &str, managed: Option<&Path>) -> Seen {
    let support = repository("tests/support");
    let mut command = Command::new("unshare");
    command
        .args(NAMESPACES)
        .arg("sh")
        .arg(support.join("systemd.sh"))
        .arg(support.join("systemd").join(script));
    command.arg(binary("claviger").parent().expect("directory")).args(managed);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", home.path("home"));
    let output =
        command.env("XDG_RUNTIME_DIR", home.path("run")).stdin(Stdio::null()).output().expect("unshare");
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    said.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Compares what was seen with what has to be.
#[track_caller]
pub fn check(seen: &Seen, expected: &[(&str, &str)]) {
    for (name, expected) in expected {
        assert_eq!(seen.get(*name).map(String::as_str), Some(*expected), "{name} in {seen:#?}");
    }
}
