//! Watching: every event that a stream can carry, what causes it, and how streams end.

use crate::daemon::Inside;
use claviger::{Change, Changes, Why::*, proto::v1, reason::Reason};
use claviger_tests::{
    CANARY, Home,
    answers::{issued, next, secret},
};
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::time::timeout;

async fn refresh(daemon: &Inside) -> Result<(), tonic::Status> {
    let request = v1::RefreshRequest { session: Some(daemon.session().to_proto()), ..Default::default() };
    daemon.client().await.inspect().refresh(request).await.map(drop)
}

/// Nothing more happens on a stream that has told everything.
async fn is_quiet(watch: &mut Changes) {
    let event = timeout(Duration::from_millis(200), watch.next()).await;
    assert!(event.is_err(), "{event:?}");
}

#[tokio::test]
async fn each_new_credential_comes_once_with_its_cause() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let mut watch = client.watch(&session).await.expect("a stream");
    let (reason, first) = issued(&mut watch).await;
    assert_eq!((reason, first.generation, secret(&first)), (Initial, 1, "sk-canary-key-1"));
    refresh(&daemon).await.expect("refreshed");
    let (reason, second) = issued(&mut watch).await;
    assert_eq!((reason, second.generation), (Refreshed, 2));
    client.report(&session, &second, 401).await.expect("an answer");
    let (reason, third) = issued(&mut watch).await;
    assert_eq!((reason, third.generation, third.stale), (Rejected, 3, false));
    is_quiet(&mut watch).await;
    assert_eq!((daemon.status().await.watchers, daemon.home.runs("key")), (1, 3));
    daemon.end().await;
}

#[tokio::test]
async fn a_fleeting_credential_is_told_once_and_not_fetched_in_a_loop() {
    for lifetime in ["0", "5", "300"] {
        let daemon = Inside::start();
        daemon.helper(0.0, lifetime);
        let (session, mut client) = (daemon.session(), daemon.client().await);
        let mut watches = Vec::new();
        for _ in 0..3 {
            let mut watch = client.watch(&session).await.expect("a stream");
            assert_eq!(issued(&mut watch).await.0, Initial, "{lifetime} ms");
            watches.push(watch);
        }
        for watch in &mut watches {
            is_quiet(watch).await;
        }
        refresh(&daemon).await.expect("refreshed");
        daemon.clock.jump(60);
        for watch in &mut watches {
            is_quiet(watch).await;
        }
        let runs = daemon.home.runs("key");
        assert!(runs <= 4, "{lifetime} ms: the helper ran {runs} times");
        daemon.end().await;
    }
}

#[tokio::test]
async fn every_watcher_gets_the_same_credential_of_one_run() {
    let daemon = Inside::start();
    daemon.helper(0.2, "300000");
    let mut client = daemon.client().await;
    let mut watches = Vec::new();
    for _ in 0..50 {
        watches.push(client.watch(&daemon.session()).await.expect("a stream"));
    }
    for watch in &mut watches {
        assert_eq!(issued(watch).await.1.generation, 1);
    }
    refresh(&daemon).await.expect("refreshed");
    for watch in &mut watches {
        assert_eq!(issued(watch).await.1.generation, 2);
    }
    assert_eq!(daemon.home.runs("key"), 2);
    assert_eq!(daemon.status().await.entries[0].watchers, 50);
    drop(watches);
    let end = Instant::now() + claviger_tests::wait::BOUND;
    while daemon.status().await.watchers > 0 {
        assert!(Instant::now() < end, "watchers that left are still counted");
    }
    daemon.end().await;
}

