//! One refresh for all sessions, from wherever, and whatever fails meanwhile. The provider revokes the whole
//! login if it is shown a refresh token twice.

use claviger::{
    client::{self, Client},
    proto::v1,
    wire,
};
use claviger_tests::{Home, answers, block_on, provider::Provider, text, wait::until, watch::Watch};
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::Output};

/// How often the provider was asked for tokens since the login.
fn refreshes(provider: &Provider) -> usize {
    provider.events("asked") - 1
}

/// The one token that all of them were given.
#[track_caller]
fn one_token(outputs: &[Output]) -> String {
    let errors: BTreeSet<_> = outputs.iter().map(|output| text(&output.stderr)).collect();
    let tokens: BTreeSet<_> = outputs.iter().map(|output| text(&output.stdout)).collect();
    assert_eq!((tokens.len(), errors.len()), (1, 1), "{errors:?}");
    tokens.into_iter().next().expect("one").trim().to_owned()
}

/// A token that has just expired, and is all that the daemon has. It lived too shortly to be refreshed unasked.
fn expired(home: &Home, provider: &Provider) -> String {
    provider.control(json!({ "access": 1 }));
    home.ok(&["refresh"]);
    loop {
        let lease: Value = serde_json::from_str(&home.ok(&["--json", "get", "--show-secret"])).expect("JSON");
        let token = lease["secret"].as_str().expect("a secret").to_owned();
        until("the token has expired", || !provider.takes(&token));
        until("nothing is refreshed", || home.status()["entries"][0]["refreshing"] == false);
        // A session that asks for a token that is nearly over is lent it, and has the next one fetched.
        if home.status()["entries"][0]["generation"] == lease["generation"] {
            return token;
        }
    }
}

fn secret(event: &Value) -> Option<&str> {
    event["lease"]["secret"].as_str()
}

async fn client(home: &Home) -> Client {
    Client::connect(&home.socket()).await.expect("the daemon listens")
}

#[test]
fn two_hundred_sessions_at_the_instant_of_expiry_cause_one_refresh() {
    let _turn = claviger_tests::turn::take();
    let Some((home, provider, _daemon)) = Provider::signed_in(3600) else { return };
    let first = expired(&home, &provider);
    let before = refreshes(&provider);
    provider.control(json!({ "access": 3600, "before": [100, 300] }));
    let second = one_token(&home.herd(200, &["token"]));
    assert_ne!(second, first);
    assert!(provider.takes(&second));
    assert_eq!(refreshes(&provider), before + 1);
    provider.is_content();
}

#[test]
fn sessions_that_share_no_cache_entry_share_the_refresh() {
    let Some((home, provider, _daemon)) = Provider::signed_in(3600) else { return };
    let first = expired(&home, &provider);
    let before = refreshes(&provider);
    provider.control(json!({ "access": 3600, "after": [100, 300] }));
    // The variables of a proxy say how the server is reached, so they are in the key.
    let ask = |n: u32| {
        let mut command = home.claviger(&["token"]);
        command.env("NO_PROXY", format!("host{n}.example")).output().expect("claviger runs")
    };
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..40).map(|n| scope.spawn(move || ask(n))).collect();
        asking.into_iter().map(|asking| asking.join().expect("a thread")).collect()
    });
    let second = one_token(&outputs);
    assert!(provider.takes(&second) && second != first);
    assert_eq!(refreshes(&provider), before + 1);
    assert!(home.status()["entries"].as_array().expect("entries").len() >= 40);
    provider.is_content();
}

