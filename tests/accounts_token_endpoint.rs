//! Token endpoints that say no, nonsense, too much or nothing: for a login's code, and for a refresh.

#![allow(clippy::disallowed_methods, reason = "tests prepare the world that the daemon looks at")]

mod support;

use claviger::{
    proto::v1::{self, LoginFlow},
    reason::{Problem, Reason},
};
use serde_json::{Value, json};
use std::time::Duration;
use support::{
    Daemon, Home,
    issuer::{CODE, Issuer, granted, redirected},
    login::{Login, account, connect, lent},
    stand_in::{Authority, Response, StandIn},
};

const CONFIG: &str = "home/.config/claviger/config.toml";
const MARK: &str = "sk-canary-said-by-the-server";

/// What is granted, but for `key`.
fn but(key: &str, value: Value) -> Response {
    let mut reply = granted("odd", 3600);
    reply[key] = value;
    Response::json(reply)
}

/// A refusal with everything that a server may say in one.
fn refusal(status: u16, error: &str) -> Response {
    Response::error(status, json!({ "error": error, "error_description": MARK, "error_uri": MARK }))
}

/// Answers of no use: what is made of them for a code, and for a refresh.
fn useless() -> Vec<(Response, Reason, &'static str)> {
    let unavailable = Reason::SourceUnavailable;
    let denied = Reason::UpstreamDenied;
    let granted_text = granted("cut", 3600).to_string();
    vec![
        (refusal(400, "invalid_client"), denied, "invalid_client"),
        (refusal(401, "invalid_client"), denied, "invalid_client"),
        (refusal(403, "unauthorized_client"), denied, "unauthorized_client"),
        (refusal(400, "sk-canary says: a sentence"), denied, "an error"),
        (refusal(400, "temporarily_unavailable"), unavailable, "temporarily_unavailable"),
        (Response::new(401, MARK), denied, "401"),
        (Response::new(403, format!("<html>{MARK}")), denied, "403"),
        (Response::new(400, ""), unavailable, "400"),
        (refusal(429, "invalid_grant").header("retry-after", "2"), unavailable, "429"),
        (refusal(500, "invalid_grant"), unavailable, "500"),
        (Response::new(503, MARK).header("retry-after", "99999999999"), unavailable, "503"),
        (refusal(200, "invalid_grant"), unavailable, "missing"),
        (Response::new(200, format!("<html>{MARK}")), unavailable, "nothing that OAuth knows"),
        (
            Response::new(200, &granted_text[..granted_text.len() - 9]),
            unavailable,
            "nothing that OAuth knows",
        ),
        (Response::new(200, ""), unavailable, "nothing that OAuth knows"),
        (Response::new(204, ""), unavailable, "204"),
        (Response::json(json!([MARK])), unavailable, "nothing that OAuth knows"),
        (Response::json(json!({})), unavailable, "missing"),
        (but("access_token", json!(null)), unavailable, "missing"),
        (but("access_token", json!(7)), unavailable, "missing"),
        (but("access_token", json!("")), unavailable, "empty"),
        (
            but("access_token", json!("sk-canary-a\r\nX-Evil: 1")),
            unavailable,
            "a character that no token has",
        ),
        (but("access_token", json!(format!("sk-canary-{}", "a".repeat(20_000)))), unavailable, "too long"),
        (but("token_type", json!("mac")), unavailable, "not a bearer token"),
        (but("expires_in", json!(0)), unavailable, "expired already"),
        (but("expires_in", json!(-3600)), unavailable, "expired already"),
        (
            Response::new(200, format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20))),
            unavailable,
            "more than 64 KiB",
        ),
    ]
}

/// Lifetimes that say nothing, or too much: the token is used all the same.
fn odd_lifetimes() -> Vec<Value> {
    vec![json!(null), json!("soon"), json!(1e12), json!("3600"), json!(3599.5), json!([1]), json!(u64::MAX)]
}

#[track_caller]
fn assert_problem(problem: &Problem, reason: Reason, part: &str) {
    assert_eq!(problem.reason, reason, "{problem}");
    assert!(problem.message.contains(part), "{part:?}: {problem}");
    let said = format!("{problem:?}");
    assert!(!said.contains(MARK) && !said.contains(CODE), "{said}");
}

