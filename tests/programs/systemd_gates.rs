//! Gates under a real `systemd --user`: they live on while the manager restarts or stops the daemon, and end with their session.

use claviger_tests::{
    CANARY, manager, namespaces,
    stand_in::{Response, StandIn},
    wait,
};
use serde_json::json;
use std::fs;

/// How long a stop of the service may take while a gate is open, in milliseconds.
const STOP: u32 = 5000;

#[test]
fn gates_outlive_the_service() {
    if !namespaces::available() {
        return;
    }
    let home = manager::home();
    let (asked, go) = (home.path("home/asked"), home.path("home/go"));
    let api = StandIn::start(move |request| {
        if request.path == "/slow" {
            fs::write(&asked, "").expect("written");
            wait::until("it may answer", || go.exists());
        }
        match request.header("x-api-key").starts_with(CANARY) {
            true => Response::json(json!({})),
            false => Response::error(401, json!({})),
        }
    });
    let helper = home.script("helper.sh", &format!("echo {CANARY}gates"));
    home.user_settings(&helper, &[("ANTHROPIC_BASE_URL", &api.url)]);
    let seen = manager::observe(&home, "gates.sh", None);
    namespaces::expect(
        &seen,
        &[
            ("servers", "1"),
            ("sent", "200"),
            ("slow", "200"),
            ("same_after_restart", "yes"),
            ("sent_after_restart", "200"),
            ("same_after_handover", "yes"),
            ("sent_after_handover", "200"),
            ("same_after_stop", "yes"),
            ("sent_after_stop", "200"),
            ("sent_after_kill", "200"),
            ("same_after_kill", "yes"),
            ("socket_of_gate", "gone"),
            ("socket_at_end", "gone"),
            ("left", ""),
        ],
    );
    let milliseconds = |name: &str| seen[name].parse::<u32>().expect("a number");
    for name in ["restart_took", "stop_took"] {
        assert!(milliseconds(name) <= STOP, "{name} in {seen:#?}");
    }
}