#[test]
fn two_daemons_on_one_store_refresh_once() {
    let Some((home, provider, _daemon)) = Provider::signed_in(3600) else { return };
    let socket = home.path("run/other/claviger.sock").display().to_string();
    let Some(other) = home.other_machine(&socket) else { return };
    one_token(&[home.run(&["token"]), home.run(&["--socket", &socket, "token"])]);
    expired(&home, &provider);
    let before = refreshes(&provider);
    provider.control(json!({ "access": 3600, "before": [100, 200], "after": [100, 200] }));
    // The other daemon still has the token of the login, and is told to look for another.
    home.herd(1, &["--socket", &socket, "refresh"]);
    let outputs = std::thread::scope(|scope| {
        let one = scope.spawn(|| home.herd(20, &["token"]));
        let mut outputs = home.herd(20, &["--socket", &socket, "token"]);
        outputs.append(&mut one.join().expect("a thread"));
        outputs
    });
    let second = one_token(&outputs);
    assert_eq!(refreshes(&provider), before + 1);
    // By hand, from both sides at once: each gets another token than it had, and no token is used twice.
    std::thread::scope(|scope| {
        let one = scope.spawn(|| home.herd(5, &["refresh"]));
        let outputs = home.herd(5, &["--socket", &socket, "refresh"]);
        for output in outputs.iter().chain(&one.join().expect("a thread")) {
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
    });
    for arguments in [&["token"][..], &["--socket", &socket, "token"]] {
        assert_ne!(home.ok(arguments).trim(), second);
    }
    provider.is_content();
    assert!(other.terminate().success());
}

#[test]
fn a_rejected_token_is_refreshed_once() {
    let Some((home, provider, _daemon)) = Provider::signed_in(3600) else { return };
    block_on(async {
        let (mut one, session) = (client(&home).await, home.session());
        let lease = one.get(&session, None).await.expect("a lease");
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (socket, session, lease) = (home.socket(), home.session(), lease.clone());
            running.spawn(async move {
                let mut client = Client::connect(&socket).await.expect("the daemon listens");
                client.report(&session, &lease, 401).await.expect("an answer")
            });
        }
        running.join_all().await;
        let next = one.get(&session, None).await.expect("a lease");
        assert_eq!((next.generation, next.stale), (lease.generation + 1, false));
    });
    assert_eq!(refreshes(&provider), 1);
    // Of sessions that share no cache entry, each reports the token that it was lent, and one refresh does for all.
    let ask = |n: u32, arguments: &[&str]| {
        let mut command = home.claviger(arguments);
        let output = command.env("NO_PROXY", format!("host{n}.example")).output().expect("claviger runs");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let first = (0..8).map(|n| ask(n, &["token"])).collect::<BTreeSet<_>>();
    (0..8).for_each(|n| drop(ask(n, &["refresh", "--rejected", "401"])));
    let second = (0..8).map(|n| ask(n, &["token"])).collect::<BTreeSet<_>>();
    assert_eq!((first.len(), second.len(), refreshes(&provider)), (1, 1, 2));
    assert!(first.is_disjoint(&second));
    provider.is_content();
}

#[test]
fn a_hundred_watchers_see_each_refresh_ahead_of_expiry() {
    let _turn = claviger_tests::turn::take();
    let Some((home, provider, _daemon)) = Provider::signed_in(4) else { return };
    block_on(async {
        let (mut streams, session) = (Vec::new(), home.session());
        for _ in 0..100 {
            streams.push(client(&home).await.watch(&session).await.expect("a stream"));
        }
        let next =
            async |stream: &mut client::Changes| answers::secret(&answers::issued(stream).await.1).to_owned();
        // The first that all of them are told: while they connected, an earlier one may have been replaced.
        let first = next(&mut client(&home).await.watch(&session).await.expect("a stream")).await;
        let mut told: [BTreeSet<String>; 3] = Default::default();
        for stream in &mut streams {
            let mut token = next(stream).await;
            while token != first {
                token = next(stream).await;
            }
            told[0].insert(token);
            for tokens in &mut told[1..] {
                tokens.insert(next(stream).await);
            }
        }
        assert!(told.iter().all(|tokens| tokens.len() == 1), "{}", told.len());
        assert!(provider.takes(told[2].first().expect("one")));
    });
    let status = home.status();
    assert_eq!(status["counters"]["failed"].as_u64().unwrap_or_default(), 0, "{status}");
    provider.is_content();
}

#[test]
fn while_refreshing_fails_the_token_is_lent_as_stale_and_never_past_expiry() {
    let _turn = claviger_tests::turn::take();
    let Some((home, provider, daemon)) = Provider::signed_in(6) else { return };
    let watch = Watch::start(&home, &[]);
    let (_, event) = watch.until("the first", |event| event["event"] == "issued");
    let first = secret(&event).expect("a secret").to_owned();
    provider.control(json!({ "down": 503, "access": 6 }));
    watch.told("problem", "source-unavailable");
    let lease: Value = serde_json::from_str(&home.ok(&["--json", "get", "--show-secret"])).expect("JSON");
    assert_eq!((lease["stale"].as_bool(), lease["secret"].as_str()), (Some(true), Some(first.as_str())));
    // Also by a daemon that has just been started: what is in the store is good until it expires.
    drop(watch);
    daemon.kill();
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]).trim(), first);
    let mut refused = String::new();
    until("it has expired", || {
        let output = home.run(&["token"]);
        refused = text(&output.stderr);
        // Whatever is lent is good; the provider counts in whole seconds.
        assert!(matches!(output.status.code(), Some(0 | 6)), "{refused}");
        output.status.code() != Some(0)
    });
    assert!(!provider.takes(&first) && refused.contains("503"), "{refused}");
    let asked = refreshes(&provider);
    home.herd(20, &["token"]).iter().for_each(|output| assert!(!output.status.success()));
    assert!(refreshes(&provider) <= asked + 1, "it does not back off");
    provider.control(json!({ "access": 6 }));
    home.ok(&["refresh"]);
    assert!(provider.takes(home.ok(&["token"]).trim()));
    provider.is_content();
}