/// Refreshes the account `work` of `home`.
async fn refresh(home: &Home) -> Result<(), Problem> {
    let session = Some(home.session().to_proto());
    let message = v1::RefreshRequest { session };
    let done = connect(home).await.inspect().refresh(claviger::client::request(message)).await;
    claviger::client::unwrap(done).map(drop)
}

/// An issuer, and a home that has signed in there.
async fn signed_in(seconds: u64) -> (Issuer, Home, Daemon) {
    let issuer = Issuer::start();
    issuer.answers(Response::json(granted("first", seconds)));
    let home = issuer.home("");
    let daemon = home.daemon();
    issuer.sign_in(&home).await.expect("signed in");
    // What the daemon holds is what a refresh replaces.
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    (issuer, home, daemon)
}

#[tokio::test]
async fn a_code_that_is_answered_badly_leaves_nothing_behind() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    let mut cases = useless();
    cases.push((refusal(400, "invalid_grant"), Reason::LoginRequired, "invalid_grant"));
    for (count, (response, reason, part)) in cases.into_iter().enumerate() {
        issuer.answers(response);
        let problem = issuer.sign_in(&home).await.expect_err(part);
        assert_problem(&problem, reason, part);
        assert_eq!(issuer.asked(), count + 1, "one attempt each: {part}");
        assert_eq!(account(&home, "work").await, None, "{part}");
    }
    assert_eq!(lent(&home, "").await.expect_err("nothing").reason, Reason::NoCredential);
    for (n, life) in odd_lifetimes().into_iter().enumerate() {
        let mut reply = granted(&n.to_string(), 0);
        reply["expires_in"] = life;
        issuer.answers(Response::json(reply));
        issuer.sign_in(&home).await.expect("signed in");
        assert_eq!(lent(&home, "").await.expect("a token"), format!("sk-canary-access-{n}"));
    }
    // One that is replaced badly stays.
    issuer.answers(Response::new(500, ""));
    issuer.sign_in(&home).await.expect_err("refused");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-6");
}

#[tokio::test]
async fn a_refresh_that_is_answered_badly_changes_nothing() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    let kept = account(&home, "work").await;
    for (count, (response, reason, part)) in useless().into_iter().enumerate() {
        issuer.answers(response);
        let problem = refresh(&home).await.expect_err(part);
        assert_problem(&problem, reason, part);
        assert_eq!(issuer.asked(), count + 2, "one attempt each: {part}");
        assert_eq!(lent(&home, "").await.expect(part), "sk-canary-access-first");
        assert_eq!(account(&home, "work").await, kept, "{part}");
    }
    for (n, life) in odd_lifetimes().into_iter().enumerate() {
        let mut reply = granted(&n.to_string(), 0);
        reply["expires_in"] = life;
        issuer.answers(Response::json(reply));
        refresh(&home).await.expect("recovered");
        assert_eq!(lent(&home, "").await.expect("a token"), format!("sk-canary-access-{n}"));
    }
}

#[tokio::test]
async fn a_server_says_when_to_come_back() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    for (told, heard) in [("7", 7), ("99999999999", 300)] {
        issuer.answers(Response::new(429, "").header("retry-after", told));
        let problem = refresh(&home).await.expect_err("busy");
        let left = problem.retry_after.expect("a pause");
        assert!(left <= Duration::from_secs(heard) && left > Duration::from_secs(heard / 2), "{left:?}");
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_is_kept_whatever_else_is_odd() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    issuer.answers(but("access_token", json!("")));
    refresh(&home).await.expect_err("of no use");
    issuer.answers(Response::json(granted("good", 3600)));
    refresh(&home).await.expect("recovered");
    let sent: Vec<_> =
        issuer.server.requests().iter().filter_map(|request| request.field("refresh_token")).collect();
    assert_eq!(sent, ["sk-canary-refresh-first", "sk-canary-refresh-odd"]);
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-good");
}