#[tokio::test]
async fn changed_settings_are_told_within_200_milliseconds() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let mut watch = daemon.client().await.watch(&daemon.session()).await.expect("a stream");
    issued(&mut watch).await;
    let told = async |watch: &mut Changes, change: &dyn Fn()| {
        let start = Instant::now();
        change();
        let event = issued(watch).await;
        // A helper run is part of it; what is allowed is allowed on top.
        assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
        event
    };
    let other = daemon.home.counting_helper("other", 0.0);
    let (reason, lease) = told(&mut watch, &|| daemon.home.user_settings(&other, &[])).await;
    assert_eq!((reason, secret(&lease)), (SettingsChanged, "sk-canary-other-1"));
    // Another endpoint for the same secret is a change too, and runs nothing.
    let url = [("ANTHROPIC_BASE_URL", "https://gw.example")];
    let (reason, lease) = told(&mut watch, &|| daemon.home.user_settings(&other, &url)).await;
    assert_eq!((reason, lease.origin.as_str()), (SettingsChanged, "https://gw.example"));
    // A layer that did not exist when the stream began.
    let key = "{\"env\": {\"ANTHROPIC_API_KEY\": \"sk-canary-managed\"}}";
    fs::create_dir_all(daemon.home.path("managed")).expect("directory");
    let (reason, lease) =
        told(&mut watch, &|| daemon.home.replace("managed/managed-settings.json", key)).await;
    assert_eq!((reason, secret(&lease)), (SettingsChanged, "sk-canary-managed"));
    // What a deleted file granted is gone at once.
    let delete = || fs::remove_file(daemon.home.path("managed/managed-settings.json")).expect("remove");
    assert_eq!(told(&mut watch, &delete).await.0, SettingsChanged);
    fs::remove_file(daemon.home.path("home/.claude/settings.json")).expect("remove");
    match next(&mut watch).await {
        Change::Problem(problem) => assert_eq!(problem.reason, Reason::NoCredential),
        other => panic!("{other:?}"),
    }
    daemon.end().await;
}

#[tokio::test]
async fn a_decision_about_the_workspace_ends_the_wait_for_a_person() {
    let daemon = Inside::start();
    let helper = daemon.home.counting_helper("project", 0.0);
    daemon.home.write("work/.claude/settings.json", &claviger_tests::settings(&helper, &[]));
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let mut watch = client.watch(&session).await.expect("a stream");
    match next(&mut watch).await {
        Change::PersonNeeded(problem) => {
            assert_eq!(problem.reason, Reason::WorkspaceUntrusted);
            let root = daemon.home.path("work").canonicalize().expect("a directory");
            let command = format!("claviger --cwd {} trust grant", root.display());
            assert_eq!(problem.helps().and_then(|remedy| remedy.line()), Some(command));
        }
        other => panic!("{other:?}"),
    }
    is_quiet(&mut watch).await;
    let describe = v1::DescribeWorkspaceRequest { session: Some(session.to_proto()) };
    let seen = client.trust().describe_workspace(describe).await.expect("described").into_inner();
    let workspace = seen.workspace.expect("a workspace");
    let decide = v1::DecideTrustRequest {
        session: Some(session.to_proto()),
        digest: workspace.digest,
        decision: 1,
        agent: false,
    };
    client.trust().decide_trust(decide).await.expect("decided");
    assert_eq!(secret(&issued(&mut watch).await.1), "sk-canary-project-1");
    client.trust().revoke_trust(v1::RevokeTrustRequest { root: workspace.root }).await.expect("revoked");
    assert!(matches!(next(&mut watch).await, Change::PersonNeeded(_)));
    assert_eq!(daemon.home.runs("project"), 1);
    daemon.end().await;
}

