//! Scripts in namespaces of their own, in which a real `systemd --user` can run and the file system can be changed.

use super::{Home, is_root, skipped, text};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Namespaces of its own need root, and a kernel that lets this root have them.
const NAMESPACES: [&str; 7] =
    ["--mount", "--pid", "--cgroup", "--ipc", "--fork", "--mount-proc", "--kill-child"];

/// Whether scripts can be run so; says what is missing if they cannot.
pub fn available() -> bool {
    if !is_root() || !Path::new("/lib/systemd/systemd").is_file() {
        skipped("root and systemd");
        return false;
    }
    let probe =
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup && rmdir $(mktemp -d /sys/fs/cgroup/claviger.XXXXXX)";
    let allowed = Command::new("unshare").args(NAMESPACES).args(["sh", "-c", probe]).output();
    let allowed = allowed.is_ok_and(|output| output.status.success());
    if !allowed {
        // Nothing that could be installed would help, so this is not an error in CI either.
        let _ = writeln!(std::io::stderr(), "skipped: needs a kernel that gives root a cgroup namespace");
    }
    allowed
}

/// What a script of tests/support saw: its lines of NAME=VALUE, with `|` for line feeds.
pub fn observe(home: &Home, script: &str, arguments: &[&OsStr]) -> BTreeMap<String, String> {
    let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("support");
    let mut command = Command::new("unshare");
    command.args(NAMESPACES).arg("sh").arg(support.join("without_managed_settings.sh"));
    command.arg("sh").arg(support.join(script)).args(arguments).env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", home.path("home")).env("XDG_RUNTIME_DIR", home.path("run"));
    command.current_dir(home.path("work")).stdin(Stdio::null());
    let output = command.output().expect("unshare");
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    said.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Fails unless `seen` has these values.
#[track_caller]
pub fn expect(seen: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(seen.get(*name).map(String::as_str), Some(*value), "{name} in {seen:#?}");
    }
}