#[tokio::test]
async fn a_valid_token_outlives_a_daemon_whose_server_is_down() {
    let (issuer, home, daemon) = signed_in(3600).await;
    let mut reply = granted("second", 3600);
    reply.as_object_mut().expect("an object").remove("refresh_token");
    issuer.answers(Response::json(reply));
    refresh(&home).await.expect("refreshed");
    issuer.answers(Response::new(503, ""));
    refresh(&home).await.expect_err("down");
    assert!(daemon.terminate().success());
    let _daemon = home.daemon();
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-second");
    refresh(&home).await.expect_err("still down");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-second");
    issuer.answers(Response::json(granted("third", 3600)));
    refresh(&home).await.expect("recovered");
    let last = issuer.server.requests().pop().expect("a request");
    assert_eq!(last.field("refresh_token").as_deref(), Some("sk-canary-refresh-first"), "it was not rotated");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-third");
}

#[tokio::test]
async fn only_invalid_grant_ends_a_login_and_nobody_asks_again() {
    let (issuer, home, daemon) = signed_in(3600).await;
    issuer.answers(refusal(400, "invalid_grant"));
    let problem = refresh(&home).await.expect_err("spent");
    assert_problem(&problem, Reason::LoginRequired, "invalid_grant");
    assert!(problem.hint.as_deref().unwrap_or_default().contains("claviger login work"), "{problem:?}");
    let asked = issuer.asked();
    // What is still good is lent, and somebody is told.
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    let noted = account(&home, "work").await.expect("it is kept").problem.expect("a problem");
    assert!(noted.message.contains("invalid_grant"), "{noted:?}");
    issuer.answers(Response::json(granted("second", 3600)));
    for _ in 0..3 {
        assert_eq!(refresh(&home).await.expect_err("spent").reason, Reason::LoginRequired);
    }
    assert!(daemon.terminate().success());
    let _daemon = home.daemon();
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    assert_eq!(refresh(&home).await.expect_err("spent").reason, Reason::LoginRequired);
    assert_eq!(issuer.asked(), asked, "a spent token is not sent again");
    assert!(!home.files("home/.local/state/claviger/accounts").is_empty());
    let again = issuer.sign_in(&home).await.expect("signed in");
    assert_eq!(again.problem, None);
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-second");
    refresh(&home).await.expect("refreshed");
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let (issuer, home, _daemon) = signed_in(3600).await;
    let elsewhere = StandIn::start(|_| Response::json(granted("stolen", 3600)));
    let own = format!("{}/token", issuer.server.url);
    for status in [301, 302, 303, 307, 308] {
        for to in [&elsewhere.url, &own, "//127.0.0.1:1/", ""] {
            let before = issuer.asked();
            issuer.answers(refusal(status, "invalid_grant").header("location", to));
            assert_problem(
                &refresh(&home).await.expect_err("no"),
                Reason::SourceUnavailable,
                &status.to_string(),
            );
            assert_problem(
                &issuer.sign_in(&home).await.expect_err("no"),
                Reason::SourceUnavailable,
                &status.to_string(),
            );
            assert_eq!(issuer.asked(), before + 2);
        }
    }
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
}

