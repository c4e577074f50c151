//! Daemons that are killed again and again, at any moment, while sessions ask: no call fails.

use claviger_tests::{CANARY, Home, text, wait};
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
    let (home, answered) = (&home, &AtomicUsize::new(0));
    let killed = thread::scope(|scope| {
        let session = || {
            for _ in 0..CALLS {
                let output = home.run(&["token"]);
                assert!(output.status.success(), "{}", text(&output.stderr));
                assert!(text(&output.stdout).starts_with(CANARY));
                answered.fetch_add(1, SeqCst);
            }
        };
        let sessions = [(); SESSIONS].map(|()| scope.spawn(session));
        let mut killed = 0;
        while killed < KILLS && !sessions.iter().all(|session| session.is_finished()) {
            let output = home.run(&["status", "--json"]);
            let status = serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_default();
            let Some(pid) = status["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()) else { continue };
            killed += usize::from(kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok());
            // A call is patient for three seconds: no longer than the next daemon lives.
            let before = answered.load(SeqCst);
            let is_over = || sessions.iter().all(|session| session.is_finished());
            wait::until("a call is answered", || answered.load(SeqCst) > before || is_over());
        }
        killed
    });
    assert!(killed > 3, "{killed} daemons were killed");
}
