//! The systemd units under a real `systemd --user`: activation, restart, and limits that helpers can live with.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};
use support::{CANARY, Home, binary, is_root, skipped, text};

/// Namespaces of its own need root, and a kernel that lets this root have them.
const NAMESPACES: [&str; 7] =
    ["--mount", "--pid", "--cgroup", "--ipc", "--fork", "--mount-proc", "--kill-child"];

fn can_run() -> bool {
    if !is_root() || !Path::new("/lib/systemd/systemd").is_file() {
        skipped("root and systemd");
        return false;
    }
    let probe = "mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir /sys/fs/cgroup/claviger-probe.$$ && rmdir /sys/fs/cgroup/claviger-probe.$$";
    let allowed = Command::new("unshare").args(NAMESPACES).args(["sh", "-c", probe]).output();
    let allowed = allowed.is_ok_and(|output| output.status.success());
    if !allowed {
        // Nothing that could be installed would help, so this is no error in CI either.
        let _ = writeln!(std::io::stderr(), "skipped: needs a kernel that gives root a cgroup namespace");
    }
    allowed
}

/// A home with the units as `cargo xtask install` writes them, and a helper that notes the limits it runs in.
fn prepare() -> Home {
    let home = Home::new();
    let seen = home.path("home/seen").display().to_string();
    // What a helper needs: files, names, sockets, children.
    let body = format!(
        "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t' > {seen}\n\
         umask >> {seen}\n\
         getent hosts localhost > /dev/null && echo resolves >> {seen}\n\
         (git --version | sort) > /dev/null && echo children >> {seen}\n\
         echo {CANARY}systemd"
    );
    home.user_settings(&home.script("helper.sh", &body), &[]);
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let daemon = binary("clavigerd").display().to_string();
    for name in ["clavigerd.socket", "clavigerd.service"] {
        let unit =
            fs::read_to_string(units.join(name)).expect("unit").replace("/usr/local/bin/clavigerd", &daemon);
        home.write(&format!("home/.config/systemd/user/{name}"), &unit);
    }
    fs::copy(units.join("setgid-helpers.conf"), home.path("home/setgid-helpers.conf")).expect("drop-in");
    home
}

/// Runs the script, and gives what it saw.
fn observe(home: &Home) -> BTreeMap<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/systemd.sh");
    let mut command = Command::new("unshare");
    command.args(NAMESPACES).arg("sh").arg(script).arg(binary("claviger")).arg(home.path("home/seen"));
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

#[test]
fn the_units_activate_restart_and_let_helpers_work() {
    if !can_run() {
        return;
    }
    let seen = observe(&prepare());
    let token = format!("{CANARY}systemd");
    for (name, expected) in [
        ("directory_mode", "700"),
        ("socket_mode", "600"),
        ("service_before", "inactive"),
        ("token", &token),
        ("limits", "NoNewPrivs:1 Seccomp:2 0077 resolves children "),
        ("core_limit", "0"),
        ("socket_after_stop", "active"),
        ("token_after_stop", &token),
        ("another_daemon", "yes"),
        ("token_after_kill", &token),
        ("token_relaxed", &token),
        ("limits_relaxed", "NoNewPrivs:0 Seccomp:0 0077 resolves children "),
        ("socket_at_end", "gone"),
    ] {
        assert_eq!(seen.get(name).map(String::as_str), Some(expected), "{name} in {seen:#?}");
    }
}
