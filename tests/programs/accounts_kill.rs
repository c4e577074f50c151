//! Daemon and children are killed, stopped and cut off at every instant of a refresh: the login survives, or the person is
//! told why it could not.

use claviger::{client::Client, proto::v1};
use claviger_tests::{
    Daemon, Home, block_on, processes, provider::Provider, signal, soak, text, turn, wait::until,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use std::{
    fs,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Where the records are, as an argument of the children that hold them.
fn store(home: &Home) -> String {
    home.path("home/.local/state/claviger/accounts").display().to_string()
}

fn children(home: &Home) -> impl Iterator<Item = u32> {
    processes(&store(home)).into_iter().filter_map(|pid| pid.parse().ok())
}

/// `claviger refresh` under way, which starts no daemon.
fn refreshing(home: &Home) -> Child {
    let mut command = home.claviger(&["--no-start", "refresh"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("claviger runs")
}

/// Some instant of the time that is to come.
fn some_instant(most: Duration) {
    thread::sleep(most.mul_f64(fastrand::f64()));
}

/// A token that the provider takes.
#[track_caller]
fn works(home: &Home, provider: &Provider) -> String {
    let token = home.ok(&["token"]).trim().to_owned();
    assert!(provider.takes(&token), "the provider does not take what is lent");
    token
}

/// The account is still on the list, and its record where it was.
fn is_known(home: &Home) {
    let accounts = block_on(async {
        let client = Client::connect(&home.socket()).await.expect("the daemon listens");
        let accounts = client.accounts().list_accounts(v1::ListAccountsRequest {}).await;
        accounts.expect("a list").into_inner().accounts
    });
    assert_eq!(accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["work"]);
    assert!(home.path("home/.local/state/claviger/accounts/work.account").is_file());
}

/// No child, no lock, no mark and no half-written file is left.
fn is_tidy(home: &Home) {
    until("all children have ended", || children(home).next().is_none());
    let lock = fs::File::open(home.path("home/.local/state/claviger/accounts/work.lock")).expect("a lock");
    lock.try_lock().expect("it is free");
    assert_eq!(home.read("home/.local/state/claviger/accounts/work.lock"), "");
    let names = home.files("home/.local/state/claviger");
    assert!(names.iter().all(|path| path.extension().is_none_or(|end| end != "new")), "{names:?}");
}

#[test]
fn a_daemon_that_is_killed_in_mid_refresh_loses_nothing() {
    let _turn = turn::take();
    let Some((home, provider, daemon)) = Provider::signed_in(3600) else { return };
    let mut daemon = Some(daemon);
    let (rounds, mut usual) = (60 * soak(), Duration::ZERO);
    for n in 0..rounds {
        // Every other token is over at once, so that the next session must refresh as well.
        let access = if n % 2 == 0 { 3600 } else { 2 };
        provider.control(json!({ "access": access, "before": [0, 15], "after": [0, 15] }));
        if n % 10 == 0 {
            // A machine that is busy takes longer.
            let start = Instant::now();
            home.ok(&["refresh"]);
            usual = start.elapsed();
        }
        let mut client = refreshing(&home);
        some_instant(usual);
        daemon.take().expect("a daemon").kill();
        client.wait().expect("wait");
        daemon = Some(home.daemon());
        works(&home, &provider);
    }
    provider.is_content();
    is_known(&home);
    provider.control(json!({}));
    home.ok(&["refresh"]);
    is_tidy(&home);
    // Half of them were in time to cut something off, besides those that nothing disturbed.
    assert!(provider.events("asked") > rounds / 2 + rounds / 10, "{}", provider.events("asked"));
}

#[test]
fn a_child_that_is_killed_leaves_a_login_that_works_or_says_why_not() {
    let Some((home, provider, _daemon)) = Provider::signed_in(3600) else { return };
    let (mut worked, mut lost) = (0, 0);
    for _ in 0..30 * soak() {
        provider.control(json!({ "before": [0, 10], "after": [0, 10] }));
        let mut client = refreshing(&home);
        until("a child runs, or has ended before it was seen", || {
            children(&home).next().is_some() || client.try_wait().expect("a child").is_some()
        });
        some_instant(Duration::from_millis(50));
        // It may have ended meanwhile.
        children(&home).for_each(|pid| {
            let _ = kill(Pid::from_raw(pid.try_into().expect("a pid")), Signal::SIGKILL);
        });
        let output = client.wait_with_output().expect("output");
        is_known(&home);
        if output.status.success() {
            works(&home, &provider);
            worked += 1;
        } else {
            // The token that may be spent is not shown again, so what sessions have stays good.
            let why = text(&output.stderr);
            assert!(output.status.code() == Some(6) && why.contains("interrupted"), "{why}");
            works(&home, &provider);
            home.ok(&["login"]);
            works(&home, &provider);
            lost += 1;
        }
    }
    println!("{worked} worked, {lost} were cut off");
    assert!(worked > 0);
    assert_eq!(provider.events("grant.revoked"), 0, "a token that may have been spent was shown");
    home.ok(&["refresh"]);
    is_tidy(&home);
}

/// A refresh that the provider has granted, and has not answered yet.
fn granted(home: &Home, provider: &Provider) -> Child {
    let before = provider.events("shown");
    provider.control(json!({ "after": [1500, 1500] }));
    let client = refreshing(home);
    until("it is granted", || provider.events("shown") > before);
    client
}

/// Whatever ended the daemon, the refresh went on, and what it brought was kept before the daemon was gone.
fn was_kept(home: &Home, provider: &Provider, first: &str) -> Daemon {
    assert_eq!(children(home).count(), 0, "the daemon did not wait for it");
    let daemon = home.daemon();
    assert_ne!(works(home, provider), first);
    assert_eq!(provider.events("asked"), 2);
    provider.is_content();
    is_tidy(home);
    daemon
}

#[test]
fn a_service_manager_that_ends_everything_loses_nothing() {
    for name in ["TERM", "INT"] {
        let Some((home, provider, daemon)) = Provider::signed_in(3600) else { return };
        let first = works(&home, &provider);
        let mut client = granted(&home, &provider);
        // As systemd does, which knows all processes of the service.
        children(&home).for_each(|pid| ["HUP", name].iter().for_each(|name| signal(pid, name)));
        assert!(daemon.end(name).success());
        client.wait().expect("wait");
        was_kept(&home, &provider, &first);
    }
}

#[test]
fn stopping_the_daemon_in_mid_refresh_loses_nothing() {
    let Some((home, provider, daemon)) = Provider::signed_in(3600) else { return };
    let first = works(&home, &provider);
    let mut client = granted(&home, &provider);
    home.ok(&["daemon", "stop"]);
    client.wait().expect("wait");
    drop(daemon);
    was_kept(&home, &provider, &first);
}

#[test]
fn a_session_that_comes_while_the_daemon_waits_for_its_end_is_served() {
    let Some((home, provider, daemon)) = Provider::signed_in(3600) else { return };
    let mut client = granted(&home, &provider);
    signal(daemon.pid(), "TERM");
    works(&home, &provider);
    client.wait().expect("wait");
    assert!(daemon.terminate().success());
    provider.is_content();
}

#[test]
fn an_answer_that_never_came_is_told_as_the_reason() {
    let Some((home, provider, _daemon)) = Provider::signed_in(3600) else { return };
    works(&home, &provider);
    provider.control(json!({ "mute": true }));
    home.fails(6, &["refresh"]);
    provider.control(json!({}));
    // The provider ends a login whose spent token it sees: it sees none, and what is left is good.
    for _ in 0..3 {
        let why = home.fails(6, &["refresh"]);
        assert!(why.contains("never answered") && why.contains("you can log in again before that"), "{why}");
        works(&home, &provider);
    }
    provider.is_content();
    is_known(&home);
    home.ok(&["login"]);
    works(&home, &provider);
    is_tidy(&home);
}