#[tokio::test]
async fn what_a_command_says_reaches_every_watcher_line_by_line() {
    let daemon = Inside::start();
    let go = daemon.home.path("go");
    let body = format!(
        "echo 'open https://sso.example' >&2; printf 'code \\033[1mAB-12\\033[0m\\r\\n' >&2
         while ! test -e '{}'; do sleep 0.02; done; echo {CANARY}key",
        go.display()
    );
    daemon.home.user_settings(&daemon.home.script("key.sh", &body), &[]);
    let mut client = daemon.client().await;
    let (mut one, mut other) = (
        client.watch(&daemon.session()).await.expect("a stream"),
        client.watch(&daemon.session()).await.expect("a stream"),
    );
    for watch in [&mut one, &mut other] {
        for expected in ["open https://sso.example", "code [1mAB-12[0m"] {
            match next(watch).await {
                Change::Progress(progress) => {
                    assert_eq!(
                        (progress.source.as_str(), progress.line.as_str()),
                        ("api-key-helper", expected)
                    );
                    assert!(progress.elapsed < Duration::from_secs(60));
                }
                event => panic!("{event:?} instead of {expected}"),
            }
        }
    }
    fs::write(go, "").expect("file");
    for watch in [&mut one, &mut other] {
        assert_eq!(issued(watch).await.0, Initial);
    }
    daemon.end().await;
}

#[tokio::test]
async fn a_failing_refresh_is_a_problem_with_the_old_credential_kept_and_then_over() {
    let daemon = Inside::start();
    let broken = daemon.home.path("broken");
    let body = format!("test -e '{}' && exit 127; echo {CANARY}key", broken.display());
    daemon.home.user_settings(&daemon.home.script("key.sh", &body), &[]);
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let mut watch = client.watch(&session).await.expect("a stream");
    issued(&mut watch).await;
    fs::write(&broken, "").expect("file");
    refresh(&daemon).await.expect_err("it fails");
    match next(&mut watch).await {
        Change::Problem(problem) => {
            assert_eq!(problem.reason, Reason::CommandFailed);
            assert!(problem.retry_after.is_some() && problem.location.is_some());
        }
        other => panic!("{other:?}"),
    }
    let lease = client.get(&session, None).await.expect("the old one");
    assert_eq!((lease.generation, lease.stale), (1, true));
    // The same failure again is not told again.
    refresh(&daemon).await.expect_err("it fails");
    is_quiet(&mut watch).await;
    fs::remove_file(broken).expect("remove");
    refresh(&daemon).await.expect("it works");
    let (reason, lease) = issued(&mut watch).await;
    assert_eq!((reason, lease.generation, lease.stale), (Refreshed, 2, false));
    daemon.end().await;
}

#[tokio::test]
async fn a_problem_without_credential_is_followed_by_the_first_one() {
    let daemon = Inside::of(Home::new(), clavigerd::config::Limits::default());
    let mut watch = daemon.client().await.watch(&daemon.session()).await.expect("a stream");
    assert!(
        matches!(next(&mut watch).await, Change::Problem(problem) if problem.reason == Reason::NoCredential)
    );
    daemon.helper(0.0, "300000");
    assert_eq!(issued(&mut watch).await.0, Initial);
    daemon.home.replace("home/.claude/settings.json", "{ broken");
    // The last good content is kept, so nothing is told.
    is_quiet(&mut watch).await;
    daemon.end().await;
}

#[tokio::test]
async fn a_watched_key_is_refreshed_without_a_request() {
    let daemon = Inside::start();
    daemon.helper(0.0, "1500");
    let mut watch = daemon.client().await.watch(&daemon.session()).await.expect("a stream");
    for generation in 1..=3 {
        assert_eq!(issued(&mut watch).await.1.generation, generation);
    }
    daemon.end().await;
}

#[tokio::test]
async fn a_stop_ends_streams_and_waiting_requests() {
    let mut daemon = Inside::start();
    daemon.helper(300.0, "300000");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let mut watch = client.watch(&session).await.expect("a stream");
    let waiting = tokio::spawn({
        let (mut client, session) = (client.clone(), session.clone());
        async move { client.get(&session, None).await }
    });
    while daemon.home.runs("key") == 0 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    daemon.stop().await;
    while let Ok(Some(_)) = watch.next().await {}
    let problem = waiting.await.expect("no panic").expect_err("stopped");
    assert_eq!(problem.reason, Reason::ShuttingDown);
    claviger_tests::wait::not_held_up(start);
}
