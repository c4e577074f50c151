//! What is lent has some of its life left, if a refresh can be had, and whatever there is if it cannot.

use crate::daemon::Inside;
use claviger_tests::{CANARY, answers::secret};
use std::{
    fs,
    time::{Duration, Instant},
};

/// How long a key lives here, in milliseconds: its last 30 s are too short to be lent.
const LIFE: &str = "300000";

/// A helper that hangs while a file is there.
fn hanging_helper(daemon: &Inside) -> std::path::PathBuf {
    let (file, runs) = (daemon.home.path("hang"), daemon.home.path("key.runs"));
    let body = format!(
        "echo run >> {runs}\n[ -e {file} ] && exec sleep 600\necho {CANARY}key-$(wc -l < {runs})",
        runs = runs.display(),
        file = file.display()
    );
    let helper = daemon.home.script("key.sh", &body);
    daemon.home.user_settings(&helper, &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", LIFE)]);
    file
}

async fn key(daemon: &Inside) -> String {
    let lease = daemon.client().await.get(&daemon.session(), None).await.expect("a lease");
    secret(&lease).trim_start_matches(CANARY).to_owned()
}

#[tokio::test]
async fn a_session_that_asks_at_the_last_moment_waits_for_the_next_key() {
    for (second, expected) in [(200, "key-1"), (299, "key-2")] {
        let daemon = Inside::start();
        daemon.helper(0.1, LIFE);
        assert_eq!(key(&daemon).await, "key-1");
        daemon.clock.jump(second);
        assert_eq!(key(&daemon).await, expected, "at {second}");
        daemon.end().await;
    }
}

#[tokio::test]
async fn a_refresh_that_hangs_leaves_what_there_is() {
    let daemon = Inside::start();
    let hang = hanging_helper(&daemon);
    assert_eq!(key(&daemon).await, "key-1");
    fs::write(&hang, "").expect("file");
    daemon.clock.jump(297);
    let asked = Instant::now();
    assert_eq!(key(&daemon).await, "key-1", "half of what is left is waited for");
    assert!(asked.elapsed() >= Duration::from_millis(500), "{:?}", asked.elapsed());
    daemon.end().await;
}
