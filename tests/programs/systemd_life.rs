//! How the daemon lives with a real `systemd --user`: readiness, first answer, reload, watchdog, stop.

use claviger_tests::{CANARY, manager, namespaces};

/// How long the first session may wait for a daemon that systemd starts for it, in milliseconds: the project's promise. Its
/// own process counts too, and one try of a hundred is enough, for the machine may be busy.
const FIRST_ANSWER: u32 = 50;
/// How long a stop may take while a stream is open, in milliseconds.
const STOP: u32 = 1000;

#[test]
fn the_daemon_and_its_manager_understand_each_other() {
    let _turn = claviger_tests::turn::take();
    if !namespaces::available() {
        return;
    }
    let home = manager::home();
    let (runs, seen) = (home.path("home/runs"), home.path("home/seen"));
    let body = format!(
        "echo run >> {}\nenv | grep -E '^(NOTIFY|WATCHDOG|LISTEN)_' > {}\necho {CANARY}life",
        runs.display(),
        seen.display()
    );
    home.user_settings(&home.script("helper.sh", &body), &[]);
    let seen = manager::observe(&home, "life.sh", None);
    let token = format!("{CANARY}life");
    namespaces::expect(
        &seen,
        &[
            ("token", &token),
            ("seen", ""),
            ("before_ready", "activating"),
            ("status", "ready; no credential is cached"),
            ("secrets", "0"),
            ("token_again", &token),
            ("changed", "{\"changed\":true}"),
            ("changed_again", "{\"changed\":false}"),
            ("reload", "done"),
            ("fixed", "ready; 1 credential cached"),
            ("token_reloaded", &token),
            ("runs_by_reload", "0"),
            ("same_daemon", "yes"),
            ("token_handed_over", &token),
            ("handed_over", "yes"),
            ("token_restarted", &token),
            ("stored_after_restart", "0"),
            ("runs_by_restart", "0"),
            ("stored_after_stop", "0"),
            ("token_after_stop", &token),
            ("runs_by_stop", "1"),
            ("restarts", "1"),
            ("token_after_watchdog", &token),
            ("stopped", "inactive success"),
            ("token_after_start", &token),
            ("ended", "inactive success"),
            ("made_none", "none"),
            ("token_after_socket", &token),
            ("found", "1"),
            ("reset", "success active"),
            ("token_after_reset", &token),
            ("socket_at_end", "gone"),
            ("left", ""),
        ],
    );
    let broken = &seen["broken"];
    assert!(
        broken.starts_with("configuration not reloaded, ") && broken.contains("config.toml:2"),
        "{broken}"
    );
    let refused = &seen["refused"];
    assert!(refused.starts_with("4 ") && refused.contains("config.toml:2"), "{refused}");
    let milliseconds = |name: &str| seen[name].parse::<u32>().expect("a number");
    eprintln!(
        "first answer {} ms (try {}), stop {} ms",
        milliseconds("first_answer"),
        seen["tries"],
        milliseconds("stop_took")
    );
    assert!(milliseconds("first_answer") <= FIRST_ANSWER, "{seen:#?}");
    assert!(milliseconds("stop_took") <= STOP, "{seen:#?}");
}