#[tokio::test]
async fn certificates_are_checked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let issuer = Issuer::start_tls(&authority);
    let (says, other) = (granted("x", 3600), granted("y", 3600));
    let misnamed = StandIn::start_tls_as(&authority, "other.example", move |_| Response::json(says.clone()));
    let strange = StandIn::start_tls(&stranger, move |_| Response::json(other.clone()));
    let mut home = issuer.home("");
    let pem = home.write("ca.pem", &authority.pem());
    home.set("SSL_CERT_FILE", pem.to_str().expect("UTF-8"));
    let _daemon = home.daemon();
    issuer.sign_in(&home).await.expect("signed in");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-first");
    refresh(&home).await.expect("refreshed");
    for server in [&misnamed, &strange] {
        let endpoint = format!("token_endpoint = \"{}/token\"", server.url);
        home.replace(CONFIG, &issuer.section("work", &endpoint));
        let problem = issuer.sign_in(&home).await.expect_err("not who it should be");
        assert_problem(&problem, Reason::SourceUnavailable, "cannot be reached");
        assert!(server.requests().is_empty(), "nothing was sent");
    }
    // The login that was made before goes on with the endpoint it was made at.
    refresh(&home).await.expect("refreshed");
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_given_up() {
    let issuer = Issuer::start();
    let home = Home::new();
    let base = &issuer.server.url;
    let slow = |name: &str| issuer.section(name, &format!("token_endpoint = \"{base}/{name}\""));
    home.write(CONFIG, &format!("{}{}{}", issuer.section("work", ""), slow("never"), slow("drips")));
    let _daemon = home.daemon();
    let mut login = Login::start(&home, |start| start.name = "work".into()).await;
    let Ok(v1::login_response::Event::Url(url)) = login.next().await else { panic!("no URL") };
    login.paste(&redirected(&url)).await;
    login.end().await.expect("signed in");
    lent(&home, "work").await.expect("a token");
    issuer.answers(Response::never());
    let sign_in = async |name: &str| {
        let mut login = Login::start(&home, |start| start.name = name.into()).await;
        let Ok(v1::login_response::Event::Url(url)) = login.next().await else { panic!("no URL") };
        login.paste(&redirected(&url)).await;
        login.end().await
    };
    let (never, drips, refreshed) = tokio::join!(sign_in("never"), sign_in("drips"), refresh(&home));
    for problem in [never.expect_err("never"), drips.expect_err("drips"), refreshed.expect_err("refresh")] {
        assert_problem(&problem, Reason::SourceTimeout, "did not answer within 10 s");
    }
    assert_eq!(lent(&home, "work").await.expect("a token"), "sk-canary-access-first");
}

#[tokio::test]
async fn metadata_that_cannot_be_trusted_end_a_login_before_it_begins() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    let invalid = Reason::SettingsInvalid;
    for (changes, reason, part) in [
        (json!({ "issuer": "https://other.example" }), invalid, "another issuer"),
        (json!({ "issuer": null }), invalid, "another issuer"),
        (json!({ "issuer": ["x"] }), Reason::SourceUnavailable, "no usable metadata"),
        (json!({ "token_endpoint": "http://login.example.com/token" }), invalid, "neither https"),
        (json!({ "authorization_endpoint": "http://login.example.com/" }), invalid, "neither https"),
        (json!({ "token_endpoint": "http://127.0.0.1@login.example.com/" }), invalid, "neither https"),
        (json!({ "token_endpoint": "http://127.0.0.1.example.com/" }), invalid, "neither https"),
        (json!({ "revocation_endpoint": "ftp://127.0.0.1/" }), invalid, "neither https"),
        (json!({ "authorization_endpoint": "javascript:alert(1)" }), invalid, "neither https"),
        (json!({ "authorization_endpoint": null }), invalid, "no authorization_endpoint"),
        (json!({ "token_endpoint": null }), invalid, "no token_endpoint"),
        (json!({ "code_challenge_methods_supported": ["plain"] }), invalid, "S256"),
        (json!({ "code_challenge_methods_supported": [] }), invalid, "S256"),
    ] {
        issuer.publishes(changes);
        assert_problem(&issuer.sign_in(&home).await.expect_err(part), reason, part);
    }
    assert_eq!(issuer.asked(), 0);
    // One that says nothing of PKCE gets it all the same.
    issuer.publishes(json!({ "code_challenge_methods_supported": null }));
    issuer.sign_in(&home).await.expect("signed in");
    let verifier = issuer.server.requests().pop().and_then(|request| request.field("code_verifier"));
    assert!(verifier.expect("a verifier").len() >= 43);
}

#[tokio::test]
async fn nothing_goes_over_the_network_in_the_clear() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    for (key, url) in [
        ("token_endpoint", "http://login.example.com/token"),
        ("authorization_endpoint", "http://localhost.example.com/auth"),
        ("revocation_endpoint", "http://127.0.0.2.example.com/revoke"),
    ] {
        home.replace(CONFIG, &issuer.section("work", &format!("{key} = \"{url}\"")));
        let problem = issuer.sign_in(&home).await.expect_err(key);
        assert_problem(&problem, Reason::SettingsInvalid, &format!("{key} is neither https"));
        assert_eq!(problem.location.expect("a place").line, 1);
    }
    assert!(issuer.server.requests().is_empty());
}

