//! The state of the daemon as it is followed: at once, after every change, and nothing in between.

use crate::daemon::Inside;
use claviger::{
    proto::v1::{self, WatchStatusRequest, WatchStatusResponse},
    reason::Reason,
};
use claviger_tests::{answers::refused, wait::BOUND};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tonic::Streaming;

async fn follow(daemon: &Inside) -> Streaming<WatchStatusResponse> {
    let stream = daemon.client().await.inspect().watch_status(WatchStatusRequest {}).await;
    stream.expect("a stream").into_inner()
}

/// The first state from here on that `fits`.
async fn state(
    stream: &mut Streaming<WatchStatusResponse>,
    fits: impl Fn(&v1::GetStatusResponse) -> bool,
) -> v1::GetStatusResponse {
    loop {
        let message = timeout(BOUND, stream.message()).await.expect("in time").expect("no error");
        let status = message.expect("the stream goes on").status.expect("a status");
        assert!(!format!("{status:?}").contains(claviger_tests::CANARY));
        if fits(&status) {
            return status;
        }
    }
}

#[tokio::test]
async fn the_state_comes_at_once_and_after_every_change() {
    let daemon = Inside::start();
    daemon.helper(0.0, "60000");
    let mut stream = follow(&daemon).await;
    let first = state(&mut stream, |_| true).await;
    assert!(first.entries.is_empty() && first.pid == std::process::id());
    let mut client = daemon.client().await;
    client.get(&daemon.session(), None).await.expect("a credential");
    let one = state(&mut stream, |status| status.entries.iter().any(|entry| entry.generation == 1)).await;
    let entry = &one.entries[0];
    assert_eq!(
        (entry.sessions, entry.directory.as_str()),
        (1, daemon.session().cwd.to_str().expect("UTF-8"))
    );
    client.get(&daemon.session_in("home"), None).await.expect("a credential");
    state(&mut stream, |status| status.entries[0].sessions == 2).await;
    let watch = client.watch(&daemon.session()).await.expect("a watch");
    state(&mut stream, |status| status.watchers == 1 && status.entries[0].watchers == 1).await;
    drop(watch);
    state(&mut stream, |status| status.watchers == 0).await;
    daemon.clock.jump(301);
    assert_eq!(daemon.status().await.entries.first().map_or(0, |entry| entry.sessions), 0);
    daemon.client().await.control().lock(v1::LockRequest {}).await.expect("locked");
    state(&mut stream, |status| status.locked && status.entries.is_empty()).await;
    daemon.client().await.control().unlock(v1::UnlockRequest {}).await.expect("unlocked");
    state(&mut stream, |status| !status.locked).await;
    daemon.end().await;
    assert!(stream.message().await.is_ok_and(|message| message.is_none()), "it ends with the daemon");
}

#[tokio::test]
async fn a_burst_is_a_few_states_and_silence_is_none() {
    let daemon = Inside::start();
    daemon.helper(0.0, "600000");
    let mut stream = follow(&daemon).await;
    let mut client = daemon.client().await;
    let begun = Instant::now();
    for _ in 0..500 {
        client.get(&daemon.session(), None).await.expect("a credential");
    }
    let mut states = 0;
    loop {
        states += 1;
        let status = state(&mut stream, |_| true).await;
        if status.counters.expect("counters").requests == 500 {
            break;
        }
    }
    let most = begun.elapsed().as_millis() / 250 + 3;
    assert!(u128::from(states as u32) <= most, "{states} states, more than {most}");
    // Whatever was on its way has come: from here on nothing happens, and nothing is sent.
    drop(timeout(Duration::from_millis(600), stream.message()).await);
    assert!(timeout(Duration::from_millis(600), stream.message()).await.is_err(), "an idle stream is silent");
    daemon.end().await;
}

#[tokio::test]
async fn counters_add_up() {
    let mut daemon = Inside::start();
    let mut client = daemon.client().await;
    client.get(&daemon.session(), None).await.expect_err("nothing is configured");
    daemon.helper(0.0, "600000");
    for _ in 0..3 {
        client.get(&daemon.session(), None).await.expect("a credential");
    }
    daemon.set("ANTHROPIC_API_KEY", "x");
    client.get(&daemon.session(), None).await.expect("its own");
    let status = daemon.status().await;
    assert_eq!(status.entries[0].hits, 2, "as in the totals");
    let all = status.counters.expect("counters");
    assert_eq!((all.requests, all.hits, all.waits, all.own, all.refused, all.failed), (5, 2, 1, 1, 1, 1));
    assert_eq!(all.requests, all.hits + all.waits + all.own + all.refused);
    daemon.end().await;
}

#[tokio::test]
async fn a_key_stands_for_the_session_that_asked_last() {
    let daemon = Inside::start();
    daemon.helper(0.0, "600000");
    daemon.client().await.get(&daemon.session(), None).await.expect("a credential");
    let key = daemon.status().await.entries[0].key.clone();
    let mut inspect = daemon.client().await.inspect();
    let refreshed = inspect.refresh(v1::RefreshRequest { session: None, key: key.clone() }).await;
    assert_eq!(refreshed.expect("refreshed").into_inner().entry.expect("a entry").generation, 2);
    let explained =
        inspect.explain(v1::ExplainRequest { session: None, key: key.clone(), ..Default::default() }).await;
    assert_eq!(explained.expect("explained").into_inner().winner, "api-key-helper");
    let unknown = v1::RefreshRequest { session: None, key: "0".repeat(key.len()) };
    assert_eq!(refused(inspect.refresh(unknown).await).reason, Reason::NoCredential);
    for (session, key) in [(Some(daemon.session().to_proto()), key.as_str()), (None, "zz"), (None, "")] {
        let bad = v1::RefreshRequest { session: session.clone(), key: key.into() };
        assert_eq!(refused(inspect.refresh(bad).await).reason, Reason::MalformedRequest);
        let bad = v1::ExplainRequest { session, key: key.into(), ..Default::default() };
        assert_eq!(refused(inspect.explain(bad).await).reason, Reason::MalformedRequest);
    }
    // The session's settings lead elsewhere by now: its old command must not run again.
    let other = daemon.home.counting_helper("other", 0.0);
    daemon.home.user_settings(&other, &[]);
    let old = v1::RefreshRequest { session: None, key };
    assert_eq!(refused(inspect.refresh(old).await).reason, Reason::NoCredential);
    assert_eq!((daemon.home.runs("key"), daemon.home.runs("other")), (2, 0));
    daemon.end().await;
}
