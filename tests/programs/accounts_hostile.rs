//! Accounts among processes and servers that mean no good: locks that are never given back, callers that leave, commands
//! that want more than to print a secret, and a server that hopes for another server's client secret.

use claviger::{
    client::{request, unwrap},
    proto::v1::{self, LoginFlow, StorePlace},
    reason::Reason,
};
use claviger_tests::{
    Home,
    accounts::{list, save, token},
    binary, block_on,
    issuer::Issuer,
    login::{Login, assert_problem, connect, log_out, refresh},
    processes, secret,
    stand_in::{Authority, Response},
    wait,
};
use serde_json::json;
use std::fs::{self, File};

const STATE: &str = "home/.local/state/claviger";

/// Holds a lock as any process of the user can.
fn hold(home: &Home, below: &str) -> File {
    let path = home.path(STATE).join(below);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    let file = File::options().create(true).append(true).open(path).expect("a file");
    file.lock().expect("held");
    file
}

#[test]
fn a_secret_that_is_kept_is_listed_though_the_caller_has_left() {
    let home = Home::new();
    let _daemon = home.daemon();
    let store = home.path(STATE).join("accounts");
    let children = || processes(store.to_str().expect("UTF-8"));
    let lock = hold(&home, "accounts/late.lock");
    block_on(async {
        let message = v1::SaveSecretRequest {
            session: Some(home.session().to_proto()),
            name: "late".into(),
            kind: v1::AccountKind::ApiKey.into(),
            secret: Some(claviger::Secret::new(secret("late"))),
            place: StorePlace::File.into(),
            ..Default::default()
        };
        let mut service = connect(&home).await.accounts();
        let leaves = async {
            while children().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = service.save_secret(request(message)) => panic!("the lock is held"),
            () = leaves => {}
        }
    });
    drop(lock);
    wait::until("it is listed", || list(&home).expect("a list").iter().any(|account| account.name == "late"));
    assert_eq!(token(&home).expect("a key"), secret("late"));
}

#[test]
fn a_lock_that_is_never_given_back_holds_up_nobody_else() {
    let _turn = claviger_tests::turn::take();
    let home = Home::new();
    let _daemon = home.daemon();
    save(&home, "one", &secret("one"), StorePlace::File).expect("saved");
    assert_eq!(token(&home).expect("a key"), secret("one"));
    let _lock = hold(&home, "accounts.lock");
    std::thread::scope(|scope| {
        let saving = scope.spawn(|| save(&home, "two", &secret("two"), StorePlace::File));
        let mut lent = 0;
        while !saving.is_finished() {
            assert_eq!(token(&home).expect("a key"), secret("one"));
            lent += 1;
        }
        assert!(lent > 2, "held up for as long as the lock is waited for");
        let refused = saving.join().expect("no panic").expect_err("the list is locked");
        assert_problem(&refused, Reason::SourceUnavailable, "has held the lock for more than 5 s");
    });
}

#[test]
fn a_command_changes_neither_whose_secret_is_lent_nor_where_it_is() {
    let home = Home::new();
    let _daemon = home.daemon();
    save(&home, "one", &secret("one"), StorePlace::File).expect("saved");
    save(&home, "two", &secret("two"), StorePlace::File).expect("saved");
    home.ok(&["use", "one"]);
    let said = home.path("said");
    let run = |words: &str| {
        format!(
            "env -i HOME=\"$HOME\" XDG_RUNTIME_DIR=\"$XDG_RUNTIME_DIR\" '{}' --no-start {words} > /dev/null 2>> '{}'",
            binary("claviger").display(),
            said.display()
        )
    };
    let words = ["use two", "accounts move --to file", "unlock"];
    let body = words.map(run).join("\n");
    let helper = home.script("helper.sh", &format!("{body}\necho {}", secret("helper")));
    home.user_settings(&helper, &[]);
    assert_eq!(home.ok(&["token"]).trim(), secret("helper"));
    let said = home.read("said");
    assert_eq!(said.matches("a command that claviger runs").count(), words.len(), "{said}");
    let used = list(&home).expect("a list").into_iter().find(|account| account.in_use);
    assert_eq!(used.map(|account| account.name).as_deref(), Some("one"));
}

#[tokio::test]
async fn a_client_secret_is_not_sent_to_the_server_of_an_earlier_section() {
    const CONFIG: &str = "home/.config/claviger/config.toml";
    let (former, present) = (Issuer::start(), Issuer::start());
    let home = former.home("client_secret_command = \"echo sk-canary-former\"");
    let _daemon = home.daemon();
    former.sign_in(&home).await.expect("signed in");
    refresh(&home).await.expect("refreshed");
    let secret = |issuer: &Issuer| {
        let last = issuer.server.requests().pop().expect("a request");
        last.header("authorization").starts_with("Basic ") || last.field("client_secret").is_some()
    };
    assert!(secret(&former));
    former.publishes(json!({}));
    home.replace(CONFIG, &present.section("work", "client_secret_command = \"echo sk-canary-present\""));
    let asked = former.asked();
    refresh(&home).await.expect("refreshed");
    assert_eq!(former.asked(), asked + 1);
    assert!(!secret(&former));
    log_out(&home, "work").await;
    assert!(!secret(&former));
    present.sign_in(&home).await.expect("signed in");
    refresh(&home).await.expect("refreshed");
    assert!(secret(&present));
}