#[tokio::test]
async fn a_client_secret_goes_where_the_server_takes_it() {
    let issuer = Issuer::start();
    let home = issuer.home("client_secret_command = \"echo sk-canary-secret:/+\"");
    let _daemon = home.daemon();
    for (methods, in_body) in [
        (json!(null), false),
        (json!(["client_secret_basic", "client_secret_post"]), false),
        (json!(["client_secret_post"]), true),
    ] {
        issuer.publishes(json!({ "token_endpoint_auth_methods_supported": methods }));
        issuer.sign_in(&home).await.expect("signed in");
        let code = issuer.server.requests().pop().expect("a request");
        lent(&home, "").await.expect("a token");
        refresh(&home).await.expect("refreshed");
        let refreshed = issuer.server.requests().pop().expect("a request");
        assert_eq!(refreshed.field("grant_type").as_deref(), Some("refresh_token"));
        for request in [code, refreshed] {
            let in_header = request.header("authorization").starts_with("Basic ");
            let sent = request.field("client_secret");
            assert_eq!((in_header, sent.is_some()), (!in_body, in_body), "{methods}");
            assert!(sent.is_none_or(|secret| secret == "sk-canary-secret:/+"));
        }
    }
}

#[tokio::test]
async fn a_device_is_asked_for_at_the_pace_that_the_server_wants() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    issuer.answers(refusal(400, "authorization_pending"));
    let (login, code) = Login::device(&home).await;
    assert_eq!((code.user_code.as_str(), code.verification_uri_complete.as_str()), ("ABCD-EFGH", ""));
    support::wait::until("it was asked", || issuer.asked() >= 1);
    issuer.answers(refusal(400, "slow_down"));
    let before = issuer.asked();
    support::wait::until("it was slowed down", || issuer.asked() > before);
    // A server in trouble is asked again, too.
    issuer.answers(Response::new(503, MARK));
    let before = issuer.asked();
    support::wait::until("it was in trouble", || issuer.asked() > before);
    issuer.answers(Response::json(granted("device", 3600)));
    login.end().await.expect("signed in");
    assert_eq!(lent(&home, "").await.expect("a token"), "sk-canary-access-device");
    let sent = issuer.server.requests().pop().expect("a request");
    assert_eq!(sent.field("device_code").as_deref(), Some("sk-canary-device"));
}

#[tokio::test]
async fn what_a_device_endpoint_says_is_checked_too() {
    let issuer = Issuer::start();
    let home = issuer.home("");
    let _daemon = home.daemon();
    for (answer, reason, part) in [
        (refusal(400, "expired_token"), Reason::SourceTimeout, "nobody typed in"),
        (refusal(400, "access_denied"), Reason::UpstreamDenied, "access_denied"),
        (refusal(400, "invalid_client"), Reason::UpstreamDenied, "invalid_client"),
        (Response::new(200, MARK), Reason::SourceUnavailable, "nothing that OAuth knows"),
        (but("access_token", json!("")), Reason::SourceUnavailable, "empty"),
    ] {
        issuer.answers(answer);
        let (login, _) = Login::device(&home).await;
        assert_problem(&login.end().await.expect_err(part), reason, part);
    }
    for (answer, reason, part) in [
        (refusal(400, "unauthorized_client"), Reason::UpstreamDenied, "unauthorized_client"),
        (Response::new(500, MARK), Reason::SourceUnavailable, "500"),
        (Response::new(200, MARK), Reason::SourceUnavailable, "nothing that OAuth knows"),
        (started("interval", json!(u64::MAX)), Reason::SourceUnavailable, "interval"),
        (started("expires_in", json!(u64::MAX)), Reason::SourceUnavailable, "nothing that OAuth knows"),
        (started("device_code", json!(null)), Reason::SourceUnavailable, "nothing that OAuth knows"),
        (started("expires_in", json!(0)), Reason::SourceTimeout, "nobody typed in"),
    ] {
        issuer.starts_devices_with(answer);
        let login = Login::start(&home, |start| start.flow = LoginFlow::Device.into()).await;
        assert_problem(&login.end().await.expect_err(part), reason, part);
    }
    assert_eq!(account(&home, "work").await, None);
}

/// The start of a device flow, but for `key`.
fn started(key: &str, value: Value) -> Response {
    let mut started = support::issuer::device();
    started[key] = value;
    Response::json(started)
}
