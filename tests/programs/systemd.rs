//! The systemd units under a real `systemd --user`: activation, restart, and limits that helpers can live with.

use claviger::variables::{Use, VARIABLES};
use claviger_tests::{CANARY, Home, manager, namespaces};
use std::{collections::BTreeSet, fs};

/// A home with a helper that notes the limits it runs in, and opens something like a browser.
fn prepare() -> Home {
    let home = manager::home();
    let (seen, browser) = (home.path("home/seen"), home.path("home/browser"));
    let (seen, browser) = (seen.display(), browser.display());
    // What a browser does that is opened by xdg-open: it leaves its parent, and makes a sandbox of namespaces.
    let opened = home.script(
        "browser.sh",
        &format!(
            "echo opened > {browser}.opened\n\
             unshare --user --map-root-user --mount --pid --fork true && echo sandboxed > {browser}"
        ),
    );
    // What a helper needs: files, names, sockets, children.
    let body = format!(
        "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t' > {seen}\n\
         umask >> {seen}\n\
         getent hosts localhost > /dev/null && echo resolves >> {seen}\n\
         (git --version | sort) > /dev/null && echo children >> {seen}\n\
         nice -n 5 true 2> /dev/null && echo nice >> {seen}\n\
         mkfifo -m 600 {browser}.opened 2> /dev/null\n\
         setsid {} > /dev/null 2>&1 &\n\
         read opened < {browser}.opened\n\
         echo {CANARY}systemd",
        opened.display()
    );
    home.user_settings(&home.script("helper.sh", &body), &[]);
    home
}

/// What every helper finds, whatever limits it.
const WORKS: &str = "0077 resolves children nice ";

#[test]
fn the_units_activate_restart_and_let_helpers_work() {
    if !namespaces::available() {
        return;
    }
    let home = prepare();
    home.write("managed.json", "{\"env\": {\"API_TIMEOUT_MS\": \"1\"}}");
    let seen = manager::observe(&home, "limits.sh", Some(&home.path("managed.json")));
    let token = format!("{CANARY}systemd");
    namespaces::expect(
        &seen,
        &[
            ("directory_mode", "700"),
            ("socket_mode", "600"),
            ("service_before", "inactive"),
            ("token", &token),
            ("limits", &format!("NoNewPrivs:1 Seccomp:2 {WORKS}")),
            ("browser", "sandboxed "),
            ("stored", "\"name\":\"stored\""),
            ("core_limit", "0"),
            ("managed", "\"state\":\"loaded\""),
            ("socket_after_stop", "active"),
            ("token_after_stop", &token),
            ("another_daemon", "yes"),
            ("token_after_kill", &token),
            ("token_relaxed", &token),
            ("limits_relaxed", &format!("NoNewPrivs:0 Seccomp:0 {WORKS}")),
            ("socket_at_end", "gone"),
            ("left", ""),
        ],
    );
}

#[test]
fn the_strict_drop_in_lets_helpers_work_too() {
    if !namespaces::available() {
        return;
    }
    let home = prepare();
    home.write("home/strict", "");
    let seen = manager::observe(&home, "limits.sh", None);
    let token = format!("{CANARY}systemd");
    namespaces::expect(
        &seen,
        &[
            ("token", &token),
            ("limits", &format!("NoNewPrivs:1 Seccomp:2 {WORKS}")),
            ("browser", "sandboxed "),
            ("stored", "\"name\":\"stored\""),
            ("token_after_kill", &token),
            ("left", ""),
        ],
    );
}

/// Root's files look like an unknown user's there. A policy that may be another user's must not be passed over in silence.
#[test]
fn the_strict_drop_in_refuses_where_settings_are_managed() {
    if !namespaces::available() {
        return;
    }
    let home = prepare();
    home.write("home/strict", "");
    home.write("managed.json", "{\"env\": {\"API_TIMEOUT_MS\": \"1\"}}");
    let seen = manager::observe(&home, "managed.sh", Some(&home.path("managed.json")));
    let said = seen.get("said").expect("an answer");
    assert!(said.starts_with("4 ") && said.contains("/etc/claude-code"), "{seen:#?}");
}

#[test]
fn no_secret_of_a_session_is_left_in_the_daemons_environment() {
    let unit = fs::read_to_string(manager::repository("systemd/clavigerd.service")).expect("unit");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("UnsetEnvironment="));
    let unset: BTreeSet<&str> = lines.flat_map(str::split_whitespace).collect();
    let is_secret = |usage: &Use| matches!(usage, Use::Secret | Use::Handed | Use::Lent(_));
    let secrets: BTreeSet<&str> =
        VARIABLES.iter().filter(|(_, usage)| is_secret(usage)).map(|(name, _)| *name).collect();
    assert_eq!(unset, secrets);
}
