//! Reading the daemon's configuration again: what it says counts from then on, nothing that is cached is lost, and a file
//! that is broken changes nothing.

use crate::daemon::Inside;
use claviger::{proto::v1, reason::Reason, session::SessionContext};
use claviger_tests::{
    CANARY,
    answers::{issued, refused, secret},
    wait::BOUND,
};
use std::time::Instant;
use tonic::{Response, Status};

const CONFIG: &str = "home/.config/claviger/config.toml";

async fn reload(daemon: &Inside) -> Result<Response<v1::ReloadResponse>, Status> {
    daemon.client().await.control().reload(v1::ReloadRequest {}).await
}

async fn reloaded(daemon: &Inside, daemon_says: &str) -> bool {
    daemon.home.write(CONFIG, &format!("[daemon]\n{daemon_says}\n"));
    reload(daemon).await.expect("reloaded").into_inner().changed
}

#[tokio::test]
async fn limits_change_and_what_is_cached_stays() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    let (session, mut client) = (daemon.session(), daemon.client().await);
    let mut watch = client.watch(&session).await.expect("a stream");
    assert_eq!(issued(&mut watch).await.1.generation, 1);
    assert!(reloaded(&daemon, "helper_timeout_seconds = 1\nmax_entries = 1").await);
    assert!(!reloaded(&daemon, "max_entries = 1\nhelper_timeout_seconds = 1").await);
    let lease = client.get(&session, None).await.expect("a lease");
    assert_eq!((lease.generation, secret(&lease), daemon.home.runs("key")), (1, "sk-canary-key-1", 1));

    // A command that starts now has the new deadline.
    daemon.home.script("key.sh", &format!("sleep 600\necho {CANARY}late"));
    let begin = Instant::now();
    let request = v1::RefreshRequest { session: Some(session.to_proto()), ..Default::default() };
    let problem = refused(client.inspect().refresh(request).await);
    assert_eq!(problem.reason, Reason::SourceTimeout);
    claviger_tests::wait::not_held_up(begin);
    daemon.end().await;
}

/// Sessions that differ in a variable need a run each; the helper notes when another one runs beside it.
async fn overlap(daemon: &Inside, users: [&str; 2]) -> bool {
    let of = |user: &str| {
        let mut environment = daemon.environment.clone();
        environment.push(("USER".into(), user.into()));
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        SessionContext::new(daemon.home.path("work"), environment).expect("a session")
    };
    let (mut one, mut other) = (daemon.client().await, daemon.client().await);
    let (first, second) = users.map(of).into();
    let (first, second) = tokio::join!(one.get(&first, None), other.get(&second, None));
    first.and(second).expect("leases");
    let noted = daemon.home.path("beside").exists();
    drop(std::fs::remove_file(daemon.home.path("beside")));
    noted
}

#[tokio::test]
async fn fewer_commands_at_once_and_more_again() {
    let daemon = Inside::start();
    let (busy, beside) = (daemon.home.path("busy"), daemon.home.path("beside"));
    let body = format!(
        "mkdir {busy} 2> /dev/null || touch {beside}\nsleep 0.5\nrmdir {busy} 2> /dev/null\necho {CANARY}key",
        busy = busy.display(),
        beside = beside.display()
    );
    daemon.home.user_settings(&daemon.home.script("key.sh", &body), &[]);
    assert!(overlap(&daemon, ["one", "two"]).await);
    assert!(reloaded(&daemon, "max_commands = 1").await);
    assert!(!overlap(&daemon, ["three", "four"]).await);
    // A workspace has half of the places.
    assert!(reloaded(&daemon, "max_commands = 4").await);
    assert!(overlap(&daemon, ["five", "six"]).await);
    daemon.end().await;
}

#[tokio::test]
async fn a_broken_file_is_located_and_changes_nothing() {
    let daemon = Inside::start();
    daemon.helper(0.0, "300000");
    assert!(reloaded(&daemon, "helper_timeout_seconds = 7\nstore = \"keyring\"").await);
    for (text, line) in [
        ("[daemon]\nhelper_timeout = 1\n", 2),
        ("[daemon\n", 1),
        ("[daemon]\nhelper_timeout_seconds = 9\nstore = \"file\"\nlog = \"clavigerd=loud\"\n", 4),
    ] {
        daemon.home.write(CONFIG, text);
        let problem = refused(reload(&daemon).await);
        let at = problem.location.as_ref().expect("a place");
        assert_eq!((problem.reason, at.line), (Reason::SettingsInvalid, line), "{problem}");
        assert!(at.file.ends_with("config.toml"), "{problem}");
    }
    let store = daemon.client().await.accounts().list_accounts(v1::ListAccountsRequest {}).await;
    assert_eq!(store.expect("a list").into_inner().store, "keyring");
    // Said again, it is nothing new: the values are those of the last good file.
    assert!(!reloaded(&daemon, "helper_timeout_seconds = 7\nstore = \"keyring\"").await);
    // Without the file, the defaults hold again.
    std::fs::remove_file(daemon.home.path(CONFIG)).expect("removed");
    assert!(reload(&daemon).await.expect("reloaded").into_inner().changed);
    tokio::time::timeout(BOUND, daemon.end()).await.expect("it ends");
}