#[test]
fn a_daemon_that_is_started_again_uses_the_token_that_was_kept() {
    let Some((home, provider, daemon)) = Provider::signed_in(3600) else { return };
    let first = home.ok(&["token"]);
    assert!(daemon.terminate().success());
    let daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), first);
    daemon.kill();
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["token"]), first);
    assert_eq!(refreshes(&provider), 0);
    home.ok(&["refresh"]);
    assert_ne!(home.ok(&["token"]), first);
    assert_eq!(refreshes(&provider), 1);
}

#[test]
fn what_is_locked_stays_locked_and_comes_back() {
    let Some((home, provider, daemon)) = Provider::signed_in(3600) else { return };
    let first = home.ok(&["token"]);
    let watch = Watch::start(&home, &[]);
    watch.issued(first.trim());
    let dropped = block_on(async {
        let lock = client(&home).await.control().lock(v1::LockRequest {}).await;
        lock.expect("locked").into_inner().dropped
    });
    assert_eq!(dropped, 1);
    watch.told("human-needed", "locked");
    let is_locked = || {
        for arguments in [&["token"][..], &["refresh"], &["login"], &["get"], &["env"]] {
            let output = home.run(arguments);
            assert!(!output.status.success(), "{arguments:?}");
            assert!(
                text(&output.stderr).contains("claviger is locked"),
                "{arguments:?}: {}",
                text(&output.stderr)
            );
        }
        let save = block_on(async {
            let request = v1::SaveSecretRequest {
                session: Some(home.session().to_proto()),
                name: "key".into(),
                kind: v1::AccountKind::ApiKey.into(),
                secret: Some(claviger::Secret::from("sk-canary-saved")),
                ..Default::default()
            };
            client(&home).await.accounts().save_secret(request).await
        });
        assert_eq!(wire::from_status(&save.expect_err("refused")).reason.as_str(), "locked");
    };
    is_locked();
    daemon.kill();
    let _daemon = home.daemon();
    is_locked();
    assert_eq!(home.status()["entries"].as_array().map(Vec::len), Some(0));
    watch.until("the new daemon is locked, too", |event| event["problem"]["reason"] == "locked");
    block_on(async {
        let unlock = client(&home).await.control().unlock(v1::UnlockRequest {}).await;
        assert!(unlock.expect("unlocked").into_inner().was_locked);
    });
    watch.issued(first.trim());
    assert_eq!(home.ok(&["token"]), first);
    assert_eq!(refreshes(&provider), 0);
    provider.is_content();
}

#[test]
fn accounts_whose_server_is_silent_hold_up_no_other() {
    let Some((home, provider, _daemon)) = Provider::signed_in(3600) else { return };
    let first = home.ok(&["token"]);
    provider.control(json!({ "before": [3_600_000, 3_600_000] }));
    // Each of these hangs in a refresh of its own.
    let mut hanging: Vec<_> = (0..20)
        .map(|n| {
            let mut command = home.claviger(&["refresh"]);
            command.env("NO_PROXY", format!("host{n}.example")).stderr(std::process::Stdio::null());
            command.stdout(std::process::Stdio::null()).spawn().expect("claviger runs")
        })
        .collect();
    let store = home.path("home/.local/state/claviger/accounts").display().to_string();
    until("all hang", || claviger_tests::processes(&store).len() >= 20);
    let mut command = home.claviger(&["token"]);
    let output = command.env("NO_PROXY", "other.example").output().expect("claviger runs");
    assert_eq!(text(&output.stdout), first, "{}", text(&output.stderr));
    for client in &mut hanging {
        drop(client.kill());
        drop(client.wait());
    }
}
