//! Daemons that are killed again and again, at any moment, while sessions ask: no call fails.

use claviger_tests::{CANARY, Home, text};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

const SESSIONS: usize = 4;
const CALLS: usize = 40;
const KILLS: usize = 20;

#[test]
fn no_call_fails_while_daemons_are_killed() {
    let home = Home::new();
    let helper = home.counting_helper("key", 0.02);
    home.user_settings(&helper, &[]);
    let (home, done) = (&home, &AtomicUsize::new(0));
    let killed = thread::scope(|scope| {
        for _ in 0..SESSIONS {
            scope.spawn(|| {
                for _ in 0..CALLS {
                    let output = home.run(&["token"]);
                    assert!(output.status.success(), "{}", text(&output.stderr));
                    assert!(text(&output.stdout).starts_with(CANARY));
                }
                done.fetch_add(1, SeqCst);
            });
        }
        let mut killed = 0;
        while done.load(SeqCst) < SESSIONS && killed < KILLS {
            let output = home.run(&["status", "--json"]);
            let status = serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_default();
            let Some(pid) = status["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()) else { continue };
            killed += usize::from(kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok());
        }
        killed
    });
    assert!(killed > 3, "{killed} daemons were killed");
}
