//! The children of the local store: what can be seen of them from outside, and when they end.

use claviger::reason::Reason;
use claviger_tests::{
    Daemon, Home,
    issuer::{Issuer, connection, get, redirected, target},
    login::{Login, lent, log_out},
    processes, wait,
};
use serde_json::json;
use std::{collections::BTreeSet, fs, process::Stdio};

const SECRET: &str = "sk-canary-client-secret";

fn prepared() -> (Issuer, Home, Daemon) {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let daemon = home.daemon();
    (issuer, home, daemon)
}

/// Children of the local store of `home`.
fn children(home: &Home) -> BTreeSet<String> {
    processes(home.path("home/.local/state/claviger/accounts").to_str().expect("UTF-8"))
}

fn is_gone(home: &Home, url: &str) -> bool {
    children(home).is_empty() && connection(&target(url).0).is_err()
}

#[tokio::test]
async fn a_login_ends_with_whoever_wanted_it() {
    let (issuer, home, _daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    assert_eq!(children(&home).len(), 1);
    assert!(connection(&target(&url).0).is_ok());
    drop(login);
    // Its connection is closed by a task of this runtime.
    tokio::task::spawn_blocking(move || {
        wait::until("child and port are gone", || is_gone(&home, &url));
        assert_eq!(issuer.asked(), 0);
        drop((home, _daemon));
    })
    .await
    .expect("no panic");
}

#[test]
fn a_login_ends_with_a_client_that_is_killed() {
    let (_issuer, mut home, _daemon) = prepared();
    let opened = home.path("opened");
    home.script("bin/xdg-open", &format!("echo \"$1\" > '{0}.new'; mv '{0}.new' '{0}'", opened.display()));
    home.set("PATH", &format!("{}:/usr/bin:/bin", home.path("bin").display()));
    home.set("DISPLAY", ":0");
    let mut client = home.claviger(&["login"]);
    let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("claviger runs");
    wait::until("the browser is open", || opened.exists());
    let url = home.read("opened");
    assert_eq!(children(&home).len(), 1);
    client.kill().expect("kill");
    client.wait().expect("wait");
    wait::until("child and port are gone", || is_gone(&home, url.trim()));
}

#[tokio::test]
async fn a_login_ends_with_the_daemon() {
    let (_issuer, home, daemon) = prepared();
    let (login, url) = Login::browser(&home).await;
    assert_eq!(children(&home).len(), 1);
    let ended = tokio::task::spawn_blocking(move || daemon.terminate());
    let problem = login.end().await.expect_err("the daemon stops");
    assert_eq!(problem.reason, Reason::ShuttingDown, "{problem}");
    assert!(ended.await.expect("no panic").success());
    wait::until("child and port are gone", || is_gone(&home, &url));
    let daemon = home.daemon();
    let (_login, url) = Login::browser(&home).await;
    daemon.kill();
    wait::until("child and port are gone", || is_gone(&home, &url));
}

/// Looks at every process that has to do with `home`: notes its arguments, and fails if one of `secrets` is among them or
/// in its environment.
fn look(home: &Home, secrets: &[&str], seen: &mut Vec<String>) {
    let root = home.path("").display().to_string();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let (arguments, environment) =
            (claviger_tests::text(&read("cmdline")), claviger_tests::text(&read("environ")));
        if !environment.contains(&root) && !arguments.contains(&root) {
            continue;
        }
        let arguments = arguments.replace('\0', " ");
        for secret in secrets {
            assert!(!arguments.contains(secret), "{secret} in {arguments}");
            assert!(!environment.contains(secret), "{secret} in the environment of {arguments}");
        }
        seen.push(arguments);
    }
}

#[tokio::test]
async fn no_secret_of_a_login_can_be_seen_in_a_process_or_a_file() {
    if !claviger_tests::is_root() {
        return claviger_tests::skipped("root: the environment of a protected process is root's to read");
    }
    let issuer = Issuer::start();
    issuer.publishes(json!({ "revocation_endpoint": format!("{}/revoke", issuer.server.url) }));
    let home = issuer.home("client_secret_command = \"cat ~/secret\"\nscopes = [\"openid\"]");
    home.write("home/secret", SECRET);
    let _daemon = home.daemon();
    let (mut secrets, mut seen) = (vec![claviger_tests::CANARY.to_owned()], Vec::new());
    let mut watch = |secrets: &[String]| {
        look(&home, &secrets.iter().map(String::as_str).collect::<Vec<_>>(), &mut seen);
    };
    // While the browser is away, and while the code is exchanged.
    issuer.answers(claviger_tests::stand_in::Response::json(claviger_tests::issuer::granted("first", 3600)));
    let (login, url) = Login::browser(&home).await;
    secrets.push(target(&url).1);
    watch(&secrets);
    std::thread::scope(|scope| {
        let held = issuer.hold();
        let browser = scope.spawn(|| get(&redirected(&url)));
        wait::until("the code is exchanged", || issuer.asked() == 1);
        let exchanged = issuer.server.requests().pop().expect("a request");
        secrets.push(exchanged.field("code_verifier").expect("a verifier"));
        assert!(exchanged.header("authorization").starts_with("Basic "));
        watch(&secrets);
        drop(held);
        assert!(browser.join().expect("a page").contains("You are signed in."));
    });
    login.end().await.expect("signed in");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    // While it is refreshed, and while it is taken back.
    std::thread::scope(|scope| {
        let held = issuer.hold();
        let refresh = scope.spawn(|| home.ok(&["refresh"]));
        wait::until("it is refreshed", || issuer.asked() == 2);
        watch(&secrets);
        drop(held);
        refresh.join().expect("refreshed");
        let held = issuer.hold();
        let logout = scope.spawn(|| claviger_tests::block_on(log_out(&home, "work")));
        wait::until("it is taken back", || issuer.server.count("/revoke") == 1);
        watch(&secrets);
        drop(held);
        assert!(logout.join().expect("logged out").revoked);
    });
    let verbs = ["login", "lend", "logout"].map(|verb| format!("clavigerd-fetch {verb} "));
    assert!(verbs.iter().all(|verb| seen.iter().any(|line| line.contains(verb))), "{seen:?}");
    // In files, too: the home looks for canaries itself, but verifier and state are none.
    for file in home.files("home/.local/state/claviger").into_iter().chain([home.path("daemon.log")]) {
        let text = claviger_tests::text(&fs::read(&file).unwrap_or_default());
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "{}", file.display());
    }
}