#[tokio::test]
async fn what_nobody_could_read_or_should_open_ends_a_login() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    let base = &issuer.server.url;
    issuer.publishes(json!({ "authorization_endpoint": format!("{base}/auth?x={}", "x".repeat(5000)) }));
    let problem = issuer.sign_in(&home).await.expect_err("too long");
    assert_problem(&problem, Reason::SourceUnavailable, "too long to be shown");
    for (key, value, part) in [
        ("user_code", "U".repeat(5000), "too long to be shown"),
        ("verification_uri", "javascript:alert(1)".to_owned(), "not a web page"),
        ("verification_uri_complete", "file:///etc/passwd".to_owned(), "not a web page"),
        ("verification_uri_complete", "-https://example.com".to_owned(), "not a web page"),
    ] {
        let mut device = claviger_tests::issuer::device();
        device[key] = json!(value);
        issuer.starts_devices_with(Response::json(device));
        let login = Login::start(&home, |start| start.flow = LoginFlow::Device.into()).await;
        assert_problem(&login.end().await.expect_err(part), Reason::SourceUnavailable, part);
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn a_server_elsewhere_does_not_point_at_this_machine() {
    let authority = Authority::new();
    let (issuer, victim) = (Issuer::start_tls(&authority), Issuer::start());
    let mut home = issuer.home("");
    let pem = home.write("ca.pem", &authority.pem());
    home.set("SSL_CERT_FILE", pem.to_str().expect("UTF-8"));
    let _daemon = home.daemon();
    let token = format!("{}/token", victim.server.url);
    issuer.publishes(json!({ "token_endpoint": token }));
    let problem = issuer.sign_in(&home).await.expect_err("not there");
    assert_problem(&problem, Reason::SettingsInvalid, "neither https");
    assert!(victim.server.requests().is_empty());
}

#[tokio::test]
async fn a_project_that_nobody_trusts_says_not_where_a_refresh_goes() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (issuer, proxy) = (Issuer::start_tls(&authority), Issuer::start());
    let mut home = issuer.home("client_secret_command = \"echo run >> $HOME/ran; echo sk-canary-secret\"");
    let pem = home.write("ca.pem", &authority.pem());
    let other = home.write("other.pem", &stranger.pem());
    home.set("SSL_CERT_FILE", pem.to_str().expect("UTF-8"));
    let _daemon = home.daemon();
    let hostile = |name: &str, value: &str| {
        home.write("work/.claude/settings.json", &json!({ "env": { name: value } }).to_string());
    };
    for (name, value) in [
        ("HTTPS_PROXY", proxy.server.url.as_str()),
        ("https_proxy", &proxy.server.url),
        ("ALL_PROXY", &proxy.server.url),
        ("SSL_CERT_FILE", other.to_str().expect("UTF-8")),
        ("HOME", "/tmp/nowhere"),
        ("XDG_STATE_HOME", "/tmp/nowhere"),
        ("PATH", "/tmp/nowhere"),
    ] {
        hostile(name, value);
        issuer.sign_in(&home).await.unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let refused = refresh(&home).await.expect_err(name);
        assert_problem(&refused, Reason::WorkspaceUntrusted, name);
    }
    let asked = (issuer.asked(), home.read("home/ran"));
    for (name, value) in [("ANTHROPIC_BASE_URL", proxy.server.url.as_str()), ("CLAVIGER_ACCOUNT", "other")] {
        hostile(name, value);
        let refused = refresh(&home).await.expect_err(name);
        assert_problem(&refused, Reason::WorkspaceUntrusted, name);
    }
    assert_eq!((issuer.asked(), home.read("home/ran")), asked);
    assert!(proxy.server.requests().is_empty());
}

#[tokio::test]
async fn only_so_many_logins_go_on_at_once() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    let mut logins = Vec::new();
    for _ in 0..16 {
        logins.push(Login::browser(&home).await);
    }
    let start = async || {
        let session = Some(home.session().to_proto());
        let start = v1::LoginStart { session, flow: LoginFlow::Browser.into(), ..Default::default() };
        let message = Some(v1::login_request::Message::Start(start));
        let requests = tokio_stream::once(v1::LoginRequest { message });
        unwrap(connect(&home).await.accounts().login(request(requests)).await).map(drop)
    };
    assert_problem(&start().await.expect_err("one too many"), Reason::SourceUnavailable, "16 logins");
    drop(logins.pop());
    // Until the daemon has seen that it was given up.
    let again = async {
        while start().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(wait::BOUND, again).await.expect("room for one");
}
